"""Offline sync: what a device recorded while it had no connection, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.errors import (
    AnswerForgotten,
    IdempotencyConflict,
    InvalidHabit,
    InvalidInput,
    NotFound,
    Refused,
)
from habitkit.habits.checking_in import check_in
from habitkit.habits.model import CheckedIn, OfflineCheckIn, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.transaction import Transaction

__all__ = ["check_in_many"]

_MOST_ITEMS = 10_000
_REFUSALS = (InvalidInput, NotFound, Refused, IdempotencyConflict, AnswerForgotten)


def check_in_many(tx: Transaction, batch: Sequence[OfflineCheckIn]) -> list[CheckedIn | Refusal]:
    """Record many check-ins in one transaction; each is taken or refused for itself.

    Args:
        tx: The transaction.
        batch: Up to 10,000 check-ins. With an ``idempotency_key`` each, a batch may be sent again.

    Returns:
        For each item, in their order, what it did, or why it was refused.

    Raises:
        InvalidHabit: If the batch is none.
    """
    if not isinstance(batch, (list, tuple)) or len(batch) > _MOST_ITEMS:
        expected = f"a list of up to {_MOST_ITEMS} OfflineCheckIn"
        raise InvalidHabit("batch", given=type(batch).__name__, expected=expected)
    if any(not isinstance(item, OfflineCheckIn) for item in batch):
        raise InvalidHabit("batch", given=batch, expected="OfflineCheckIn items only")
    owners = {owner for item in batch if (owner := _owner(tx, item)) is not None}
    if owners:
        tx.lock_all(sorted(owners))
    return [_one(tx, index, item) for index, item in enumerate(batch)]


def _owner(tx: Transaction, item: OfflineCheckIn) -> str | None:
    """Return whose item it is, if it is in scope."""
    try:
        subject = ids.parse_id(item.habit_id, "habit_id")
        owner = tx.habits.owner_of(subject)
        if owner is not None:
            tx.own(owner, "habit", item.habit_id)
    except (InvalidInput, NotFound):
        return None
    return owner


def _one(tx: Transaction, index: int, item: OfflineCheckIn) -> CheckedIn | Refusal:
    """Check in, or say why not; what is refused has written nothing."""
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
