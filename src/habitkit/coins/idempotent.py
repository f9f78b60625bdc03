"""Idempotent transfers: one transfer per key, and how two requests are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from habitkit import _codec
from habitkit.coins.posting import post
from habitkit.coins.store import COINS
from habitkit.errors import IdempotencyConflict, IdempotencyKeyExpired, InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

    from habitkit.coins.domain.model import Transfer
    from habitkit.coins.posting import Order
    from habitkit.transaction import Transaction

__all__ = [
    "digest_of",
    "json_metadata",
    "other_words",
    "post_once",
    "refuse_again",
    "request_of",
    "transfer_once",
]

_LARGEST_METADATA = 4 * 1024


def post_once(tx: Transaction, key: str, order: Order) -> Transfer:
    """Lock both owners and post an order once per key.

    Args:
        tx: The transaction; it need not hold the owners' locks.
        key: The caller's key.
        order: What to post.

    Raises:
        InsufficientFunds: If a wallet would fall below its floor.
        BalanceOverflow: If a balance would leave 64 bits.
        IdempotencyConflict: If the key was used for another request.
        IdempotencyKeyExpired: If its result is no longer kept.
    """
    operation, request = f"coins.{order.kind}", request_of(order)
    tx.lock(order.source, order.target)
    return transfer_once(
        tx, order.source, operation, key, request, lambda new_id: post(tx, new_id, order), order
    )


def transfer_once(
    tx: Transaction,
    owner: str,
    operation: str,
    key: str,
    request: Mapping[str, object],
    work: Callable[[UUID], Transfer],
    order: Order | None = None,
) -> Transfer:
    """Run work that posts a transfer once per key; return the same transfer for the same key.

    Only the transfer's id is kept under the key: a memo is kept in one place, and is erased there.

    Args:
        tx: The transaction.
        owner: Whose key it is.
        operation: The operation's name.
        key: The caller's key.
        request: The caller's arguments without their texts.
        work: Posts it.
        order: The order, whose texts the transfer must have, if the caller gave any.

    Raises:
        IdempotencyConflict: If the key was used for another request.
        IdempotencyKeyExpired: If its result is no longer kept.
    """
    done: list[Transfer] = []

    def keep(transfer_id: UUID) -> UUID:
        try:
            done.append(work(transfer_id))
        except Refused as error:
            refuse_again(tx, operation, key, transfer_id, error)
        return transfer_id

    transfer_id = tx.once(owner, operation, key, request, UUID, keep)
    if done:
        return done[0]
    stored = tx.port(COINS).transfer(transfer_id)
    assert stored is not None  # noqa: S101 - it was written together with the record
    others = other_words(order, stored) if order is not None else []
    if others:
        raise IdempotencyConflict(operation, key, others)
    return stored


def refuse_again(
    tx: Transaction, operation: str, key: str, transfer_id: UUID, refusal: Refused
) -> NoReturn:
    """Raise a refusal, unless what is refused now was done long ago under the same key.

    Raises:
        IdempotencyKeyExpired: If it was.
        Refused: The refusal otherwise.
    """
    if tx.port(COINS).transfer(transfer_id) is not None:
        raise IdempotencyKeyExpired(operation, key) from refusal
    raise refusal


def request_of(order: Order) -> dict[str, object]:
    """Return the arguments by which two requests are compared; of texts, whether there were any.

    Texts are kept in the transfer alone, where they can be erased; see ``other_words``.
    """
    request: dict[str, object] = {
        "target": order.target,
        "amount": order.amount,
        "currency": order.currency,
        "memo": _whether(order.memo),
        "metadata": _whether(order.metadata),
    }
    if order.at is not None:  # so that requests without it stay as they were kept
        request["at"] = order.at.isoformat()
    if order.expires_at is not None:
        request["expires_at"] = order.expires_at.isoformat()
    return request


def digest_of(orders: Sequence[Order]) -> str:
    """Return the arguments by which two batches are compared, without their texts."""
    return _codec.digest(
        [{"kind": order.kind, "source": order.source, **request_of(order)} for order in orders]
    )


def other_words(order: Order, first: Transfer) -> list[str]:
    """Return which texts of a request differ from those of its first transfer.

    An erased text can no longer be compared, and counts as equal.
    """
    names = []
    if first.memo is not None and first.memo != order.memo:
        names.append("memo")
    if first.metadata is not None and _codec.digest(first.metadata) != _codec.digest(
        order.metadata
    ):
        names.append("metadata")
    return names


def _whether(words: object) -> str | None:
    """Return what a key's record keeps of a text: that there was one."""
    return None if words is None else "given"


def json_metadata(value: object) -> dict[str, Any] | None:
    """Return valid metadata as plain JSON values, or None.

    Raises:
        InvalidInput: If it is not a JSON object of at most 4 KiB as text.
    """
    if value is None:
        return None
    try:
        return _codec.json_object(value, _LARGEST_METADATA)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "metadata",
            given=value,
            expected=f"a JSON object of at most {_LARGEST_METADATA} bytes, or None",
        ) from error
