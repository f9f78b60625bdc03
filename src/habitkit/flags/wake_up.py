"""Wake-ups: a process that changes flags tells the others, which then need not poll often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from habitkit import _logging
from habitkit.workflow import Outside

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.workflow import Steps

__all__ = ["WAKE_UP_SECONDS", "Announcements", "WakeUp"]

WAKE_UP_SECONDS = 0.5
"""How often a wake-up is polled."""

_RETRY_NS = 2_000_000_000
_log = _logging.logger("flags")


class WakeUp(Protocol):
    """A channel on which processes announce that flags have changed.

    ``announce`` and ``poll`` may be called by several threads; in async hosts they are called in a
    thread. Where they have to wait for a server, they do so for a second at most, and then raise.

    Attributes:
        name: What messages call it.
    """

    name: str

    def announce(self) -> None:
        """Tell the other processes that flags have changed; this one may hear it too."""
        ...

    def poll(self) -> bool:
        """Return whether somebody has announced a change since the last poll, without waiting.

        The first poll connects, and one that finds the connection lost connects again. Both return
        True, because announcements from before may have been missed.
        """
        ...

    def close(self) -> None:
        """Release what it holds. Closing twice is fine."""
        ...

    def after_fork(self) -> None:
        """Leave the connection to the parent; the next call makes another one."""
        ...


class Announcements:
    """Calls a wake-up in steps. A failure is logged once, and again only after a success.

    Args:
        wake_up: The wake-up.
        clock_ns: A clock in ns that never goes back.
    """

    def __init__(self, wake_up: WakeUp, clock_ns: Callable[[], int]) -> None:
        """Nothing has failed yet."""
        self._wake_up = wake_up
        self._ticks = clock_ns
        self._failing: set[str] = set()
        self._poll_at: int | None = None

    def poll(self) -> Steps[bool]:
        """Return whether a change was announced; False while the wake-up does not work."""
        if self._poll_at is not None and self._ticks() < self._poll_at:
            return False
        try:
            announced: bool = yield Outside(self._wake_up.poll, ())
        except Exception:  # noqa: BLE001 - the store is still looked at by the time
            self._poll_at = self._ticks() + _RETRY_NS  # others may wait for the same thread
            if self._is_new("poll"):
                _logging.warn(
                    _log,
                    "flags.wake_up_not_polled",
                    "a wake-up cannot poll; flags are refreshed at their interval alone",
                    key=self._wake_up.name,
                    exc_info=True,
                    wake_up=self._wake_up.name,
                )
            return False
        self._poll_at = None
        self._failing.discard("poll")
        return announced

    def announce(self) -> Steps[None]:
        """Announce a change."""
        try:
            yield Outside(self._wake_up.announce, ())
        except Exception:  # noqa: BLE001 - the change is committed; others see it by the time
            if self._is_new("announce"):
                _logging.warn(
                    _log,
                    "flags.wake_up_not_announced",
                    "a wake-up cannot announce; other processes see changes at their interval",
                    key=self._wake_up.name,
                    exc_info=True,
                    wake_up=self._wake_up.name,
                )
        else:
            self._failing.discard("announce")

    def after_fork(self) -> None:
        """Leave the connection to the parent."""
        self._wake_up.after_fork()

    def _is_new(self, call: str) -> bool:
        """Note that a call failed; return whether it did not do so before."""
        is_new = call not in self._failing
        self._failing.add(call)
        return is_new
