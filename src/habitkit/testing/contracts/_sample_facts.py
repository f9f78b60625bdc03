"""Sample events, messages and records, which differ where a test needs it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003 - cattrs reads the annotations

from attrs import frozen

from habitkit import ids
from habitkit.events import Event, Recorded, Retracted
from habitkit.journal.domain.model import Delivery, EventRow, IdempotencyRecord, Message
from habitkit.testing.contracts._base import all_pages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.binding import Sync
    from habitkit.journal.domain.model import StoredEvent
    from habitkit.services import Services

__all__ = [
    "NOW",
    "STRANGE_TEXTS",
    "Cheered",
    "Moved",
    "Placed",
    "a_record",
    "days",
    "event_row",
    "event_rows",
    "events_of",
    "message",
    "numbers",
    "placed",
    "retracted",
    "revisions",
]

NOW = datetime(2026, 1, 1, 8, tzinfo=UTC)
"""The instant to which the clock of the fixture ``kit`` is set."""

STRANGE_TEXTS = (
    "naïve café",
    "今日も走る 🏃‍♀️",
    "עברית",
    "e\u0301 is not é",
    " spaces around ",
    "quo'te\"s; --",
    "100%_\\wild*",
    "a\tb\nc\x7f",
    "\U0010ffff",
)
"""Texts that a store must give back exactly as they were."""


@frozen
class Cheered(Event):
    """An event of a host, with values that JSON cannot represent."""

    habit_id: UUID
    day: date
    until: datetime
    by: str


@frozen
class Placed(Event):
    """A derived event of a host."""

    place: str
    n: int

    @property
    def key(self) -> str:
        """The place."""
        return self.place


@frozen
class Moved(Placed):
    """Another one, whose places may be the same."""


def days(n: int) -> timedelta:
    """Return n days."""
    return timedelta(days=n)


def event_row(
    owner: str,
    rev: int,
    position: int = 0,
    *,
    deliver: bool = False,
    at: datetime = NOW,
    kind: str = "noted",
    **fields: Any,
) -> EventRow:
    """Return an event on its way into the store."""
    return EventRow(rev, position, Recorded(owner, at, kind, fields), deliver)


def event_rows(owner: str, count: int, *, deliver: bool = False) -> list[EventRow]:
    """Return events of one owner, numbered from 0 in their field ``n``, one a revision."""
    return [event_row(owner, n + 1, deliver=deliver, n=n) for n in range(count)]


def placed(
    rev: int,
    position: int,
    place: str,
    *,
    kind: type[Placed] = Placed,
    owner: str = "ada",
    at: datetime = NOW,
) -> EventRow:
    """Return a derived event on its way into the store; its field ``n`` is the revision."""
    return EventRow(rev, position, kind(owner, at, place, rev), deliver=False)


def retracted(
    rev: int,
    position: int,
    place: str,
    *,
    of: str = "Placed",
    sealed: bool = False,
    at: datetime = NOW,
) -> EventRow:
    """Return the end of a derived event of ada's."""
    return EventRow(rev, position, Retracted("ada", at, of, place, sealed), deliver=False)


def message(
    owner: str, key: str, *, at: datetime = NOW, kind: str = "noted", **fields: Any
) -> Message:
    """Return a message for an owner."""
    return Message(ids.time_ordered_id(at), owner, key, kind, at, fields)


def a_record(
    owner: str = "ada", key: str = "key", *, at: datetime = NOW, result: str = "1"
) -> IdempotencyRecord:
    """Return the record of an idempotency key."""
    return IdempotencyRecord(owner, "notes.add", key, {"text": "'é'"}, result, at)


def numbers(records: Iterable[StoredEvent | Delivery]) -> list[int]:
    """Return the fields ``n`` of events or of claimed events."""
    events = [each.event if isinstance(each, Delivery) else each for each in records]
    return [event.fields["n"] for event in events if event is not None]


def events_of(kit: Services[Sync], owner: str) -> list[StoredEvent]:
    """Return all events of an owner, page by page."""

    def after(last: StoredEvent | None) -> list[StoredEvent]:
        place = None if last is None else (last.rev, last.position)
        return kit.events.page(owner, after=place, limit=1000)

    return all_pages(after)


def revisions(kit: Services[Sync], owner: str) -> list[int]:
    """Return the revisions in which something happened to an owner, each once, in order."""
    return list(dict.fromkeys(event.rev for event in events_of(kit, owner)))
