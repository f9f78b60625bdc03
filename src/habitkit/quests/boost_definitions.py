"""Defining boosts, ending them early, and listing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.clock import storable_instant
from habitkit.errors import InvalidInput, NotFound
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.definition_log import add_definition, begin_definition, expect_declared
from habitkit.quests.domain.boosts import Boost
from habitkit.quests.errors import DefinitionError

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.transaction import Transaction

__all__ = ["boost", "boosts", "end_boost"]

_MOST_BOOSTS = 100


def boost(tx: Transaction, boost: Boost, *, by: str = "", note: str = "") -> Boost:
    """Add a boost, or replace the one of its name that has not begun yet.

    It holds for what reward rules give for events that are received while it holds, and not for the
    rewards of quests. Adding the same again changes nothing.

    Args:
        tx: The transaction.
        boost: The boost; its start is not in the past.
        by: Who adds it.
        note: Why.

    Returns:
        The boost.

    Raises:
        InvalidInput: If it is no ``Boost``, or begins in the past.
        UnknownCurrency: If the kit's ``Economy`` does not declare one of its currencies.
        DefinitionError: If a boost of this name has begun, or 100 others are not over yet.
    """
    given: object = boost
    if not isinstance(given, Boost):
        expected = "a Boost, such as Boost('weekend', 2, start, end)"
        raise InvalidInput("boost", given=given, expected=expected)
    storable_instant(boost.start, "start")
    storable_instant(boost.end, "end")
    expect_declared(tx, set(boost.currencies))
    catalog = begin_definition(tx)
    before = catalog.boosts.get(boost.name)
    if before == boost:
        return boost
    if before is not None and before.start <= tx.now:
        expected = (
            "the name of no boost that has begun; take another name, or end that one by "
            "kit.quests.end_boost"
        )
        raise DefinitionError("name", given=boost.name, expected=expected)
    if boost.start < tx.now:
        expected = f"an instant from {tx.now.isoformat()} on"
        raise InvalidInput("start", given=boost.start, expected=expected)
    others = [it for it in catalog.boosts.values() if it.end > tx.now and it.name != boost.name]
    if len(others) >= _MOST_BOOSTS:
        expected = f"at most {_MOST_BOOSTS} boosts that are not over; end others first"
        raise DefinitionError("boost", given=boost.name, expected=expected)
    content = boost.to_dict()
    add_definition(
        tx, catalog, "boost", boost.name, content, effective=boost.start, by=by, note=note
    )
    return boost


def end_boost(
    tx: Transaction, name: str, at: datetime | None = None, *, by: str = "", note: str = ""
) -> Boost | None:
    """End a boost earlier than it would; what was received before keeps it.

    Args:
        tx: The transaction.
        name: The boost.
        at: The first instant at which it does not hold any more, aware; not in the past. Now by
            default, which changes nothing if the boost is over.
        by: Who ends it.
        note: Why.

    Returns:
        The boost as it is now; None if it was ended before it began, so that there is none.

    Raises:
        NotFound: If there is no such boost.
        InvalidInput: If the instant is in the past, or after the end that the boost has.
    """
    catalog = begin_definition(tx)
    boost = catalog.boosts.get(name)
    if boost is None:
        raise NotFound("boost", name)
    end = min(tx.now, boost.end) if at is None else storable_instant(at)
    if end == boost.end:
        return boost
    if not tx.now <= end < boost.end:
        expected = f"an instant from {tx.now.isoformat()} to the end, {boost.end.isoformat()}"
        raise InvalidInput("at", given=at, expected=expected)
    shorter = evolve(boost, end=end) if boost.start < end else None
    content = None if shorter is None else shorter.to_dict()
    add_definition(tx, catalog, "boost", name, content, effective=end, by=by, note=note)
    return shorter


def boosts(tx: Transaction) -> list[Boost]:
    """Return all boosts, those to come and those that are over too, by start and name."""
    return sorted(catalog_of(tx).boosts.values(), key=lambda it: (it.start, it.name))
