"""Charges of cancelled waits that cannot be given back yet, because others wait behind them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.limits.domain.decision import Charge

__all__ = ["Withheld", "WithheldCharges"]

_NS = 1_000_000_000
_MOST = 10_000


class Withheld(NamedTuple):
    """A charge that could not be given back.

    Attributes:
        taken: The charge.
        until: When it is over by itself.
    """

    taken: Charge
    until: int


class WithheldCharges:
    """What was not given back, until its time is over by itself.

    Who waits keeps its instant, so a place in front of it is not free before. Should all who wait
    behind it give up too, from the last to the first, it can be given back after all.

    Args:
        ticks: The clock, in nanoseconds; a monotonic one.
    """

    def __init__(self, ticks: Callable[[], int]) -> None:
        """Begin with none."""
        self._ticks = ticks
        self._lock = threading.Lock()
        self._of: dict[str, list[Withheld]] = {}
        self._size = 0

    def add(self, taken: Charge, reset_after_seconds: float) -> None:
        """Keep a charge.

        Args:
            taken: The charge; if there are too many, it is lost.
            reset_after_seconds: After how long it is over by itself.
        """
        self.keep(Withheld(taken, self._ticks() + int(reset_after_seconds * _NS)))

    def keep(self, withheld: Withheld) -> None:
        """Keep one that was removed."""
        with self._lock:
            if self._size >= _MOST:
                self._drop_those_over()
            if self._size < _MOST:
                self._size += 1
                self._of.setdefault(withheld.taken.subject, []).append(withheld)

    def pop(self, subject: str) -> list[Withheld]:
        """Remove those of a subject that are not over, and return them, the last charge first."""
        now = self._ticks()
        with self._lock:
            found = self._of.pop(subject, [])
            self._size -= len(found)
        pending = [it for it in found if it.until > now]
        return sorted(pending, key=lambda it: it.taken.marks, reverse=True)

    def forget(self, subject: str) -> None:
        """Forget those of a subject whose whole budget was given back."""
        self.pop(subject)

    def _drop_those_over(self) -> None:
        """Make room, by those of subjects that nobody has asked for since."""
        now = self._ticks()
        pending = {
            subject: [it for it in found if it.until > now] for subject, found in self._of.items()
        }
        self._of = {subject: found for subject, found in pending.items() if found}
        self._size = sum(map(len, self._of.values()))

    def after_fork(self) -> None:
        """Forget them: the waits are the parent's."""
        self._lock = threading.Lock()
        self._of, self._size = {}, 0
