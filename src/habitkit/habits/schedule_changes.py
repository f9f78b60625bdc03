"""Changing the schedule or the goal of a habit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits.add_facts import add_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.facts import (
    ScheduleChanged,
)
from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Changed
    from habitkit.habits.domain.schedules import Schedule
    from habitkit.transaction import Transaction

__all__ = ["change_schedule"]


def change_schedule(
    tx: Transaction,
    habit_id: UUID | str,
    schedule: Schedule | None = None,
    goal: Goal | None = None,
    *,
    effective_day: date | None = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Change the schedule or goal; a slot that is running then keeps the old ones.

    Args:
        tx: The transaction.
        habit_id: The habit.
        schedule: The schedule; as before by default.
        goal: The goal; as before by default.
        effective_day: From which day on, not before today; today by default.
        idempotency_key: The same key with the same arguments changes it once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
        MissingExtra: If the schedule needs python-dateutil and it is not installed.
        IdempotencyConflict: If the key was used with other arguments.
    """
    if schedule is None and goal is None:
        raise InvalidHabit("schedule", given=None, expected="a schedule, a goal, or both")
    start = None if effective_day is None else rules.day(effective_day, "effective_day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, start or history.today
        if first < history.today:
            expected = f"today, {history.today}, or a later day"
            raise InvalidHabit("effective_day", given=first, expected=expected)
        before = history.version_on(first)
        new = (schedule or before.schedule, goal or before.goal)
        rules.possible(*new)
        return (
            ScheduleChanged(
                fact_id, habit.id, habit.owner, tx.now, first, *new, tx.next_seq(habit.owner)
            ),
        )

    request = {"schedule": schedule, "goal": goal, "effective_day": start}
    return add_facts(tx, habit_id, "change_schedule", idempotency_key, request, facts)
