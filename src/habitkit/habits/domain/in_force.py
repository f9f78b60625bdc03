"""What is in force from one day until another: of dated changes, the last recorded of each day."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

__all__ = ["InForce"]

T = TypeVar("T")


class _Dated(Protocol):
    """A fact that something changes from a day on."""

    @property
    def effective_day(self) -> date: ...

    @property
    def at(self) -> datetime: ...

    @property
    def seq(self) -> int: ...


class InForce(Generic[T]):
    """A value that changes with days."""

    def __init__(self, first: T, changes: Iterable[tuple[_Dated, T]]) -> None:
        """Sort the changes.

        Args:
            first: What is in force before the first change.
            changes: The facts, in any order, each with what it puts in force.
        """
        of_days: dict[date, T] = {}
        for fact, value in sorted(changes, key=_recorded):
            of_days[fact.effective_day] = value
        self.first = first
        self.changes = sorted(of_days.items(), key=_day)
        """What comes into force, each with its day."""

    def on(self, day: date) -> T:
        """Return what is in force on a day."""
        if not self.changes:
            return self.first
        at = bisect_right(self.changes, day, key=_day)
        return self.changes[at - 1][1] if at else self.first


def _recorded(change: tuple[_Dated, object]) -> tuple[datetime, int]:
    return change[0].at, change[0].seq


def _day(change: tuple[date, object]) -> date:
    return change[0]
