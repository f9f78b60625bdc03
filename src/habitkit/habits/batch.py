"""Offline sync: recording a batch of check-ins that a device made while it was offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.errors import (
    IdempotencyConflict,
    IdempotencyKeyExpired,
    InvalidInput,
    NotFound,
    Refused,
)
from habitkit.habits.check_ins import check_in
from habitkit.habits.domain.model import CheckedIn, OfflineCheckIn, Refusal
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.transaction import Transaction

__all__ = ["check_in_many"]

_MOST_ITEMS = 1_000
_REFUSALS = (InvalidInput, NotFound, Refused, IdempotencyConflict, IdempotencyKeyExpired)


def check_in_many(tx: Transaction, batch: Sequence[OfflineCheckIn]) -> list[CheckedIn | Refusal]:
    """Record many check-ins in one transaction; each is accepted or refused on its own.

    Args:
        tx: The transaction.
        batch: Up to 1,000 check-ins. With an ``idempotency_key`` each, a batch may be sent again.

    Returns:
        For each item, in their order, what it did, or why it was refused.

    Raises:
        InvalidHabit: If the batch is not a list of ``OfflineCheckIn``, or too long.
    """
    if not isinstance(batch, (list, tuple)):
        raise InvalidHabit("batch", given=batch, expected="a list of OfflineCheckIn")
    if len(batch) > _MOST_ITEMS:
        expected = f"at most {_MOST_ITEMS}; send them in several batches"
        raise InvalidHabit("batch", given=f"{len(batch)} items", expected=expected)
    if any(not isinstance(item, OfflineCheckIn) for item in batch):
        raise InvalidHabit("batch", given=batch, expected="OfflineCheckIn items only")
    # All locks are taken before the first item, in sorted order, so that two batches of the same
    # owners never wait for each other.
    tx.lock(*_owners(tx, batch))
    return [_one(tx, index, item) for index, item in enumerate(batch)]


def _owners(tx: Transaction, batch: Iterable[OfflineCheckIn]) -> set[str]:
    """Return the owners of the habits in scope; an item of another habit is refused later."""
    habit_ids = set()
    for item in batch:
        try:
            habit_ids.add(ids.parse_id(item.habit_id, "habit_id"))
        except InvalidInput:
            continue
    habits = [tx.port(HABITS).get(habit_id) for habit_id in habit_ids]
    owners = {habit.owner for habit in habits if habit is not None}
    return {owner for owner in owners if tx.scope in {None, owner}}


def _one(tx: Transaction, index: int, item: OfflineCheckIn) -> CheckedIn | Refusal:
    """Check in, or return why it was refused; a refused item writes nothing."""
    try:
        with tx.savepoint():
            return check_in(
                tx,
                item.habit_id,
                day=item.day,
                at=item.at,
                tz=item.tz,
                amount=item.amount,
                note=item.note,
                idempotency_key=item.idempotency_key,
            )
    except _REFUSALS as error:
        return Refusal(index, type(error).__name__, str(error))
