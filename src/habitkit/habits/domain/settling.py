"""Pure rules of when a slot is sealed, and when its credit is settled for good."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.rolling import longest

if TYPE_CHECKING:
    from datetime import date, datetime

    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.streaks import Slot
    from habitkit.habits.domain.timeline import Timeline

__all__ = ["first_open_day", "sealed_at", "settles_at"]

_DAY = timedelta(days=1)


def sealed_at(slot: Slot) -> datetime:
    """Return after which instant what a slot entitles to is final."""
    return slot.deadline + LATE_WINDOW


def settles_at(history: History, slot: Slot) -> datetime:
    """Return after which instant no check-in that is received in time can change a slot.

    That is when it is sealed, with one exception: under a rolling schedule a day that is not done
    may still be filled in by a check-in on a later day, as long as a done day before it is near.
    """
    if slot.status == "MISSED":
        version = history.version_on(slot.first)
        if version.schedule.kind == "rolling":
            span = longest(version.schedule.span)
            done = history.done[version]
            before = bisect_left(done, slot.first)
            if before and (slot.first - done[before - 1]).days < span:
                last = done[before - 1] + _DAY * (span - 1)
                return max(slot.deadline, history.timeline.ends(last)) + LATE_WINDOW
    return sealed_at(slot)


def first_open_day(timeline: Timeline, now: datetime) -> date:
    """Return the first day that ended less than 48 hours ago, or has not ended yet."""
    final = now - LATE_WINDOW
    day = timeline.label(final - timedelta.resolution)
    while timeline.ends(day - _DAY) >= final:
        day -= _DAY
    return day
