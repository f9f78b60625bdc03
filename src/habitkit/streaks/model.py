"""Values of the streaks room."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from uuid import UUID

from habitkit._values import fact

__all__ = ["RebuildReport", "Snapshot", "Streak", "StreakState"]


@fact
class Streak:
    """A run of done days.

    Attributes:
        slots: How many days; 0 for no run at all.
        first: Its first day, or None.
        last: Its last day, or None.
    """

    slots: int
    first: date | None = None
    last: date | None = None


class Snapshot(NamedTuple):
    """A habit's history as a strip, one byte a day: ``1`` done, ``x`` missed.

    A strip begins and ends with a done day, or is empty; so the same facts give the same snapshot.

    Attributes:
        habit_id: The habit.
        owner: Whose habit.
        first_day: The day of the first mark; meaningless while the strip is empty.
        marks: The strip.
        best: The length of the longest run.
        rev: The owner's revision that wrote it.
    """

    habit_id: UUID
    owner: str
    first_day: date
    marks: bytes
    best: int
    rev: int


class StreakState(NamedTuple):
    """How a habit stands.

    Attributes:
        habit_id: The habit.
        today: The habit day for which this holds.
        done_today: True if that day is done.
        current: The run that is alive: it ends today or yesterday.
        best: The longest run ever, the latest of several.
    """

    habit_id: UUID
    today: date
    done_today: bool
    current: Streak
    best: Streak


class RebuildReport(NamedTuple):
    """What rebuilding snapshots from facts found.

    Attributes:
        habits: How many habits were rebuilt.
        repaired: Those whose snapshot differed from the facts and was replaced.
    """

    habits: int
    repaired: tuple[UUID, ...] = ()
