"""Freezes that are a reward: they are given, and taken back, inside of reactions.

A reaction runs while another use case is under way. Each use case has written its facts and
snapshots before it emits, so what is done here finds a habit like any other, and leaves it so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit.habits.domain import rules
from habitkit.habits.domain.facts import FreezeGranted, Void
from habitkit.habits.recompute import recompute
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["give", "take_back"]

_DAY = timedelta(days=1)


def give(tx: Transaction, habit_id: UUID, count: int, *, owner: str) -> UUID | None:
    """Give a habit freezes from its next day on, so that they cannot change what earned them.

    Args:
        tx: The transaction, which holds the owner's lock.
        habit_id: The habit.
        count: How many, at least 1.
        owner: To whom the habit has to belong.

    Returns:
        The fact, for ``take_back``; None if the owner has no such habit, or it was deleted.

    Raises:
        NotLocked: If the owner's lock is not held.
        InvalidHabit: If the count is less than 1.
    """
    habit = tx.port(HABITS).get(habit_id)
    if habit is None or habit.owner != owner or habit.deleted_at is not None:
        return None
    others = tx.port(HABITS).facts(owner, habit_id)
    today = rules.timeline(habit, others).latest_begun(tx.now)
    fact_id, seq = tx.new_id(), tx.next_seq(owner)
    fact = FreezeGranted(fact_id, habit_id, owner, tx.now, today + _DAY, count, None, seq)
    _add(tx, habit, others, fact)
    return fact_id


def take_back(tx: Transaction, fact_id: UUID) -> None:
    """Void a fact that gave freezes; the slots that they saved are missed again.

    One that is unknown, or voided already, changes nothing.

    Args:
        tx: The transaction, which holds the owner's lock.
        fact_id: The fact, as ``give`` returned it.

    Raises:
        NotLocked: If the owner's lock is not held.
    """
    found = tx.port(HABITS).fact(fact_id)
    fact = None if found is None else found.fact
    if not isinstance(fact, FreezeGranted):
        return
    habit = tx.port(HABITS).get(fact.habit_id)
    others = tx.port(HABITS).facts(fact.owner, fact.habit_id)
    if habit is None or any(isinstance(it, Void) and it.fact_id == fact_id for it in others):
        return
    seq = tx.next_seq(fact.owner)
    _add(tx, habit, others, Void(tx.new_id(), habit.id, fact.owner, fact_id, tx.now, seq))


def _add(
    tx: Transaction, habit: Habit, others: list[OtherFact], fact: FreezeGranted | Void
) -> None:
    """Add a fact and emit what it changed, as its effect and not as that of the action around."""
    tx.port(HABITS).add_facts((fact,))
    cause, tx.cause = tx.cause, fact.id
    try:
        recompute(tx, habit, [*others, fact], (fact,))
    finally:
        tx.cause = cause
