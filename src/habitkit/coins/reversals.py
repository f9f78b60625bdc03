"""The use case that reverses a transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from habitkit import ids
from habitkit.coins.domain import rules
from habitkit.coins.idempotent import transfer_once
from habitkit.coins.posting import Order, Return, post
from habitkit.coins.store import COINS
from habitkit.errors import NotFound

if TYPE_CHECKING:
    from habitkit.coins.domain.model import Transfer
    from habitkit.transaction import Transaction

__all__ = ["reverse"]


def reverse(
    tx: Transaction, transfer_id: UUID | str, amount: int | None = None, *, idempotency_key: str
) -> Transfer:
    """Reverse a transfer, wholly or in part, by a new one that refers to it.

    Several parts add up to at most the whole.

    What was spent comes back, what was given is taken away even if it has been spent by now: that
    may leave a debt, which blocks spending until it is earned back. Coins of an award that expires
    come back to that award, and expire with it. What of an award has expired cannot be reversed any
    more.

    Args:
        tx: The transaction.
        transfer_id: An award, a spend, a transfer, or what settled a hold.
        amount: How many of its coins, an int from 1; what is left of them by default.
        idempotency_key: A key of the source's: the same key, transfer and amount reverse once.

    Raises:
        NotFound: If there is no such transfer; in a kit of one owner, also if somebody else is a
            party to it.
        TransferNotReversible: If reconciliation, a hold or a reversal has posted it.
        AlreadyReversed: If nothing of it, or less than the amount, is left; it says how much.
        InvalidAmount: If it is not an amount, or more than the transfer's.
        BalanceOverflow: If an account, or a wallet's debt, would leave 64 bits.
        IdempotencyKeyExpired: If it was reversed under this key more than 30 days ago.
        IdempotencyConflict: If the key was used for another transfer or amount.
    """
    subject = ids.parse_id(transfer_id, "transfer_id")
    ids.key(idempotency_key)
    if amount is not None:
        rules.amount(amount)
    original = tx.port(COINS).transfer(subject)
    if original is None:
        raise NotFound("transfer", transfer_id)
    for party in (original.source, original.target):
        tx.own(party, "transfer", transfer_id)
    between = rules.reversal(original)
    tx.lock(original.source, original.target)

    def order() -> Order:
        before = tx.port(COINS).reversed(subject)
        part = rules.to_reverse(original, before, amount)
        kept = original.amount - before.amount - part
        return Order(
            "reversal", original.target, original.source, original.currency, part,
            reverses=subject, between=between, may_owe=True, returns=_return(original, kept),
        )  # fmt: skip

    def work(new_id: UUID) -> Transfer:
        return post(tx, new_id, order(), again=order)

    request: dict[str, object] = {"transfer_id": subject}
    if amount is not None:  # so that requests without it stay as they were kept
        request["amount"] = amount
    return transfer_once(tx, original.source, "coins.reverse", idempotency_key, request, work)


def _return(original: Transfer, kept: int) -> Return | None:
    """Return what the reversal of a transfer gives back to a wallet, if it does."""
    if original.kind == "award":
        return None
    settled = original.kind == "settle"  # out of what its hold has set aside
    return Return(UUID(int=original.id.int ^ 1) if settled else original.id, kept)
