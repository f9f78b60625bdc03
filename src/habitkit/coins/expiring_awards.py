"""The use cases of coins that expire: what will expire, what has, and the sweep's part.

What is left of an award at its ``expires_at`` is gone for everyone who reads or spends. It is taken
away by an entry of its own, which is dated at that instant. The first caller that posts to the
wallet writes it, or the sweep. ``domain.expiring`` says what uses an award.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.coins.award_uses import unused
from habitkit.coins.domain import rules
from habitkit.coins.domain.expiring import give_back, listed
from habitkit.coins.posting import expire_award
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import COINS, EXPIRING, HOLDS
from habitkit.maintenance import sweep_items

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from habitkit.coins.domain.expiring import ExpiringAward, ExpiringCoins
    from habitkit.coins.domain.model import Account
    from habitkit.journal.domain.model import Swept
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["expire_awards", "expired", "expiring"]

_MOST_LAPSED = 1000


def expiring(
    tx: Transaction, owner: str, currency: str = "coin", *, limit: int = 50
) -> list[ExpiringCoins]:
    """Return which of an owner's coins will expire, and when, those that end first first.

    Coins that are held are not among them while they are held.

    Args:
        tx: The transaction.
        owner: Whose coins.
        currency: In which currency.
        limit: Up to how many instants, 1 to 1000.

    Raises:
        UnknownCurrency: If the economy does not declare the currency.
        InvalidInput: If another argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    rules.currency(currency, tx.settings(CoinSettings).economy)
    count = ids.limit(limit)
    for account in tx.port(COINS).accounts((owner,), currency):
        if account.next_expiry is not None:
            awards = {award.id: award for award in unused(tx, owner, currency)}
            awards |= _after_lapsed_holds(tx, account)
            return listed(it for it in awards.values() if it.expires_at > tx.now)[:count]
    return []


def expired(tx: Transaction, wallet: Account, as_of: datetime | None, *, held: int) -> int:
    """Return how many of a wallet's coins have expired and were not taken away yet.

    Args:
        tx: The transaction.
        wallet: The wallet.
        as_of: By which instant; now by default, and then coins of holds that have expired count.
        held: How many coins of the owner are in escrow.
    """
    if wallet.next_expiry is None:
        return 0
    at = tx.now if as_of is None else as_of
    gone: dict[UUID, ExpiringAward] = {}
    if wallet.next_expiry <= at:
        awards = unused(tx, wallet.owner, wallet.currency)
        gone = {it.id: it for it in takewhile(lambda award: award.expires_at <= at, awards)}
    if as_of is None and held:
        gone |= _after_lapsed_holds(tx, wallet)
    return sum(award.left for award in gone.values() if award.expires_at <= at)


def expire_awards(_: KitSettings, limit: int) -> Steps[Swept]:
    """Take away what is left of awards that have expired, up to a limit; a part of the sweep."""
    return sweep_items(_due, _expire, lambda award: str(award.id), limit)


def _due(tx: Transaction, limit: int) -> list[ExpiringAward]:
    return tx.port(EXPIRING).due(tx.now, limit) if tx.supports(EXPIRING) else []


def _expire(tx: Transaction, found: ExpiringAward) -> int:
    """Take away what is left of one award, if another caller has not done it."""
    tx.lock(found.owner)
    award = tx.port(EXPIRING).get(found.id)
    if award is None or not award.due(tx.now):
        return 0
    expire_award(tx, award)
    return 1


def _after_lapsed_holds(tx: Transaction, wallet: Account) -> dict[UUID, ExpiringAward]:
    """Return the awards that holds past their time give back to, as they are when these end."""
    owner, currency, store = wallet.owner, wallet.currency, tx.port(EXPIRING)
    awards: dict[UUID, ExpiringAward] = {}
    balance = wallet.balance
    for hold in tx.port(HOLDS).overdue(tx.now, _MOST_LAPSED, owner=owner, currency=currency):
        uses = store.uses(hold.id)
        for use in uses:
            award = awards.get(use.award_id) or store.get(use.award_id)
            if award is not None:
                awards[award.id] = award
        given = give_back(uses, awards, kept=0, amount=hold.amount, balance=balance)
        awards |= {award.id: award for award in given.awards}
        balance += hold.amount
    return awards
