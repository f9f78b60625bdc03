"""Freezes and repairs, which save a streak from a missed slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits import lookup
from habitkit.habits.add_facts import add_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.evaluation import fold_history
from habitkit.habits.domain.facts import FreezeGranted, StreakRepaired
from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Changed
    from habitkit.transaction import Transaction

__all__ = ["grant_freeze", "repair"]


_MOST_FREEZES = 1000


def grant_freeze(
    tx: Transaction,
    habit_id: UUID | str,
    count: int = 1,
    *,
    effective_day: date | None = None,
    expires_day: date | None = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Give a habit freezes: each saves its streak from one missed slot.

    Args:
        tx: The transaction.
        habit_id: The habit.
        count: How many, 1 to 1000.
        effective_day: The first day whose slot one may save; today by default.
        expires_day: The last day whose slot one may save; they do not expire by default.
        idempotency_key: The same key with the same arguments gives them once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable, or they expire before they are effective.
        IdempotencyConflict: If the key was used with other arguments.
    """
    if type(count) is not int or not 1 <= count <= _MOST_FREEZES:
        raise InvalidHabit("count", given=count, expected=f"an int from 1 to {_MOST_FREEZES}")
    start = None if effective_day is None else rules.day(effective_day, "effective_day")
    end = None if expires_day is None else rules.day(expires_day, "expires_day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, start or history.today
        if end is not None and end < first:
            raise InvalidHabit("expires_day", given=end, expected=f"a day not before {first}")
        return (
            FreezeGranted(
                id=fact_id,
                habit_id=habit.id,
                owner=habit.owner,
                at=tx.now,
                effective_day=first,
                count=count,
                expires_day=end,
                seq=tx.next_seq(habit.owner),
            ),
        )

    request = {"count": count, "effective_day": start, "expires_day": end}
    return add_facts(tx, habit_id, "grant_freeze", idempotency_key, request, facts)


def repair(
    tx: Transaction, habit_id: UUID | str, day: date, *, idempotency_key: str | None = None
) -> Changed:
    """Repair a missed slot, so that it no longer breaks the streak.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: A day of the slot.
        idempotency_key: The same key with the same arguments repairs once.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If the day's slot was not missed, or ended more than 48 hours ago.
        IdempotencyConflict: If the key was used with other arguments.
    """
    rules.day(day, "day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        known_history = lookup.history(tx, habit, lookup.snapshot_of(tx, habit))
        missed = [
            slot
            for slot in fold_history(known_history).slots
            if slot.first <= day <= slot.last
            and slot.status == "MISSED"
            and tx.now - slot.deadline <= LATE_WINDOW
        ]
        if not missed:
            expected = "a day of a missed slot that ended less than 48 hours ago"
            raise InvalidHabit("day", given=day, expected=expected)
        return (
            StreakRepaired(fact_id, habit.id, habit.owner, tx.now, day, tx.next_seq(habit.owner)),
        )

    return add_facts(tx, habit_id, "repair", idempotency_key, {"day": day}, facts)
