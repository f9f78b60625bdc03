"""Find habits that are in scope and their facts, and lock their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.errors import NotFound

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.habits.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["MOST_HABITS", "get", "habits_of", "lock_owner"]

MOST_HABITS = 10_000
"""How many habits of an owner are looked at together."""


def get(tx: Transaction, habit_id: UUID | str) -> Habit:
    """Return a habit.

    Raises:
        NotFound: If there is no such habit.
    """
    habit = tx.habits.get(ids.parse_id(habit_id, "habit_id"))
    if habit is None:
        raise NotFound("habit", habit_id)
    tx.own(habit.owner, "habit", habit_id)
    return habit


def lock_owner(tx: Transaction, owner: str | None, kind: str, given: object) -> str:
    """Lock the owner of something that exists and is in scope.

    Raises:
        NotFound: If it does not, or is not.
    """
    if owner is None:
        raise NotFound(kind, given)
    tx.own(owner, kind, given)
    tx.lock(owner)
    return owner


def habits_of(tx: Transaction, owner: str) -> list[Habit]:
    """Return all habits of an owner, in the order of their ids."""
    return tx.habits.of_owner(owner, None, MOST_HABITS)
