"""The queries of streaks: the state of habits, its explanation, slots and done days."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, get_args

from attrs import evolve

from habitkit import ids
from habitkit.clock import instant
from habitkit.habits import lookup
from habitkit.habits.domain.checkpoints import first_day_of
from habitkit.habits.domain.evaluation import explanation, fold_history
from habitkit.habits.domain.facts import Fact
from habitkit.habits.domain.known_facts import KnownFacts, received_at
from habitkit.habits.domain.steps import Start
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.habits.domain.evaluation import Explanation
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import HabitState, Slot, Streak
    from habitkit.transaction import Transaction

__all__ = [
    "dashboard",
    "done_days",
    "explain",
    "history",
    "runs",
    "simulate",
    "state",
]

_FACTS = get_args(Fact)
_AFTER_ALL = 2**63  # no stored fact has such a ``seq``


def state(tx: Transaction, habit_id: UUID | str) -> HabitState:
    """Return the current state of a habit: streak, risk, strength, freezes.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Raises:
        NotFound: If there is no such habit.
    """
    return lookup.state_of(tx, lookup.get(tx, habit_id))


def dashboard(tx: Transaction, owner: str) -> list[HabitState]:
    """Return the current state of all habits of an owner, in the order of the owner's list.

    Habits that are archived are left out.

    Args:
        tx: The transaction.
        owner: Whose habits.

    Raises:
        InvalidOwner: If the owner is not a valid name.
    """
    tx.own(ids.owner(owner))
    return lookup.states(tx, owner, _in_order(lookup.habits_of(tx, owner)))


def _in_order(habits: list[Habit]) -> list[Habit]:
    """Return habits by their position, those without one after the others, oldest first."""
    return sorted(
        habits, key=lambda habit: (habit.position is None, habit.position or 0, habit.seq)
    )


def history(tx: Transaction, habit_id: UUID | str, start: date, end: date) -> list[Slot]:
    """Return the slots of a habit that have a day between two days, oldest first.

    Args:
        tx: The transaction.
        habit_id: The habit.
        start: The first day.
        end: The last day.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If one of the days is not a date.
    """
    first, last = _day(start, "start"), _day(end, "end")
    slots = fold_history(_history_of(tx, habit_id, first)).slots
    return [slot for slot in slots if slot.last >= first and slot.first <= last]


def runs(tx: Transaction, habit_id: UUID | str, best: int = 10) -> list[Streak]:
    """Return the longest streaks of a habit, the longest first and of equal ones the latest.

    Args:
        tx: The transaction.
        habit_id: The habit.
        best: How many at most, 1 to 1000.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    limit = ids.limit(best)
    folded = fold_history(_history_of(tx, habit_id, date.min))
    all_runs = [run for run, _ in folded.runs] + ([folded.streak] if folded.streak.slots else [])
    return sorted(all_runs, key=lambda run: (run.slots, run.last), reverse=True)[:limit]


def explain(tx: Transaction, habit_id: UUID | str, day: date) -> Explanation:
    """Explain the status of a day: the slot, the rule, and the facts that decided it.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: The habit day.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If the day is not a date.
    """
    wanted = _day(day, "day")
    if wanted == date.max:
        raise InvalidHabit("day", given=day, expected=f"a day before {date.max}")
    return explanation(_history_of(tx, habit_id, wanted), wanted)


def simulate(tx: Transaction, habit_id: UUID | str, *facts: Fact) -> HabitState:
    """Return the state a habit would have if some facts were added; nothing is written.

    Args:
        tx: The transaction.
        habit_id: The habit.
        facts: The facts: a ``Pause`` for a vacation, a ``ScheduleChanged``, check-ins to come.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If one of them is not a fact.
        InvalidInstant: If the instant of one has no zone.
    """
    habit = lookup.get(tx, habit_id)
    for fact in facts:
        if not isinstance(fact, _FACTS):
            raise InvalidHabit(
                "facts", given=fact, expected="facts of habitkit.habits.domain.facts"
            )
        instant(getattr(fact, "at", tx.now), "at")
    facts = tuple(evolve(fact, seq=_AFTER_ALL + n) for n, fact in enumerate(facts))
    others = tx.port(HABITS).facts(habit.owner, habit.id)
    day = first_day_of(habit, facts, [*others, *facts])
    if tx.port(HABITS).known([fact.id for fact in facts]):  # replaces a stored fact
        day = date.min
    start = lookup.start(tx, habit, tx.port(STREAKS).get(habit.id), day)
    if start.since is not None and any(received_at(fact) < start.since for fact in facts):
        start = Start()  # what was known then would have been other facts
    known = lookup.known_facts(tx, habit, start, others)
    with_them = KnownFacts.of(habit, [*known.counting, *facts])
    voided = [*known.voided, *with_them.voided]
    return lookup.state(tx, habit, start, evolve(with_them, voided=voided))


def _history_of(tx: Transaction, habit_id: UUID | str, day: date) -> History:
    """Return the history of a habit, from a day on or from an earlier one."""
    return lookup.history(tx, lookup.get(tx, habit_id), day)


def _day(value: object, what: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise InvalidHabit(what, given=value, expected="a date")


def done_days(tx: Transaction, habit_id: UUID | str, start: date, end: date) -> list[date]:
    """Return the days on which a habit was done or recorded, oldest first.

    Args:
        tx: The transaction.
        habit_id: The habit.
        start: The first day that may be among them.
        end: The last day that may be among them.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If one of the days is not a date.
    """
    first, last = _day(start, "start"), _day(end, "end")
    habit = lookup.get(tx, habit_id)
    facts = tx.port(HABITS).live(habit.id, first)
    return sorted({fact.day for fact in facts if fact.amount and fact.day <= last})
