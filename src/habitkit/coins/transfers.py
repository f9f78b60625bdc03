"""The use cases of transfers: award, spend, transfer and batches."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import asdict

from habitkit import ids
from habitkit.clock import storable_instant
from habitkit.coins.domain import rules
from habitkit.coins.domain.model import Posting
from habitkit.coins.errors import BatchRefused
from habitkit.coins.idempotent import (
    digest_of,
    json_metadata,
    other_words,
    post_once,
    refuse_again,
)
from habitkit.coins.posting import Order, nth, post_all
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import COINS, EXPIRING
from habitkit.errors import (
    HabitKitError,
    IdempotencyConflict,
    InvalidInput,
    InvalidInstant,
    NotFound,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from habitkit.coins.domain.model import Transfer
    from habitkit.transaction import Transaction

__all__ = ["award", "post_many", "spend", "transfer"]

_LARGEST_BATCH = 1000
_BATCH_SHARDS = 64


def award(
    tx: Transaction,
    owner: str,
    amount: int,
    *,
    idempotency_key: str,
    memo: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    currency: str = "coin",
    at: datetime | None = None,
    expires_at: datetime | None = None,
) -> Transfer:
    """Give coins to an owner, out of the owner's mint.

    Args:
        tx: The transaction.
        owner: Who receives them.
        amount: How many, an int from 1 to 2**63-1.
        idempotency_key: The same key with the same arguments awards once.
        memo: What for, at most 500 characters.
        metadata: Values of your own beside it: JSON values by name, at most 4 KiB as text.
        currency: In which currency.
        at: When it happened, if that was earlier; see ``transfer``.
        expires_at: When what is left of it expires, an aware datetime after now; never by default.
            Coins that expire are spent before those that do not, and those that end first before
            others; what expires is taken away.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        BalanceOverflow: If the wallet, or the owner's mint, would leave 64 bits.
        IdempotencyConflict: If the key was used with other arguments.
        NotSupportedByStore: If it has an ``expires_at``, and the store does not keep that.
    """
    order = Order(
        "award", owner, owner, currency, amount, memo, metadata, at=at, expires_at=expires_at
    )
    return _post_once(tx, order, idempotency_key)


def spend(
    tx: Transaction,
    owner: str,
    amount: int,
    *,
    idempotency_key: str,
    memo: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    currency: str = "coin",
    at: datetime | None = None,
) -> Transfer:
    """Take coins from an owner for good, into the owner's sink.

    Args:
        tx: The transaction.
        owner: Who pays.
        amount: How many, an int from 1 to 2**63-1.
        idempotency_key: The same key with the same arguments spends once.
        memo: What for, at most 500 characters.
        metadata: Values of your own beside it: JSON values by name, at most 4 KiB as text.
        currency: In which currency.
        at: When it happened, if that was earlier; see ``transfer``.

    Raises:
        InsufficientFunds: If the wallet would fall below its floor.
        BalanceOverflow: If the owner's sink would leave 64 bits.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    order = Order("spend", owner, owner, currency, amount, memo, metadata, at=at)
    return _post_once(tx, order, idempotency_key)


