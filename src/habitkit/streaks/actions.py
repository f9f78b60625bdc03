"""The streaks' use cases: how a habit stands, which days are done, rebuild from facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit._action import action, query
from habitkit.errors import NotFound
from habitkit.streaks import rules
from habitkit.streaks.days import habit_day, zone
from habitkit.streaks.model import RebuildReport

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from habitkit.habits.model import Habit
    from habitkit.streaks.model import Snapshot, StreakState
    from habitkit.transaction import Transaction

__all__ = ["StreakActions", "done_days", "rebuild", "snapshot_of", "state", "today"]


def state(tx: Transaction, habit_id: UUID | str) -> StreakState:
    """Return how a habit stands now: the current and the best streak.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Raises:
        NotFound: If there is no such habit.
    """
    habit = _habit(tx, habit_id)
    return rules.state(snapshot_of(tx, habit), today(tx, habit))


def done_days(tx: Transaction, habit_id: UUID | str, start: date, end: date) -> list[date]:
    """Return the done days of a habit, oldest first.

    Args:
        tx: The transaction.
        habit_id: The habit.
        start: The first day that may be among them.
        end: The last day that may be among them.

    Raises:
        NotFound: If there is no such habit.
    """
    return rules.done_days(snapshot_of(tx, _habit(tx, habit_id)), start, end)


def rebuild(tx: Transaction, habit_id: UUID | str) -> RebuildReport:
    """Compute a habit's snapshot from its facts and replace the stored one if it differs.

    Returns:
        Which habits were repaired.

    Raises:
        NotFound: If there is no such habit.
    """
    found = _habit(tx, habit_id)
    tx.lock(found.owner)
    live, voided = tx.habits.live(found.id), tx.habits.voided(found.id)
    clock = found.clock
    earned = rules.earned_days(live, voided, zone(clock.tz or "UTC"), clock.day_start)
    stored = snapshot_of(tx, found)
    done = {fact.day for fact in live}
    fresh = rules.build(found.id, found.owner, done, stored.rev, earned)
    if fresh == stored:
        return RebuildReport(habits=1)
    tx.streaks.put(fresh._replace(rev=tx.rev(found.owner)))
    return RebuildReport(habits=1, repaired=(found.id,))


def snapshot_of(tx: Transaction, habit: Habit) -> Snapshot:
    """Return the stored snapshot of a habit, or an empty one."""
    return tx.streaks.get(habit.id) or rules.empty(habit.id, habit.owner)


def today(tx: Transaction, habit: Habit) -> date:
    """Return the habit day of this transaction's instant."""
    return habit_day(tx.now, zone(habit.clock.tz or "UTC"), habit.clock.day_start)


def _habit(tx: Transaction, habit_id: UUID | str) -> Habit:
    """Return a habit in scope."""
    habit = tx.habits.get(ids.parse_id(habit_id, "habit_id"))
    if habit is None:
        raise NotFound("habit", habit_id)
    tx.own(habit.owner, "habit", habit_id)
    return habit


class StreakActions:
    """What ``kit.streaks`` offers."""

    state = query(state)
    done_days = query(done_days)
    rebuild = action(rebuild)
