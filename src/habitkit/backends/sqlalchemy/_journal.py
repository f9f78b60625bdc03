"""Events on SQL."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    bindparam,
    literal,
    select,
    tuple_,
    update,
)

from habitkit import _codec
from habitkit.backends.sqlalchemy._net_events import select_last
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import (
    array_of,
    insert_columns,
    instant_array,
    shared_by_all,
    text_array,
)
from habitkit.backends.sqlalchemy.tables import events, outbox
from habitkit.journal.domain.model import StoredEvent
from habitkit.journal.domain.rules import is_erased, is_net

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.journal.domain.model import EventRow

__all__ = ["Events"]

_FEW = 2
_ERASED_AT_ONCE = 500


class Events:
    """The log of events."""

    _ADD = Prepared(
        lambda insert: insert(events).values({c.name: bindparam(c.name) for c in events.c}),
        kind="event",
    )
    _ADD_MANY = Prepared(
        lambda insert: insert_columns(
            insert, tuple(events.c), shared=("type", "at"), objects=("fields",)
        ),
        kind="event",
        only="postgresql",
    )
    _DELIVER = Prepared(
        lambda insert: insert(outbox).values({c.name: bindparam(c.name) for c in outbox.c}),
        kind="delivery",
    )

    _ERASE = Prepared(
        lambda _: (
            update(events)
            .where(
                events.c.owner == bindparam("of_owner"),
                events.c.rev == bindparam("of_rev"),
                events.c.position == bindparam("of_position"),
            )
            .values(fields=bindparam("rest"))
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def append(self, rows: Sequence[EventRow]) -> None:
        """Add events and the deliveries they ask for."""
        if len(rows) > _FEW and self._link.dialect.name == "postgresql":
            self._link.run(self._ADD_MANY, _columns(rows))
        else:
            self._link.run_many(self._ADD, [_values(row) for row in rows])
        deliveries = [_delivery(row) for row in rows if row.deliver]
        if deliveries:
            self._link.run_many(self._DELIVER, deliveries)

    def page(self, owner: str, after: tuple[int, int] | None, limit: int) -> list[StoredEvent]:
        """Return a page of an owner's events."""
        statement = (
            select(events)
            .where(events.c.owner == owner)
            .order_by(events.c.rev, events.c.position)
            .limit(limit)
        )
        if after is not None:
            place = tuple_(events.c.rev, events.c.position)
            statement = statement.where(place > tuple_(literal(after[0]), literal(after[1])))
        return [StoredEvent(**row) for row in self._link.select_records(statement)]

    def net(self, owner: str, types: Collection[str], since: datetime | None) -> list[StoredEvent]:
        """Return an owner's net events of some types."""
        rows = self._link.select_records(select_last(owner, types, since))
        return [event for row in rows if is_net(event := StoredEvent(**row), types)]

    def erase(
        self,
        owner: str,
        words: Mapping[str, Collection[str]],
        fields: Mapping[str, str] | None = None,
    ) -> int:
        """Erase the words in an owner's events."""
        erased = 0
        after: tuple[int, int] | None = None
        while page := self.page(owner, after, _ERASED_AT_ONCE):
            rows = [
                {
                    "of_owner": owner,
                    "of_rev": event.rev,
                    "of_position": event.position,
                    "rest": _codec.to_json(rest),
                }
                for event in page
                if is_erased(event, words, fields)
                and (rest := _without_words(event, words)) != event.fields
            ]
            if rows:
                self._link.run_many(self._ERASE, rows)
            erased += len(rows)
            after = (page[-1].rev, page[-1].position)
        return erased


def _in_utc(at: datetime) -> datetime:
    """Return an instant in UTC; in another zone two of them may be equal and an hour apart."""
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def _delivery(row: EventRow) -> dict[str, Any]:
    """Return the delivery of an event as a row."""
    return {
        "owner": row.event.owner,
        "rev": row.rev,
        "position": row.position,
        "type": row.event.type,
        "available_at": _in_utc(row.event.at),
        "attempts": 0,
        "error": None,
        "dead_at": None,
    }


def _values(row: EventRow) -> dict[str, Any]:
    """Return an event as a row."""
    event = row.event
    return {
        "owner": event.owner,
        "rev": row.rev,
        "position": row.position,
        "type": event.type,
        "at": _in_utc(event.at),
        "key": event.key,
        "fields": _codec.to_json(_codec.event_fields(event)),
    }


def _columns(rows: Sequence[EventRow]) -> dict[str, Any]:
    """Return events column by column."""
    events = [row.event for row in rows]
    return {
        "row_owner": text_array([event.owner for event in events]),
        "row_rev": array_of([row.rev for row in rows]),
        "row_position": array_of([row.position for row in rows]),
        **shared_by_all("row_type", [event.type for event in events], text_array),
        **shared_by_all("row_at", [_in_utc(event.at) for event in events], instant_array),
        "row_key": text_array([event.key for event in events]),
        "row_fields": _codec.dump([_codec.event_fields(event) for event in events]),
    }


def _without_words(event: StoredEvent, words: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """Return the fields of an event without the words in them."""
    names = words.get(event.type)
    return {} if names is None else {**event.fields, **dict.fromkeys(names, "")}
