"""Archiving a habit, and restoring it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits.add_facts import add_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.facts import Archived, Restored
from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Changed
    from habitkit.transaction import Transaction

__all__ = ["archive", "restore"]


def archive(tx: Transaction, habit_id: UUID | str, *, day: date | None = None) -> Changed:
    """Archive a habit: from a day on nothing is due, and its state stays as it is.

    Archiving an archived habit again changes nothing, and returns the id of the same fact.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: From which day on, not after today; today by default.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If the day is no date, or after today.
    """
    since = None if day is None else rules.day(day, "day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, since or history.today
        if first > history.today:
            expected = f"today, {history.today}, or an earlier day"
            raise InvalidHabit("day", given=first, expected=expected)
        if history.archived:
            return ()
        seq = tx.next_seq(habit.owner)
        return (Archived(fact_id, habit.id, habit.owner, tx.now, first, seq),)

    return add_facts(tx, habit_id, "archive", None, {}, facts, Archived)


def restore(tx: Transaction, habit_id: UUID | str) -> Changed:
    """Restore an archived habit: it is due again from today on, and the days between do not count.

    Restoring a habit again changes nothing, and returns the id of the same fact.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Raises:
        NotFound: If there is no such habit.
    """

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        if not history.archived:
            return ()
        seq = tx.next_seq(habit.owner)
        return (Restored(fact_id, habit.id, habit.owner, tx.now, history.today, seq),)

    return add_facts(tx, habit_id, "restore", None, {}, facts, Restored)
