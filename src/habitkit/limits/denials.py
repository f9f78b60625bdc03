"""Denials that a limiter remembers, so as not to ask a remote backend again before their time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from habitkit.limits.domain.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.limits.domain.limit import Limit

__all__ = ["Asked", "Denials"]

_NS = 1_000_000_000
_MOST_SUBJECTS = 10_000


class Asked(NamedTuple):
    """When a backend was asked.

    Attributes:
        at: What the clock showed.
        forgotten: How often a denial had been forgotten before.
    """

    at: int
    forgotten: int


class _Denial(NamedTuple):
    limits: tuple[Limit, ...]
    cost: int
    until: int
    decision: Decision


class Denials:
    """The last denial of each subject, for as long as it holds.

    A denied call takes nothing, and a budget comes back with time alone. So until its
    ``retry_after_seconds`` the same call, or one of a higher cost, is denied again, unless somebody
    gives the budget back: this process then forgets the denial, another one learns it too late.

    Args:
        ticks: The clock, in nanoseconds; a monotonic one.
    """

    def __init__(self, ticks: Callable[[], int]) -> None:
        """Begin with none."""
        self._ticks = ticks
        self._lock = threading.Lock()
        self._of: dict[str, _Denial] = {}
        self._forgotten = 0

    def asked(self) -> Asked:
        """Return what ``add`` needs to know of the moment before a backend is asked."""
        return Asked(self._ticks(), self._forgotten)

    def find(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int
    ) -> Decision | None:
        """Return the denial of a call if it is sure that it would be denied."""
        found = self._of.get(subject)
        if found is None:
            return None
        left = found.until - self._ticks()
        if left <= 0:
            self._of.pop(subject, None)
            return None
        if left <= max_wait_ns or cost < found.cost:
            return None
        if found.limits is not limits and found.limits != limits:
            return None
        before = found.decision
        passed = (before.retry_after_seconds or 0.0) - left / _NS
        reset = max(before.reset_after_seconds - passed, 0.0)
        return Decision(
            *(False, before.limit, limits, before.remaining, left / _NS, reset, 0.0, False)
        )

    def add(
        self, subject: str, limits: tuple[Limit, ...], cost: int, asked: Asked, decision: Decision
    ) -> None:
        """Remember a denial, unless something else than time may end it.

        That is so if no waiting helps, if a limit has a name, so that other numbers may be used for
        it, and if a denial was forgotten after the backend was asked: it may be this one.

        Args:
            subject: Whose budget.
            limits: The limits of the call.
            cost: How many were asked for.
            asked: What ``asked`` returned before the backend was asked.
            decision: The denial.
        """
        if not decision.retry_after_seconds or any(limit.name for limit in limits):
            return
        until = asked.at + int(decision.retry_after_seconds * _NS)
        with self._lock:
            if asked.forgotten != self._forgotten:
                return
            if len(self._of) >= _MOST_SUBJECTS and subject not in self._of:
                now = self._ticks()
                self._of = {key: it for key, it in self._of.items() if it.until > now}
                if len(self._of) >= _MOST_SUBJECTS:
                    self._of.clear()  # they are a shortcut, no more
            self._of[subject] = _Denial(limits, cost, until, decision)

    def forget(self, subject: str) -> None:
        """Forget what is known of a subject."""
        with self._lock:
            self._forgotten += 1
            self._of.pop(subject, None)

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()
