"""Settling what places are due: coins through the ledger; badges, freezes and items as grants."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from attrs import evolve

from habitkit.coins.domain.model import Settled
from habitkit.coins.rewards import pay
from habitkit.events import Event, Retracted
from habitkit.habits.rewarded_freezes import give, take_back
from habitkit.quests.domain.runs import Grant
from habitkit.quests.events import BadgeUnlocked, ItemGranted
from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.quests.domain.rewards import Due
    from habitkit.transaction import Transaction

__all__ = ["settle"]


def settle(tx: Transaction, owner: str, dues: Iterable[Due]) -> None:
    """Give what some places are due and was not given, and take back what they are not due.

    So the outcome depends on what is due alone, and not on how often or in which order it changed.
    Freezes are taken back last: that may retract events whose rewards are among those given here.

    Args:
        tx: The transaction.
        owner: To whom; the lock is held.
        dues: What is due; with the amount 0 what is not. Of several of one key the last counts.
    """
    coins: dict[str, Settled] = {}
    others: dict[str, Due] = {}
    for due in dues:
        if due.kind == "currency":
            coins[due.key] = Settled(due.key, due.name, due.amount)
        else:
            others[due.key] = due
    unfrozen = _settle_grants(tx, owner, others) if others else []
    if coins:
        pay(tx, owner, coins)
    for fact_id in unfrozen:
        take_back(tx, fact_id)


def _settle_grants(tx: Transaction, owner: str, dues: dict[str, Due]) -> list[UUID]:
    """Give and take back badges and items, and give freezes.

    Returns:
        The facts of the freezes that are to be taken back.
    """
    stored = {grant.key: grant for grant in tx.port(QUESTS).grants(owner, list(dues))}
    events: list[Event] = []
    unfrozen: list[UUID] = []
    for key, due in dues.items():
        before = stored.get(key)
        if before is not None and (before.amount, before.name) == (due.amount, due.name):
            continue
        if before is not None:
            events += _take(tx, before)
            if before.fact_id is not None:
                unfrozen.append(before.fact_id)
        if due.amount and due.kind != "currency":
            events += _give(tx, Grant(owner, key, due.kind, due.name, due.amount, tx.now))
    if events:
        tx.emit(owner, events)
    return unfrozen


def _give(tx: Transaction, grant: Grant) -> list[Event]:
    """Write a grant; return the events of it."""
    port, owner = tx.port(QUESTS), grant.owner
    if grant.kind == "freezes":
        fact_id = give(tx, UUID(grant.name), grant.amount, owner=owner)
        if fact_id is not None:
            port.put_grants([evolve(grant, fact_id=fact_id)])
        return []
    is_first = grant.kind == "item" or not port.granted(owner, "badge", grant.name)
    port.put_grants([grant])
    if grant.kind == "item":
        return [ItemGranted(owner, tx.now, grant.name, grant.key)]
    return [BadgeUnlocked(owner, tx.now, grant.name)] if is_first else []


def _take(tx: Transaction, grant: Grant) -> list[Event]:
    """Delete a grant; return the events of it."""
    port, owner = tx.port(QUESTS), grant.owner
    port.remove_grants(owner, [grant.key])
    if grant.kind == "freezes":
        return []
    event: Event
    if grant.kind == "item":
        event = ItemGranted(owner, tx.now, grant.name, grant.key)
    else:
        if port.granted(owner, "badge", grant.name):
            return []
        event = BadgeUnlocked(owner, tx.now, grant.name)
    return [Retracted(owner, tx.now, event.type, str(event.key))]
