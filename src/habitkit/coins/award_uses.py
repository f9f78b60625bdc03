"""Awards that expire, beside the ledger: what each posting changes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from habitkit.coins.domain import expiring
from habitkit.coins.domain.expiring import AwardUse, ExpiringAward
from habitkit.coins.store import EXPIRING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from habitkit.coins.domain.model import Account
    from habitkit.coins.drafts import Order
    from habitkit.transaction import Transaction

__all__ = ["Change", "record", "unused"]

_PAGE = 100


class Change(NamedTuple):
    """A transfer that changes something of the expiring awards of a wallet.

    Attributes:
        transfer_id: The transfer.
        order: What it was made from.
        wallet: The wallet as it was before.
        gives: True if the wallet gives, False if it receives.
    """

    transfer_id: UUID
    order: Order
    wallet: Account
    gives: bool


def record(tx: Transaction, change: Change) -> bool:
    """Write what a transfer that was just posted changes of its wallet's awards.

    Returns:
        True if something was given back to awards that have expired already.
    """
    if not change.gives:
        return _give_back(tx, change) if change.order.returns else _add(tx, change)
    if change.order.kind == "expire_award":
        _expire(tx, change)
    elif change.order.may_owe:
        _take_back(tx, change)
    else:
        _use(tx, change)
    return False


def unused(tx: Transaction, owner: str, currency: str) -> Iterator[ExpiringAward]:
    """Return the awards of which something is left, those that end first coming first."""
    last: ExpiringAward | None = None
    while True:
        page = tx.port(EXPIRING).unused(owner, currency, last, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1]


def _add(tx: Transaction, change: Change) -> bool:
    """Add an award; a balance below 0 has used of it at once what pays it off."""
    order, wallet = change.order, change.wallet
    expires_at = order.expires_at
    assert expires_at is not None  # noqa: S101 - the draft notes no other order that gives nothing
    used = min(order.amount, max(-wallet.balance, 0))
    award = ExpiringAward(
        change.transfer_id, wallet.owner, wallet.currency, order.amount, expires_at, used
    )
    tx.port(EXPIRING).add(award)
    before = wallet.next_expiry
    if before is None or before <= tx.now or expires_at < before:
        tx.port(EXPIRING).set_next_expiry(wallet.id, expires_at)
    return False


def _use(tx: Transaction, change: Change) -> None:
    """Use the awards that end first."""
    wallet = change.wallet
    shares = expiring.share(unused(tx, wallet.owner, wallet.currency), change.order.amount)
    if shares:
        _put(tx, [share.award for share in shares])
        tx.port(EXPIRING).put_uses(
            [AwardUse(change.transfer_id, share.award.id, share.amount) for share in shares]
        )


def _take_back(tx: Transaction, change: Change) -> None:
    """Take back coins that do not expire first, or those of the award that is reversed."""
    order, wallet = change.order, change.wallet
    reverses, amount = order.reverses, order.amount
    own = None if reverses is None else tx.port(EXPIRING).get(reverses)
    awards = list(unused(tx, wallet.owner, wallet.currency))
    _put(tx, expiring.taken_back(awards, amount, wallet.balance - amount, own))


def _expire(tx: Transaction, change: Change) -> None:
    """Take away what is left of an award, and note when the next one expires."""
    wallet, award_id = change.wallet, change.order.reverses
    award = None if award_id is None else tx.port(EXPIRING).get(award_id)
    assert award is not None  # noqa: S101 - the order was made from it
    _put(tx, expiring.taken_back([], change.order.amount, 0, award))
    for first in tx.port(EXPIRING).unused(wallet.owner, wallet.currency, None, 1):
        tx.port(EXPIRING).set_next_expiry(wallet.id, first.expires_at)


def _give_back(tx: Transaction, change: Change) -> bool:
    """Give back to awards what a transfer has used of them and does not keep."""
    order, wallet, store = change.order, change.wallet, tx.port(EXPIRING)
    assert order.returns is not None  # noqa: S101 - asked before
    uses = store.uses(order.returns.of)
    if not uses:
        return False
    found = [store.get(use.award_id) for use in uses]
    given = expiring.give_back(
        uses,
        {award.id: award for award in found if award is not None},
        kept=order.returns.kept,
        amount=order.amount,
        balance=wallet.balance,
    )
    store.put_uses(given.uses)
    _put(tx, given.awards)
    left = [award for award in given.awards if award.left]
    if not left:
        return False
    first = min(award.expires_at for award in left)
    if wallet.next_expiry is None or wallet.next_expiry <= tx.now or first < wallet.next_expiry:
        store.set_next_expiry(wallet.id, first)
    return first <= tx.now


def _put(tx: Transaction, awards: Sequence[ExpiringAward]) -> None:
    if awards:
        tx.port(EXPIRING).put(awards)
