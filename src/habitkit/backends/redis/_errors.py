"""Turning errors of redis-py into those of limits and caches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from redis import exceptions

from habitkit.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAILURES", "Failures", "is_unavailable"]

FAILURES = (
    exceptions.RedisError,
    exceptions.RedisClusterException,
    exceptions.SlotNotCoveredError,
    TimeoutError,
    OSError,
)
"""What redis-py and its connections raise when a call fails."""

_UNAVAILABLE = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterError,
    exceptions.AskError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.RedisClusterException,
    OSError,  # TimeoutError is one
)
# For these redis-py has no class, or Redis 6.2 puts an error inside a script into another one.
_STATES = re.compile(
    r"\b(BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOAUTH|NOREPLICAS|OOM|READONLY|UNKILLABLE)\b"
)
_FORBIDDEN = re.compile(r"\bno permissions\b|\bThe user executing the script can't\b")
# Redis 6.2 writes "Error running script (call to f_SHA): @user_script:7: @user_script: 7: -CAUSE",
# Redis 7 "CAUSE script: SHA, on @user_script:7."
_BEFORE = re.compile(r"^(ERR )?Error running script \(.*?\): (@user_script: ?\d+: )*-?")
_BEHIND = re.compile(r" script: [0-9a-f]{40}, on @user_script: ?\d+\.?$")
_FOREIGN = re.compile(r"\b(HKBROKEN|WRONGTYPE)\b|\bvalue is not an integer\b")


def is_unavailable(error: Exception) -> bool:
    """Return whether an error says that the server cannot be used now."""
    return isinstance(error, _UNAVAILABLE) or _STATES.search(str(error)) is not None


class Failures:
    """Makes the errors of one module; called with an error of redis-py, it returns the module's."""

    def __init__(
        self,
        unavailable: Callable[[str, str], StoreError],
        *,
        contents: str,
        backend: str,
        refused: str,
        needed: str,
    ) -> None:
        """Use the words of a module.

        Args:
            unavailable: The class of its error for a backend that cannot be used now.
            contents: What its keys hold.
            backend: The name of its class.
            refused: What Redis does not want to do.
            needed: What the user of the server has to be allowed.
        """
        self._unavailable = unavailable
        self._contents = contents
        self._backend = backend
        self._refused = refused
        self._needed = needed

    def __call__(self, error: Exception, key: bytes) -> StoreError:
        """Return the error of the module for one of redis-py.

        Args:
            error: What redis-py raised.
            key: The key of the call.
        """
        reason = _reason(error)
        if is_unavailable(error):
            return self._unavailable("redis", reason)
        if _FOREIGN.search(reason):
            shown = key[:80].decode(errors="replace")
            return StoreError(
                f"the Redis key {shown!r} holds something that is not {self._contents}; delete "
                f"it, or give {self._backend} another prefix"
            )
        advice = f"; allow its user {self._needed}" if _FORBIDDEN.search(reason) else ""
        return StoreError(f"Redis refused {self._refused}: {reason}{advice}")


def _reason(error: Exception) -> str:
    """Return what an error says in one line, without where in the script it came up."""
    text = " ".join(str(error).split())
    return _BEFORE.sub("", _BEHIND.sub("", text)).removesuffix(".") or type(error).__name__
