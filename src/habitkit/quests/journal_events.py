"""Reading events as rules and quests count them: those just emitted, and those of the journal."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from habitkit import _codec
from habitkit.events import Retracted
from habitkit.quests.domain.counted_events import CountedEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from habitkit.events import Event
    from habitkit.transaction import Transaction

__all__ = ["emitted", "still_emitted", "unwritten", "whole_journal"]

_PAGE = 1000


def _type_of(event: Event) -> str:
    """Return the type of an event; of a retraction the type of what is retracted."""
    return event.of if isinstance(event, Retracted) else event.type


def emitted(tx: Transaction, events: Sequence[Event], types: Collection[str]) -> list[CountedEvent]:
    """Return events that were just emitted, those of some types and their retractions.

    One of whose key another one was emitted since is left out: a reaction that was called earlier
    has caused that one, which was counted, or will be.
    """
    found = [event for event in events if _type_of(event) in types]
    replaced = _keys_since(tx, events[-1]) if found else set()
    found = [event for event in found if (event.owner, event.key) not in replaced]
    places: dict[int, list[str]] = {}  # several, if a host emits one object several times
    for owner in dict.fromkeys(event.owner for event in found if not event.key):
        for place, event in unwritten(tx, owner):
            places.setdefault(id(event), []).append(place)
    counted = [_counted(it, it.key or places[id(it)].pop()) for it in reversed(found)]
    return counted[::-1]


def whole_journal(tx: Transaction, owner: str, types: Collection[str]) -> Iterator[CountedEvent]:
    """Return all events of an owner of some types, and their retractions, in their order.

    Those of this transaction that are not written yet come last.

    Args:
        tx: The transaction.
        owner: Whose events.
        types: The types.
    """
    order = 0
    after: tuple[int, int] | None = None
    while True:
        page = tx.stores.events.page(owner, after, _PAGE)
        for stored in page:
            is_retraction = stored.type == Retracted.__name__
            if (stored.fields.get("of") if is_retraction else stored.type) in types:
                key = stored.key or f"@{stored.rev}.{stored.position}"
                yield CountedEvent.of(stored.type, key, stored.at, stored.fields, order)
            order += 1
        if len(page) < _PAGE:
            break
        after = (page[-1].rev, page[-1].position)
    for place, event in unwritten(tx, owner):
        if _type_of(event) in types:
            yield _counted(event, event.key or place, order)
        order += 1


def unwritten(tx: Transaction, owner: str) -> list[tuple[str, Event]]:
    """Return an owner's events that this transaction has emitted and not written yet.

    Each comes with its place, ``@{rev}.{position}``, as the journal will have it.
    """
    events, written = tx.emitted
    mine = [(n, event) for n, event in enumerate(events) if event.owner == owner]
    return [
        (f"@{tx.rev(owner)}.{position}", event)
        for position, (n, event) in enumerate(mine)
        if n >= written
    ]


def still_emitted(tx: Transaction, events: Sequence[Event]) -> list[Event]:
    """Return the events that were not undone, with a savepoint, while they waited."""
    known = {id(event) for event in tx.emitted[0]}
    return [event for event in events if id(event) in known]


def _keys_since(tx: Transaction, event: Event) -> set[tuple[str, str | None]]:
    """Return the owners and keys of events that were emitted after one, and are not sealed."""
    later = takewhile(lambda it: it is not event, reversed(tx.emitted[0]))
    return {(it.owner, it.key) for it in later if it.key and not getattr(it, "sealed", False)}


def _counted(event: Event, key: str, order: int = 0) -> CountedEvent:
    fields = _codec.from_json(_codec.to_json(_codec.event_fields(event)))
    return CountedEvent.of(event.type, key, event.at, fields, order)
