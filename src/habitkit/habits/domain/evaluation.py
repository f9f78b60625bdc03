"""Pure evaluation: the state of a habit, its slots and their explanations, from its facts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

from habitkit.errors import InvalidInstant
from habitkit.habits.domain.credited import credited
from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.facts import Archived, FreezeGranted, Pause, Restored, ScheduleChanged
from habitkit.habits.domain.history import History
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.runs import Folded, fold_slots
from habitkit.habits.domain.slot_status import (
    days_met,
    evaluate_slot,
    excuse,
    is_met,
    occurrences_of,
)
from habitkit.habits.domain.slot_status import slots as slots_of
from habitkit.habits.domain.streaks import Checkpoint, HabitState, Slot, Totals
from habitkit.habits.domain.strength import Strength, smoothed, strength_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.history import Version
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.schedules import Schedule
    from habitkit.habits.domain.streaks import CreditBoundary, Risk, Status

__all__ = [
    "Ahead",
    "Explanation",
    "evaluate",
    "explanation",
    "fold_history",
    "habit_state",
    "next_slot",
    "slots",
    "state_before",
    "strength_before",
    "totals_before",
]

_DAY = timedelta(days=1)
_TEN_YEARS = timedelta(days=3653)


def evaluate(
    habit: Habit, facts: Iterable[Fact], *, now: datetime, strength: Strength | None = None
) -> HabitState:
    """Return the state of a habit; the same facts in any order give the same result.

    Args:
        habit: The habit, as it was created.
        facts: All facts about it and its owner, in any order.
        now: The instant, aware.
        strength: How a slot moves the strength; ``smoothed`` by default.

    Raises:
        InvalidInstant: If ``now`` has no zone.
    """
    known = KnownFacts.of(habit, facts)
    history = History(habit, known.counting, _in_utc(now))
    return habit_state(history, known, strength=strength)


def slots(habit: Habit, facts: Iterable[Fact], *, now: datetime) -> list[Slot]:
    """Return all slots of a habit's history, until today, in order.

    Args:
        habit: The habit, as it was created.
        facts: All facts about it and its owner, in any order.
        now: The instant, aware.

    Raises:
        InvalidInstant: If ``now`` has no zone.
    """
    return fold_history(History(habit, facts, _in_utc(now))).slots


@frozen
class Explanation:
    """The explanation of a day's status.

    Attributes:
        day: The day.
        status: The status of its slot; EXEMPT if it lies in no slot.
        why: The rule that decided it.
        slot: The slot, or None.
        schedule: The schedule by which it is evaluated.
        goal: The goal by which it is evaluated.
        facts: The facts dated in the slot, and those of the owner and the habit that reach into it.
    """

    day: date
    status: Status
    why: str
    slot: Slot | None
    schedule: Schedule
    goal: Goal
    facts: tuple[Fact, ...]


def explanation(history: History, day: date) -> Explanation:
    """Explain the status of a day.

    Args:
        history: The habit's history.
        day: The habit day.
    """
    holding = [slot for slot in fold_history(history).slots if slot.first <= day <= slot.last]
    slot = holding[0] if holding else None
    version = history.version_on(slot.first if slot else day)
    first, last = (slot.first, slot.last) if slot else (day, day)
    seen = [
        *(
            record
            for at in history.days_recorded(first, last)
            for record in history.records(at, None)
        ),
        *(fact for fact in history.others if _reaches(fact, first, last)),
    ]
    why = slot.why if slot else history.exempt_reason(day, version.schedule) or "not due"
    status: Status = slot.status if slot else "EXEMPT"
    return Explanation(
        day=day,
        status=status,
        why=why,
        slot=slot,
        schedule=version.schedule,
        goal=version.goal,
        facts=tuple(seen),
    )


def _reaches(fact: Fact, first: date, last: date) -> bool:
    """Return whether a fact other than a check-in concerns some days."""
    if isinstance(fact, Pause):
        return fact.start <= last and first <= (fact.end or date.max)
    if isinstance(fact, FreezeGranted):
        return fact.effective_day <= last <= (fact.expires_day or date.max)
    if isinstance(fact, ScheduleChanged):
        return fact.effective_day <= first
    day = getattr(fact, "day", None)
    if isinstance(fact, Archived | Restored):
        return day is not None and day <= last
    return day is None or first <= day <= last


def fold_history(history: History, marked: Collection[date] = ()) -> Folded:
    """Fold a habit's slots in order.

    Args:
        history: The habit's history.
        marked: The days whose totals before them are wanted.
    """
    return fold_slots(history, slots_of(history), totals_before(history), marked)


def totals_before(history: History) -> Totals:
    """Return the totals before the first slot."""
    return history.since.done if isinstance(history.since, Checkpoint) else Totals()


def strength_before(history: History) -> float:
    """Return the strength before the first slot."""
    if isinstance(history.since, Checkpoint):
        return history.since.strength
    return 1.0 if history.habit.goal.kind in {"avoid", "at_most"} else 0.0


def habit_state(
    history: History,
    facts: KnownFacts,
    boundary: CreditBoundary | None = None,
    since: datetime | None = None,
    strength: Strength | None = None,
) -> HabitState:
    """Return the state of a habit.

    Args:
        history: The habit's history.
        facts: The facts that it was made of.
        boundary: Up to where credit is settled.
        since: When the boundary was determined.
        strength: How a slot moves the strength; ``smoothed`` by default.
    """
    slots = slots_of(history)
    folded = fold_slots(history, slots, totals_before(history))
    run = credited(history, slots, facts, boundary, since).run
    return state_before(
        history, folded, next_slot(history, folded.slots), strength or smoothed, run
    )


def state_before(
    history: History, folded: Folded, ahead: Ahead | None, strength: Strength, run: int
) -> HabitState:
    """Return the state of a habit before the slot that has to be done next.

    Args:
        history: The habit's history.
        folded: Its slots, folded.
        ahead: The slot that has to be done next.
        strength: How a slot moves the strength.
        run: How many slots the current credited streak has.
    """
    streak = folded.streak
    repair_until = None
    if folded.runs and not streak.slots:
        until = folded.runs[-1][1].deadline + LATE_WINDOW
        repair_until = until if history.now <= until and not history.archived else None
    holding = [slot for slot in folded.slots if slot.first <= history.today <= slot.last]
    return HabitState(
        habit_id=history.habit.id,
        today=history.today,
        status=holding[0].status if holding else "EXEMPT",
        streak=streak,
        best=folded.best,
        slack=0 if ahead is None else ahead.slack,
        risk=_risk(history, folded, ahead, repair_until),
        expires_at=ahead.slot.deadline if ahead is not None and streak.slots else None,
        repair_until=repair_until,
        strength=strength_of(folded.slots, strength, strength_before(history)),
        freezes=folded.freezes.left(history.today),
        credited=run,
        act_by=ahead.act_by if ahead is not None and streak.slots else None,
    )


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
    wanting = max(0, slot.needed - len(done)) if slot.needed > 1 else int(not is_met(goal, slot))
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


def _in_utc(now: object) -> datetime:
    if not isinstance(now, datetime) or now.tzinfo is None:
        raise InvalidInstant("now", given=now, expected="an aware datetime")
    return now.astimezone(UTC)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + _DAY * at for at in range((last - first).days + 1))


def _ten_years_after(day: date) -> date:
    return day + min(_TEN_YEARS, date.max - day)


def _risk(
    history: History, folded: Folded, ahead: Ahead | None, repair_until: datetime | None
) -> Risk:
    """Return what threatens the streak."""
    if history.archived or not folded.best.slots:
        return "NONE"
    if not folded.streak.slots:
        return "BROKEN" if repair_until is None else "REPAIRABLE"
    if ahead is None or ahead.slot.first > history.today or not ahead.asks or ahead.slack:
        return "SAFE"
    return "PROTECTED" if folded.freezes.left(ahead.slot.last) else "AT_RISK"
