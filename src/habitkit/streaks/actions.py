"""The streaks' use cases: how a habit stands, which days are done, rebuild from facts."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, get_args

from habitkit import ids, streaks
from habitkit._action import action, query
from habitkit.clock import instant
from habitkit.errors import InvalidHabit, NotFound
from habitkit.habits.facts import Fact
from habitkit.streaks import plain, rules
from habitkit.streaks.days import zone
from habitkit.streaks.model import RebuildReport

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.habits.model import Habit
    from habitkit.streaks.evaluation import Explanation
    from habitkit.streaks.model import HabitState, Slot, Snapshot, Streak
    from habitkit.transaction import Transaction

__all__ = [
    "StreakActions",
    "dashboard",
    "done_days",
    "explain",
    "history",
    "rebuild",
    "runs",
    "simulate",
    "snapshot_of",
    "state",
]

_MOST_HABITS = 10_000
_FACTS = get_args(Fact)


def state(tx: Transaction, habit_id: UUID | str) -> HabitState:
    """Return how a habit stands now: streak, risk, strength, freezes.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Raises:
        NotFound: If there is no such habit.
    """
    habit = _habit(tx, habit_id)
    return _state(tx, habit, snapshot_of(tx, habit))


def dashboard(tx: Transaction, owner: str) -> list[HabitState]:
    """Return how all habits of an owner stand now, in the order of the owner's list.

    Habits that are archived are left out.

    Args:
        tx: The transaction.
        owner: Whose habits.

    Raises:
        InvalidOwner: If the owner is none.
    """
    tx.own(ids.owner(owner))
    snapshots = {snapshot.habit_id: snapshot for snapshot in tx.streaks.of_owner(owner)}
    found: list[HabitState] = []
    for habit in _in_order(tx.habits.of_owner(owner, None, _MOST_HABITS)):
        snapshot = snapshots.get(habit.id) or rules.empty(habit.id, owner)
        if snapshot.judged_at is None:
            found.append(plain.state(habit, snapshot, tx.now))
            continue
        life = streaks.Life(habit, _facts(tx, habit), tx.now)
        if not life.archived:
            found.append(streaks.answer(life, streaks.fold_life(life)))
    return found


def _state(tx: Transaction, habit: Habit, snapshot: Snapshot) -> HabitState:
    if snapshot.judged_at is None:
        return plain.state(habit, snapshot, tx.now)
    return streaks.evaluate(habit, _facts(tx, habit), now=tx.now)


def _in_order(habits: list[Habit]) -> list[Habit]:
    """Return habits by their place, those without one after the others, oldest first."""
    return sorted(habits, key=lambda habit: (habit.place is None, habit.place or 0, habit.id))


def history(tx: Transaction, habit_id: UUID | str, start: date, end: date) -> list[Slot]:
    """Return the slots of a habit that have a day between two days, oldest first.

    Args:
        tx: The transaction.
        habit_id: The habit.
        start: The first day.
        end: The last day.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If one of the days is none.
    """
    first, last = _day(start, "start"), _day(end, "end")
    return [slot for slot in _slots(tx, habit_id) if slot.last >= first and slot.first <= last]


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
    habit = _habit(tx, habit_id)
    folded = streaks.fold_life(streaks.Life(habit, _facts(tx, habit), tx.now))
    found = [run for run, _ in folded.runs] + ([folded.streak] if folded.streak.slots else [])
    return sorted(found, key=lambda run: (run.slots, run.last), reverse=True)[:limit]


def explain(tx: Transaction, habit_id: UUID | str, day: date) -> Explanation:
    """Say why a day stands as it does: the slot, the rule, and the facts that were looked at.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: The habit day.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If the day is none.
    """
    wanted = _day(day, "day")
    habit = _habit(tx, habit_id)
    return streaks.explanation(habit, _facts(tx, habit), wanted, now=tx.now)


def simulate(tx: Transaction, habit_id: UUID | str, *facts: Fact) -> HabitState:
    """Return how a habit would stand if some facts were added; nothing is written.

    Args:
        tx: The transaction.
        habit_id: The habit.
        facts: The facts: a ``Pause`` for a vacation, a ``ScheduleChanged``, check-ins to come.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If one of them is no fact.
        InvalidInstant: If the instant of one has no zone.
    """
    habit = _habit(tx, habit_id)
    for fact in facts:
        if not isinstance(fact, _FACTS):
            raise InvalidHabit("facts", given=fact, expected="facts of habitkit.habits.facts")
        instant(getattr(fact, "at", tx.now), "at")
    return streaks.evaluate(habit, [*_facts(tx, habit), *facts], now=tx.now)


def _facts(tx: Transaction, habit: Habit) -> list[Fact]:
    """Return all facts about a habit; check-ins that were taken back are left out."""
    return [*tx.habits.live(habit.id), *tx.habits.facts(habit.owner, habit.id)]


def _slots(tx: Transaction, habit_id: UUID | str) -> list[Slot]:
    habit = _habit(tx, habit_id)
    return streaks.slots(habit, _facts(tx, habit), now=tx.now)


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
        InvalidHabit: If one of the days is none.
    """
    first, last = _day(start, "start"), _day(end, "end")
    habit = _habit(tx, habit_id)
    snapshot = snapshot_of(tx, habit)
    if snapshot.judged_at is None:
        return rules.done_days(snapshot, first, last)
    life = streaks.Life(habit, _facts(tx, habit), tx.now)
    return [day for day in life.days_done() if first <= day <= last]


