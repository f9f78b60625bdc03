"""Pure evaluation: the state of a habit, its slots and their explanations, from its facts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.errors import InvalidInstant
from habitkit.habits.domain.ahead import next_slot
from habitkit.habits.domain.changes import Change, ClockChanged
from habitkit.habits.domain.credited import credited
from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.facts import Archived, FreezeGranted, Pause, Restored
from habitkit.habits.domain.history import History
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.runs import Folded, fold_slots
from habitkit.habits.domain.slot_status import slots as slots_of
from habitkit.habits.domain.streaks import Checkpoint, HabitState, Slot, Totals
from habitkit.habits.domain.strength import Strength, smoothed, strength_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from habitkit.habits.domain.ahead import Ahead
    from habitkit.habits.domain.day_clock import DayClock
    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.freeze_rule import FreezeRule
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.schedules import Schedule
    from habitkit.habits.domain.streaks import CreditBoundary, Risk, Status

__all__ = [
    "Explanation",
    "evaluate",
    "explanation",
    "fold_history",
    "habit_state",
    "slots",
    "state_before",
    "strength_before",
    "totals_before",
]


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
        clock: The clock in force on the day.
        freezes: The freeze rule in force on the day, or None.
        facts: The facts dated in the slot, and those of the owner and the habit that reach into it.
    """

    day: date
    status: Status
    why: str
    slot: Slot | None
    schedule: Schedule
    goal: Goal
    clock: DayClock
    freezes: FreezeRule | None
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
    days = history.days_recorded(first, last)
    seen = [
        *(record for at in days for record in history.records(at, None)),
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
        clock=history.clock_on(day),
        freezes=history.freeze_rule_on(day),
        facts=tuple(seen),
    )


def _reaches(fact: Fact, first: date, last: date) -> bool:
    """Return whether a fact other than a check-in concerns some days."""
    if isinstance(fact, Pause):
        return fact.start <= last and first <= (fact.end or date.max)
    if isinstance(fact, FreezeGranted):
        return fact.effective_day <= last <= (fact.expires_day or date.max)
    if isinstance(fact, Change):
        return fact.effective_day <= (last if isinstance(fact, ClockChanged) else first)
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
        title=history.habit.title,
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


def _in_utc(now: object) -> datetime:
    if not isinstance(now, datetime) or now.tzinfo is None:
        raise InvalidInstant("now", given=now, expected="an aware datetime")
    return now.astimezone(UTC)


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