def transfer(
    tx: Transaction,
    source: str,
    target: str,
    amount: int,
    *,
    idempotency_key: str,
    memo: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    currency: str = "coin",
    at: datetime | None = None,
) -> Transfer:
    """Move coins from one owner's wallet to another's.

    Args:
        tx: The transaction.
        source: Who pays.
        target: Who receives; somebody else.
        amount: How many, an int from 1 to 2**63-1.
        idempotency_key: A key of the source's: the same key and arguments transfer once.
        memo: What for, at most 500 characters; the target can read it too.
        metadata: Values of your own beside it: JSON values by name, at most 4 KiB as text.
        currency: In which currency.
        at: When it happened, an aware datetime that is not in the future; now by default.
            ``balance(as_of=...)`` counts it from then on. It is recorded now, after the entries
            that are there, and the floor is that of now.

    Raises:
        InsufficientFunds: If the source's wallet would fall below its floor.
        BalanceOverflow: If the target's wallet would leave 64 bits.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    order = Order("transfer", source, target, currency, amount, memo, metadata, at=at)
    return _post_once(tx, order, idempotency_key)


def post_many(
    tx: Transaction, postings: Sequence[Posting], *, idempotency_key: str
) -> list[Transfer]:
    """Post a batch of transfers: all of them, or none.

    They are posted in their order, each on what the one before has left.

    Args:
        tx: The transaction.
        postings: 1 to 1000 of them, as ``Posting.award``, ``.spend`` and ``.transfer`` make them.
        idempotency_key: The same key with the same postings posts them once. Batches have keys of
            their own, whoever the owners are; in a kit of one owner they are that owner's.

    Returns:
        The transfers, in the same order.

    Raises:
        BatchRefused: If one is refused; it names which one and why, and nothing is posted.
        InvalidInput: If it is not a sequence of 1 to 1000 postings.
        IdempotencyConflict: If the key was used with other postings.
    """
    if (
        not isinstance(postings, (list, tuple))
        or not 0 < len(postings) <= _LARGEST_BATCH
        or not all(isinstance(posting, Posting) for posting in postings)
    ):
        raise InvalidInput(
            "postings", given=postings, expected=f"a list of 1 to {_LARGEST_BATCH} Postings"
        )
    ids.key(idempotency_key)
    orders = []
    for index, posting in enumerate(postings):
        try:
            orders.append(_checked(tx, Order(**asdict(posting, recurse=False))))
        except NotFound:
            raise
        except HabitKitError as error:
            raise BatchRefused(index=index, reason=error) from error
    keeper = tx.scope or _keeper(idempotency_key)
    tx.lock(keeper, *(o.source for o in orders), *(o.target for o in orders))
    done: list[Transfer] = []

    def work(first_id: UUID) -> tuple[UUID, int]:
        try:
            done.extend(post_all(tx, first_id, orders))
        except BatchRefused as error:
            refuse_again(tx, "coins.post_many", idempotency_key, first_id, error)
        return first_id, len(orders)

    request = {"postings": digest_of(orders)}
    first_id, count = tx.once(
        keeper, "coins.post_many", idempotency_key, request, tuple[UUID, int], work
    )
    if not done:
        transfers = (tx.port(COINS).transfer(nth(first_id, position)) for position in range(count))
        done.extend(transfer for transfer in transfers if transfer is not None)
        if any(map(other_words, orders, done)):
            raise IdempotencyConflict("coins.post_many", idempotency_key, ["postings"])
    return done


def _keeper(key: str) -> str:
    """Return the system owner that keeps the idempotency records of batches."""
    return ids.system_owner(f"batch/{zlib.crc32(key.encode()) % _BATCH_SHARDS:02}")


def _checked(tx: Transaction, order: Order) -> Order:
    """Return a validated order; its metadata are plain JSON values."""
    kind, source, target = order.kind, order.source, order.target
    if kind not in ("award", "spend", "transfer"):
        raise InvalidInput("kind", given=kind, expected="'award', 'spend' or 'transfer'")
    tx.own(ids.owner(source))
    if kind == "transfer":
        if ids.owner(target) == source:
            raise InvalidInput("target", given=target, expected="an owner other than the source")
    elif target != source:
        raise InvalidInput(
            "target", given=target, expected=f"the same owner as the source, for kind {kind!r}"
        )
    rules.amount(order.amount)
    rules.currency(order.currency, tx.settings(CoinSettings).economy)
    rules.memo(order.memo)
    if order.metadata is None and order.at is None and order.expires_at is None:
        return order
    return order._replace(
        metadata=json_metadata(order.metadata),
        at=_happened(order.at, tx.now),
        expires_at=_expiry(tx, order),
    )


def _expiry(tx: Transaction, order: Order) -> datetime | None:
    """Return when an award expires, in UTC; that this comes after now is checked as it is posted.

    Raises:
        InvalidInstant: If it is not an aware datetime.
        InvalidInput: If the order is no award.
        NotSupportedByStore: If the store does not keep it.
    """
    if order.expires_at is None:
        return None
    if order.kind != "award":
        expected = f"None for kind {order.kind!r}: only awards expire"
        raise InvalidInput("expires_at", given=order.expires_at, expected=expected)
    at = storable_instant(order.expires_at, "expires_at")
    tx.port(EXPIRING)
    return at


def _happened(at: object, now: datetime) -> datetime | None:
    """Return when something happened that is recorded now, in UTC, or None for now.

    Raises:
        InvalidInstant: If it is not an aware datetime, or later than now.
    """
    if at is None:
        return None
    past = storable_instant(at)
    if past > now:
        raise InvalidInstant("at", given=at, expected=f"an instant that is not after now, {now}")
    return past


def _post_once(tx: Transaction, order: Order, key: str) -> Transfer:
    """Validate an order and post it once per key."""
    checked = _checked(tx, order)
    ids.key(key)
    return post_once(tx, key, checked)
