"""Pure rules of the slot ahead: the one that has to be done next, and by when."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits.domain.slot_status import (
    days_met,
    evaluate_slot,
    excuse,
    is_met,
    occurrences_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.history import History, Version
    from habitkit.habits.domain.runs import Folded
    from habitkit.habits.domain.streaks import Slot

__all__ = ["Ahead", "days_to_check", "listed_by", "next_slot"]

_DAY = timedelta(days=1)
_TEN_YEARS = timedelta(days=3653)


class Ahead(NamedTuple):
    """The slot that has to be done next.

    Attributes:
        slot: The slot.
        slack: How many of its days from today on may still pass undone.
        asks: True if something needs to be recorded in it.
        act_by: Until when that has to be begun; None if nothing is asked or it is too late.
    """

    slot: Slot
    slack: int
    asks: bool
    act_by: datetime | None


def next_slot(history: History, slots: list[Slot]) -> Ahead | None:
    """Return the first slot from today on that is still to be decided, within ten years."""
    if history.archived:
        return None
    for slot in slots:
        if slot.last >= history.today and slot.status == "OPEN":
            return _ahead(history, history.version_on(slot.first), slot)
    after = slots[-1].last + _DAY if slots else history.start
    last = _ten_years_after(history.today)
    paused = history.paused_until(last)
    for version, span in occurrences_of(history, after, last):
        if span.first >= paused:
            return None
        if span.last < history.today or excuse(history, version, span) is not None:
            continue
        slot = evaluate_slot(history, version, span, open_still=True)
        if slot.status == "OPEN":
            return _ahead(history, version, slot)
    return None


def _ahead(history: History, version: Version, slot: Slot) -> Ahead:
    """Measure how much slack a slot leaves."""
    goal, schedule = version.goal, version.schedule
    done = days_met(history, version, slot.first, slot.last)
    wanting = max(0, slot.needed - len(done)) if schedule.by_days else int(not is_met(goal, slot))
    asks = goal.kind not in {"avoid", "at_most"} or (
        not slot.completions and goal.unrecorded == "missed"
    )
    if goal.turns and not wanting:
        asks = False
    if not asks:
        return Ahead(slot, 0, asks, None)
    left = [
        day
        for day in _days(max(slot.first, history.today), slot.last)
        if day not in done and history.exempt_reason(day, schedule) is None
    ]
    slack = len(left) - wanting
    if slack < 0 or not wanting:
        return Ahead(slot, max(0, slack), asks, None)
    act_by = min(history.deadline(schedule, left[slack]), slot.deadline)
    return Ahead(slot, slack, asks, act_by)


def days_to_check(history: History, latest: datetime) -> Iterator[datetime]:
    """Yield the instants at which a day begins or ends that changes something by itself.

    That is a day which a rolling schedule fills in, for it may earn a freeze as it begins, and
    today if the habit is archived only from a later day on. Of one that is not archived, also an
    instant at the latest.
    """
    today = history.today
    if not history.archived:
        yield latest
    elif today < history.lasting_until:
        yield history.timeline.ends(today)
    filled_in = {day for days in history.automatic.values() for day in days if day > today}
    earning = [day for day in filled_in if history.freeze_rule_on(day) is not None]
    if earning:
        yield history.timeline.begins(min(earning))


def listed_by(history: History, folded: Folded, ahead: Ahead | None) -> datetime | None:
    """Return the earliest ``act_by`` that the facts give, now or as time passes; None for none.

    A store lists streaks by it. It is early where the slot ahead asks for nothing, or is lost but
    for a freeze, while a later one may ask: the end of the slot ahead then.
    """
    if ahead is None:
        return None
    slot, streak = ahead.slot, folded.streak.slots
    if ahead.act_by is not None and streak:
        return ahead.act_by
    goes_on = not ahead.asks or (streak and folded.freezes.left(slot.last))
    later = (version.goal for version in history.versions_from(slot.first))
    return slot.deadline if goes_on and any(_may_ask(goal) for goal in later) else None


def _may_ask(goal: Goal) -> bool:
    """Return whether a slot without a record may be missed."""
    return goal.kind not in {"avoid", "at_most"} or goal.unrecorded == "missed"


def _days(first: date, last: date) -> Iterator[date]:
    return (first + _DAY * at for at in range((last - first).days + 1))


def _ten_years_after(day: date) -> date:
    return day + min(_TEN_YEARS, date.max - day)
