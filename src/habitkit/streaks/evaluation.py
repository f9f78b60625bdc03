"""How a habit stands, from its facts alone: the pure function behind all that the kit says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.clock import instant
from habitkit.streaks.days import LATE_WINDOW
from habitkit.streaks.folding import Folded, Freezes, fold
from habitkit.streaks.judging import days_met, judge, spans
from habitkit.streaks.judging import slots as slots_of
from habitkit.streaks.life import Life
from habitkit.streaks.model import HabitState, Slot
from habitkit.streaks.strength import Strength, smoothed, strength_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from habitkit.habits.facts import Fact
    from habitkit.habits.model import Habit
    from habitkit.streaks.life import Version
    from habitkit.streaks.model import Risk

__all__ = ["evaluate", "slots"]

_DAY = timedelta(days=1)
_TEN_YEARS = timedelta(days=3653)


def evaluate(
    habit: Habit, facts: Iterable[Fact], *, now: datetime, strength: Strength | None = None
) -> HabitState:
    """Return how a habit stands; the same facts in any order give the same answer.

    Args:
        habit: The habit, as it was created.
        facts: All facts about it and its owner, in any order.
        now: The instant, aware.
        strength: How a slot moves the strength; ``smoothed`` by default.

    Raises:
        InvalidInstant: If ``now`` has no zone.
    """
    life = Life(habit, facts, instant(now))
    folded = _fold(life)
    return _state(life, folded, strength or smoothed)


def slots(habit: Habit, facts: Iterable[Fact], *, now: datetime) -> list[Slot]:
    """Return all slots of a habit's history, until today, in order.

    Args:
        habit: The habit, as it was created.
        facts: All facts about it and its owner, in any order.
        now: The instant, aware.

    Raises:
        InvalidInstant: If ``now`` has no zone.
    """
    return _fold(Life(habit, facts, instant(now))).slots


def _fold(life: Life) -> Folded:
    return fold(slots_of(life), Freezes(life.grants, life.habit.freezes), life.horizon)


def _state(life: Life, folded: Folded, strength: Strength) -> HabitState:
    """Put the answer together."""
    streak = folded.current
    ahead = _next(life, folded.slots) if streak.slots and not life.archived else None
    repair_until = None
    if folded.runs and not streak.slots:
        until = folded.runs[-1][1].deadline + LATE_WINDOW
        repair_until = until if life.now <= until and not life.archived else None
    holding = [slot for slot in folded.slots if slot.first <= life.today <= slot.last]
    start = 1.0 if life.habit.goal.kind in {"avoid", "at_most"} else 0.0
    return HabitState(
        life.habit.id,
        life.today,
        holding[0].status if holding else "EXEMPT",
        streak,
        folded.best,
        0 if ahead is None else ahead.slack,
        _risk(life, folded, ahead, repair_until),
        None if ahead is None else ahead.slot.deadline,
        repair_until,
        strength_of(folded.slots, strength, start),
        folded.freezes.left(life.today),
    )


class _Ahead(NamedTuple):
    """The slot that has to be done next.

    Attributes:
        slot: The slot.
        slack: How many of its days from today on may still pass undone.
        asks: True if something needs to be recorded in it.
    """

    slot: Slot
    slack: int
    asks: bool


def _next(life: Life, known: list[Slot]) -> _Ahead | None:
    """Return the first slot from today on that is still to be decided."""
    for slot in known:
        if slot.last >= life.today and slot.status == "OPEN":
            return _ahead(life, life.version_on(slot.first), slot)
    after = known[-1].last + _DAY if known else life.start
    for version, span in spans(life, after, _ten_years_after(life.today)):
        slot = judge(life, version, span, open_still=True)
        if slot.last >= life.today and slot.status == "OPEN":
            return _ahead(life, version, slot)
    return None


def _ahead(life: Life, version: Version, slot: Slot) -> _Ahead:
    """Measure how much room a slot leaves."""
    goal, schedule = version.goal, version.schedule
    asks = goal.kind != "avoid" and not (
        goal.kind == "at_most" and (slot.completions or goal.unrecorded != "missed")
    )
    if not asks:
        return _Ahead(slot, 0, asks)
    done = days_met(life, version, slot.first, slot.last) if slot.needed > 1 else set()
    left = [
        day
        for day in _days(max(slot.first, life.today), slot.last)
        if day not in done and life.freedom(day, schedule) is None
    ]
    return _Ahead(slot, max(0, len(left) - (slot.needed - len(done))), asks)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + _DAY * at for at in range((last - first).days + 1))


def _ten_years_after(day: date) -> date:
    return day + min(_TEN_YEARS, date.max - day)


def _risk(life: Life, folded: Folded, ahead: _Ahead | None, repair_until: datetime | None) -> Risk:
    """Return what threatens the streak."""
    if life.archived or not (folded.current.slots or folded.runs):
        return "NONE"
    if not folded.current.slots:
        return "BROKEN" if repair_until is None else "REPAIRABLE"
    if ahead is None or ahead.slot.first > life.today or not ahead.asks or ahead.slack:
        return "SAFE"
    return "PROTECTED" if folded.freezes.left(ahead.slot.last) else "AT_RISK"
