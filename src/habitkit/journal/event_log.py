"""The use cases of the event log: record a host's own event, read the log."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from habitkit import _codec, ids
from habitkit._text import storable
from habitkit.clock import storable_instant
from habitkit.errors import InvalidEvent, InvalidInput
from habitkit.events import Recorded, Retracted
from habitkit.journal.domain.rules import event_cursor, happened
from habitkit.modules import vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from habitkit.journal.domain.model import StoredEvent
    from habitkit.transaction import Transaction

__all__ = ["net", "page", "record"]


_LARGEST_FIELDS = 64 * 1024


_MOST_TYPES = 100


def record(
    tx: Transaction,
    unit: str,
    type: str,  # noqa: A002 - the event's type is called type
    fields: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
    idempotency_key: str | None = None,
) -> Recorded:
    """Record an event of the host's own, for reactions, the relay and later analysis.

    Args:
        tx: The transaction.
        unit: Whose event it is: an owner, or any other unit such as a visitor.
        type: The event's type, at most 100 characters; not one of habitkit's own.
        fields: Its content: JSON values, at most 64 KiB as text.
        at: When it happened, not later than now (15 minutes of clock skew are accepted); now by
            default.
        idempotency_key: The same key with the same arguments records once.

    Returns:
        The event.

    Raises:
        InvalidEvent: If the type or the fields cannot be recorded.
        InvalidInstant: If ``at`` has no zone, lies in the future, or before the year 2.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(unit))
    name = _event_type(type)
    values = _fields({} if fields is None else fields)
    when = None if at is None else happened(storable_instant(at), tx.now)
    tx.lock(unit)

    def work(_: object) -> Recorded:
        event = Recorded(owner=unit, at=when or tx.now, name=name, fields=values)
        tx.emit(unit, [event])
        return event

    request = {"type": name, "fields": values, "at": when}
    return tx.once(unit, "events.record", idempotency_key, request, Recorded, work)


def page(
    tx: Transaction, owner: str, *, after: tuple[int, int] | None = None, limit: int = 100
) -> list[StoredEvent]:
    """Return an owner's events in the order in which they were written.

    Args:
        tx: The transaction.
        owner: Whose events.
        after: The (rev, position) of the last event already seen.
        limit: How many at most, 1 to 1000.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    return tx.stores.events.page(owner, event_cursor(after), ids.limit(limit))


def net(
    tx: Transaction, owner: str, *, types: Collection[str], since: datetime | None = None
) -> list[StoredEvent]:
    """Return an owner's net events, oldest first: what has happened and was not retracted.

    These are every event without a key, and of each key the last event, unless that is a
    ``Retracted`` that is not sealed. A sealed one is returned itself, for the type in its field
    ``of``: what the event earned stays, and it is no longer visible. All are returned at once, so
    ask for the types, and the time, that you need.

    Args:
        tx: The transaction.
        owner: Whose events.
        types: The names of the types to return, at most 100.
        since: Only events that were emitted at this instant or later (their ``at``), which decides
            nothing about which event of a key is the last; None for all.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        InvalidInstant: If ``since`` has no zone, or lies outside the years 2 to 9998.
    """
    tx.own(ids.owner(owner))
    start = None if since is None else storable_instant(since, "since")
    return tx.stores.events.net(owner, _types(types), start)


def _types(value: object) -> list[str]:
    """Return valid names of types, each once."""
    if (
        isinstance(value, Collection)
        and not isinstance(value, str)
        and len(value) <= _MOST_TYPES
        and all(map(_is_type, value))
    ):
        return sorted({*value})
    raise InvalidInput(
        "types",
        given=value,
        expected=(
            f"at most {_MOST_TYPES} names of event types, such as ['HabitCompleted']; "
            "'Retracted' comes with the type that it retracts"
        ),
    )


def _is_type(value: object) -> bool:
    return isinstance(value, str) and storable(value) and value != Retracted.__name__


def _event_type(value: object) -> str:
    """Return a valid type of a host's own event."""
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= _codec.LONGEST_TYPE
        or not value.isprintable()
        or value in vocabulary()
    ):
        raise InvalidEvent(
            "type",
            given=value,
            expected=(
                f"1 to {_codec.LONGEST_TYPE} printable characters, not the type of a habitkit event"
            ),
        )
    return value


def _fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as plain JSON values."""
    try:
        return _codec.json_object(value, _LARGEST_FIELDS)
    except (TypeError, ValueError) as error:
        raise InvalidEvent(
            "fields", given=value, expected=f"a JSON object of at most {_LARGEST_FIELDS} bytes"
        ) from error
