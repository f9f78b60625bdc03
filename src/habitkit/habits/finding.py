"""Find habits that are in scope, and lock their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import NotFound
from habitkit.habits.lookup import MOST_HABITS
from habitkit.habits.lookup import habit as get

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["get", "habits_of", "lock_owner"]


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
