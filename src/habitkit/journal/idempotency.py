"""Work that is done once a key, and the answers that are kept to be given again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from habitkit import _codec, ids
from habitkit.errors import AnswerForgotten, Duplicate
from habitkit.journal.domain import rules
from habitkit.journal.domain.model import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from habitkit.transaction import Transaction

__all__ = ["forget_answers", "once"]

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
        AnswerForgotten: If it was used so long ago that its answer is gone.
    """
    if key is None:
        return work(tx.new_id())
    ids.key(key)
    tx.rev(owner)
    answer = tx.stores.answers.get(owner, operation, key)
    if answer is not None and not rules.expired(answer.at, tx.now):
        rules.same_request(answer, rules.fingerprint(request))
        return _codec.load(answer.result, kind, tx.vocabulary)
    try:
        result = work(ids.derived_id(owner, operation, key))
    except Duplicate as error:
        raise AnswerForgotten(operation, key) from error
    prints = rules.fingerprint(request)
    answer = Answer(
        owner=owner,
        operation=operation,
        key=key,
        request=prints,
        result=_codec.dump(result),
        at=tx.now,
    )
    tx.stores.answers.put(answer)
    return result


def forget_answers(tx: Transaction, limit: int) -> int:
    """Delete up to ``limit`` old answers and as many old messages; count them."""
    before = tx.now - timedelta(days=rules.IDEMPOTENCY_DAYS)
    return tx.stores.answers.forget(before, limit) + tx.stores.inbox.forget(before, limit)
