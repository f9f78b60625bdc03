"""Work that is done once a key, and the results that are kept to be returned again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from habitkit import _codec, ids
from habitkit.errors import Duplicate, IdempotencyKeyExpired
from habitkit.journal.domain import rules
from habitkit.journal.domain.model import IdempotencyRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from habitkit.transaction import Transaction

__all__ = ["forget_old_keys", "once"]

T = TypeVar("T")


def once(
    tx: Transaction,
    owner: str,
    operation: str,
    key: str | None,
    request: Mapping[str, object],
    kind: type[T],
    work: Callable[[UUID], T],
) -> T:
    """Do a piece of work once per idempotency key, or give its first result again.

    The owner's lock must be held. Only success is kept: a request that was refused may be
    made again with the same key.

    Args:
        tx: The transaction.
        owner: Whose key it is.
        operation: The operation's name; keys of different operations do not meet.
        key: The caller's key, or None for work that is simply done.
        request: The caller's arguments as they were given, before any default.
        kind: The type of the result.
        work: Makes the result of the id for what it creates: derived of the key if there is
            one, so that a fact stays unique even after its key is forgotten.

    Raises:
        IdempotencyConflict: If the key was used for another request.
        IdempotencyKeyExpired: If its result is gone: it was used too long ago, or erased.
    """
    if key is None:
        return work(tx.new_id())
    ids.key(key)
    tx.rev(owner)
    record = tx.stores.idempotency.get(owner, operation, key)
    if record is not None and not record.result:  # erased by kit.forget
        raise IdempotencyKeyExpired(operation, key)
    if record is not None and not rules.expired(record.at, tx.now):
        rules.same_request(record, rules.fingerprint(request))
        return _codec.load(record.result, kind, tx.vocabulary)
    try:
        result = work(ids.derived_id(owner, operation, key))
    except Duplicate as error:
        raise IdempotencyKeyExpired(operation, key) from error
    prints = rules.fingerprint(request)
    record = IdempotencyRecord(
        owner=owner,
        operation=operation,
        key=key,
        request=prints,
        result=_codec.dump(result),
        at=tx.now,
    )
    tx.stores.idempotency.put(record)
    return result


def forget_old_keys(tx: Transaction, limit: int) -> int:
    """Delete up to ``limit`` old idempotency records and as many old messages; count them."""
    before = tx.now - timedelta(days=rules.IDEMPOTENCY_DAYS)
    return tx.stores.idempotency.forget(before, limit) + tx.stores.inbox.forget(before, limit)
