"""Turning errors of redis-py into those of limits."""

from __future__ import annotations

import re

from redis import exceptions

from habitkit.errors import StoreError
from habitkit.limits.errors import LimitsUnavailable

__all__ = ["FAILURES", "failure", "is_unavailable"]

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
    exceptions.TryAgainError,
    exceptions.RedisClusterException,
    OSError,  # TimeoutError is one
)
# Redis 6.2 puts an error inside a script into the text of another.
_STATES = re.compile(
    r"\b(BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOAUTH|NOREPLICAS|OOM|READONLY|UNKILLABLE)\b"
)
_FOREIGN = re.compile(r"\b(HKBROKEN|WRONGTYPE)\b")


def is_unavailable(error: Exception) -> bool:
    """Return whether an error says that the server cannot be used now."""
    return isinstance(error, _UNAVAILABLE) or _STATES.search(str(error)) is not None


def failure(error: Exception, key: bytes) -> StoreError:
    """Return the error of limits for one of redis-py.

    Args:
        error: What redis-py raised.
        key: The key of the call.
    """
    reason = str(error) or type(error).__name__
    if is_unavailable(error):
        return LimitsUnavailable("redis", reason)
    if _FOREIGN.search(reason):
        shown = key[:80].decode(errors="replace")
        return StoreError(
            f"the Redis key {shown!r} holds something that is not rate limits; delete it, or give "
            "RedisLimits another prefix"
        )
    return StoreError(f"Redis refused a rate limit: {reason}")
