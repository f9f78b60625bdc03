"""Pure rules of when a slot was completed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit.habits.domain.slot_status import met_by

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.habits.domain.facts import CheckIn
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.streaks import Slot

__all__ = ["completed_at"]


def completed_at(history: History, slot: Slot) -> datetime:
    """Return when a slot that is done by record was completed, in UTC.

    That is when the check-in that completes it was done, or where the goal is decided only when the
    slot ends, that end. It follows from the facts alone, whatever the order of their arrival.

    Args:
        history: The history that the slot belongs to.
        slot: The slot.
    """
    version = history.version_on(slot.first)
    if version.goal.turns:
        return slot.deadline
    moments = [
        (_moment(history, record), record)
        for day in history.days_recorded(slot.first, slot.last)
        for record in history.records(day, version.schedule.window)
    ]
    if len(moments) == 1:
        return moments[0][0]
    moments.sort(key=_when)
    so_far: list[CheckIn] = []
    for moment, record in moments:
        so_far.append(record)
        if met_by(version, slot.needed, so_far):
            return moment
    return slot.deadline


def _when(moment: tuple[datetime, CheckIn]) -> tuple[datetime, int]:
    return moment[0], moment[1].seq


def _moment(history: History, record: CheckIn) -> datetime:
    """Return when a check-in was done, moved into its habit day if it was recorded for it later."""
    timeline = history.timeline
    begins, ends = timeline.begins(record.day), timeline.ends(record.day)
    return min(max(record.at, begins), ends - timedelta.resolution)
