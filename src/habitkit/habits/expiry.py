"""The sweep of habits: emits what becomes true as time passes, such as a broken streak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits.recompute import recompute
from habitkit.habits.store import HABITS, STREAKS
from habitkit.maintenance import sweep_items

if TYPE_CHECKING:
    from habitkit.habits.domain.stored import DueHabit
    from habitkit.journal.domain.model import Swept
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["sweep_habits"]


def sweep_habits(_: KitSettings, limit: int) -> Steps[Swept]:
    """Emit the events that became due with time, for a limited number of habits."""
    return sweep_items(_due, _sweep_habit, lambda due: str(due.habit_id), limit)


def _due(tx: Transaction, limit: int) -> list[DueHabit]:
    return tx.port(STREAKS).to_sweep(tx.now, limit)


def _sweep_habit(tx: Transaction, due: DueHabit) -> int:
    """Emit the events of a habit that became due with time, unless another caller has."""
    owner, habit_id = due.owner, due.habit_id
    tx.lock(owner)
    habit, snapshot = tx.port(HABITS).get(habit_id), tx.port(STREAKS).get(habit_id)
    if habit is None or snapshot is None:
        return 0
    if snapshot.next_check_at is None or snapshot.next_check_at > tx.now:
        return 0
    recompute(tx, habit, tx.port(HABITS).facts(owner, habit_id))
    return 1