def rebuild(
    tx: Transaction, habit_id: UUID | str | None = None, *, owner: str | None = None
) -> RebuildReport:
    """Compute snapshots from the facts, and replace those stored ones that differ.

    Args:
        tx: The transaction.
        habit_id: The habit, or
        owner: The owner, all of whose habits are looked at.

    Returns:
        Which habits were repaired.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If both are given, or what is given is none.
    """
    if owner is None:
        return _rebuild(tx, _habit(tx, habit_id))
    if habit_id is not None:
        raise InvalidHabit("habit_id", given=habit_id, expected="a habit or else an owner")
    tx.own(ids.owner(owner))
    reports = [_rebuild(tx, habit) for habit in tx.habits.of_owner(owner, None, _MOST_HABITS)]
    repaired = tuple(habit for report in reports for habit in report.repaired)
    return RebuildReport(len(reports), repaired)


def _rebuild(tx: Transaction, found: Habit) -> RebuildReport:
    """Compute one habit's snapshot from its facts."""
    tx.lock(found.owner)
    known = tx.streaks.get(found.id)
    if known is not None and known.judged_at is not None:
        look_at = streaks.derive(found, _facts(tx, found), known.judged_at).look_at
        if look_at == known.look_at:
            return RebuildReport(habits=1)
        tx.streaks.put(known._replace(rev=tx.rev(found.owner), look_at=look_at))
        return RebuildReport(habits=1, repaired=(found.id,))
    live, voided = tx.habits.live(found.id), tx.habits.voided(found.id)
    clock = found.clock
    earned = rules.earned_days(live, voided, zone(clock.tz or "UTC"), clock.day_start)
    stored = snapshot_of(tx, found)
    done = {fact.day for fact in live}
    fresh = rules.build(found.id, found.owner, done, stored.rev, earned)
    if fresh[:-1] == stored[:-1]:
        return RebuildReport(habits=1)
    tx.streaks.put(fresh._replace(rev=tx.rev(found.owner), look_at=stored.look_at))
    return RebuildReport(habits=1, repaired=(found.id,))


def snapshot_of(tx: Transaction, habit: Habit) -> Snapshot:
    """Return the stored snapshot of a habit, or an empty one."""
    return tx.streaks.get(habit.id) or rules.empty(habit.id, habit.owner)


def _habit(tx: Transaction, habit_id: UUID | str | None) -> Habit:
    """Return a habit in scope."""
    habit = tx.habits.get(ids.parse_id(habit_id, "habit_id"))
    if habit is None:
        raise NotFound("habit", habit_id)
    tx.own(habit.owner, "habit", habit_id)
    return habit


class StreakActions:
    """What ``kit.streaks`` offers."""

    state = query(state)
    today = query(dashboard)
    history = query(history)
    runs = query(runs)
    explain = query(explain)
    simulate = query(simulate)
    done_days = query(done_days)
    rebuild = action(rebuild)
