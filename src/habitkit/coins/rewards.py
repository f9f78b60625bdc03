"""Reconciliation: a reaction that pays the difference between what is due and what was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.coins.domain import entitlements
from habitkit.coins.posting import Order, post
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import COINS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.coins.domain.model import Kind, Settled
    from habitkit.events import Event
    from habitkit.transaction import Transaction

__all__ = ["pay", "reconcile"]


def reconcile(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    """Pay what events earn and take back what they no longer earn: a reaction.

    It compares what is due with what was paid, for the places these events name only, and posts
    the difference as one transfer a currency, whose id goes with the fact that caused it. So the
    outcome does not depend on the order or the number of the steps that led there.
    """
    wanted = entitlements.due(events, tx.settings(CoinSettings).economy)
    if wanted:
        pay(tx, owner, wanted)


def pay(tx: Transaction, owner: str, wanted: Mapping[str, Settled]) -> None:
    """Pay what some places are due and was not paid, and take back what they are not due.

    Args:
        tx: The transaction.
        owner: To whom; the lock is held.
        wanted: What is due, by the key of the place; with the amount 0 what is not due.
    """
    coins = tx.port(COINS)
    changed, net = entitlements.outstanding(wanted, coins.settled(owner, list(wanted)))
    if not changed:
        return
    coins.settle(owner, changed)
    for currency in sorted(net) if len(net) > 1 else net:
        sum_due = net[currency]
        if sum_due:
            kind: Kind = "reward" if sum_due > 0 else "correction"
            order = Order(kind, owner, owner, currency, abs(sum_due), may_owe=True)
            post(tx, tx.caused_id(currency), order)
