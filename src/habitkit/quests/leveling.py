"""The reaction that tells which levels were reached when the balance behind them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.coins.events import HoldClosed
from habitkit.coins.store import COINS
from habitkit.events import Event, Retracted
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.events import LevelReached
from habitkit.quests.journal_events import emitted, unwritten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.coins.events import CoinsPosted
    from habitkit.transaction import Transaction

__all__ = ["correct_levels", "reach_levels"]

_LEVEL = LevelReached.__name__


def reach_levels(tx: Transaction, owner: str, events: Sequence[CoinsPosted | HoldClosed]) -> None:
    """Emit the levels that were reached or lost with the balance they depend on: a reaction.

    That balance contains what is held, and what an event says of the wallet does not. It may be
    that of another owner than the one of the scope, who has transferred coins.
    """
    levels = catalog_of(tx).levels
    if levels is None:
        return
    of_levels = [event for event in events if event.currency == levels.currency]
    if not of_levels:
        return
    accounts = tx.port(COINS).accounts((owner,), levels.currency)
    balances = {account.role: account.balance for account in accounts}
    held = balances.get("escrow", 0)
    posted, number_of = balances.get("wallet", 0) + held, levels.number_of
    for event in of_levels:
        if isinstance(event, HoldClosed):
            after, change = posted, -event.settled
        else:
            after, change = event.balance + held, event.amount
        if number_of(after - change) != number_of(after):
            # Not by that balance: a quest that counts the event may have given more meanwhile.
            correct_levels(tx, owner, number_of(posted))
            return


def correct_levels(tx: Transaction, owner: str, number: int) -> list[Event]:
    """Emit what makes the emitted levels those up to a number.

    Args:
        tx: The transaction.
        owner: Whose levels; the lock is held.
        number: The level of the owner.

    Returns:
        What was emitted.
    """
    known = {event.fields["level"] for event in tx.stores.events.net(owner, [_LEVEL], None)}
    for event in emitted(tx, [it for _, it in unwritten(tx, owner)], {_LEVEL}):
        if event.retracted:
            known.discard(int(event.key.removeprefix("level:")))
        else:
            known.add(event.fields["level"])
    wanted = set(range(2, number + 1))
    lost = [LevelReached(owner, tx.now, it) for it in sorted(known - wanted, reverse=True)]
    found: list[Event] = [Retracted(owner, tx.now, it.type, it.key) for it in lost]
    found += [LevelReached(owner, tx.now, it) for it in sorted(wanted - known)]
    tx.emit(owner, found)
    return found
