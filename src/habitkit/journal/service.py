"""The journal's use cases: record a host's own event, read the log, relay, sweep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from habitkit import _codec, ids
from habitkit.binding import AsyncService, SyncService, action, query, workflow
from habitkit.clock import storable_instant
from habitkit.errors import InvalidEvent, InvalidInput
from habitkit.events import VOCABULARY, Recorded
from habitkit.journal.domain.model import Failure, RelayReport, SweepReport
from habitkit.journal.domain.rules import CLAIM_SECONDS, happened, reason, retry_delay
from habitkit.journal.idempotency import forget_old_keys
from habitkit.workflow import Call, Outside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.journal.domain.model import Delivery, StoredEvent
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = [
    "AsyncEvents",
    "AsyncRelay",
    "EventService",
    "Events",
    "Relay",
    "RelayService",
    "page",
    "record",
    "run_once",
    "sweep_journal",
]

_LARGEST_FIELDS = 64 * 1024
_LARGEST_NUMBER = 2**63 - 1


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
        at: When it happened, not later than now (15 minutes of clock skew are forgiven); now by
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
    start = None if after is None else _cursor(after)
    return tx.stores.events.page(owner, start, ids.limit(limit))


def run_once(settings: KitSettings, limit: int = 100) -> Steps[RelayReport]:
    """Deliver up to ``limit`` waiting events to their subscribers, each at least once.

    An event counts as delivered when every subscriber of its type has returned; if one raises, the
    event is tried again later, for all of them. Several relays may run at once.

    Args:
        settings: The kit's settings, with the subscribers.
        limit: How many events at most, 1 to 1000.

    Returns:
        How many were delivered, and which failed.

    Raises:
        InvalidInput: If the limit is not acceptable.
    """
    deliveries: list[Delivery] = yield Call(_claim, (ids.limit(limit),))
    delivered: list[StoredEvent] = []
    failures: list[Failure] = []
    for delivery in deliveries:
        error = None
        for subscriber in settings.subscribers:
            if error is None and delivery.event.type in subscriber.names:
                error = yield Outside(subscriber.run, (delivery.event,))
        if error is None:
            delivered.append(delivery.event)
        else:
            failures.append(Failure(delivery.event.id, reason(error), delivery.attempt))
            yield Call(_postpone, (delivery,))
    if delivered:
        yield Call(_delivered, (delivered,))
    return RelayReport(delivered=len(delivered), failed=tuple(failures))


def _claim(tx: Transaction, limit: int) -> list[Delivery]:
    return tx.stores.outbox.claim(tx.now, tx.now + timedelta(seconds=CLAIM_SECONDS), limit)


def _postpone(tx: Transaction, delivery: Delivery) -> None:
    tx.stores.outbox.postpone(delivery.event, tx.now + retry_delay(delivery.attempt))


def _delivered(tx: Transaction, events: Sequence[StoredEvent]) -> None:
    tx.stores.outbox.done(events)


def sweep_journal(limit: int) -> Steps[SweepReport]:
    """Apply messages that wait and forget old keys, up to a limit of each: for the sweep."""
    applied = 0
    failures: list[Failure] = []
    owners: list[str] = yield Call(_owners_with_messages, (limit,), write=False)
    for owner in owners:
        left = limit - applied - len(failures)
        if left <= 0:
            break
        done, failed = yield Call(_apply_messages, (owner, left))
        applied += done
        failures += failed
    forgotten: int = yield Call(_forget_old_keys, (limit,))
    more = applied + len(failures) >= limit or forgotten >= limit
    return SweepReport(applied=applied, failed=tuple(failures), forgotten=forgotten, more=more)


def _owners_with_messages(tx: Transaction, limit: int) -> list[str]:
    return tx.stores.inbox.owners(limit)


def _apply_messages(tx: Transaction, owner: str, limit: int) -> tuple[int, list[Failure]]:
    return tx.apply_messages(owner, limit)


def _forget_old_keys(tx: Transaction, limit: int) -> int:
    return forget_old_keys(tx, limit)


class EventService:
    """What ``kit.events`` offers."""

    record = action(record)
    page = query(page)


class RelayService:
    """What ``kit.relay`` offers."""

    run_once = workflow(run_once)


def _cursor(value: object) -> tuple[int, int]:
    """Return a valid (rev, position) of an event."""
    if (
        isinstance(value, tuple)
        and [type(number) for number in value] == [int, int]
        and all(0 <= number <= _LARGEST_NUMBER for number in value)
    ):
        return value
    raise InvalidInput("after", given=value, expected="the (rev, position) of an event, or None")


def _event_type(value: object) -> str:
    """Return a valid type of a host's own event."""
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= _codec.LONGEST_TYPE
        or not value.isprintable()
        or value in VOCABULARY
    ):
        raise InvalidEvent(
            "type",
            given=value,
            expected=(
                f"1 to {_codec.LONGEST_TYPE} printable characters, none of habitkit's own types"
            ),
        )
    return value


def _fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as plain JSON values."""
    try:
        return _codec.json_object(value, _LARGEST_FIELDS)
    except (TypeError, ValueError) as error:
        raise InvalidEvent(
            "fields", given=value, expected=f"JSON values by name, {_LARGEST_FIELDS} bytes at most"
        ) from error


class Events(EventService, SyncService):
    """``kit.events``."""


class AsyncEvents(EventService, AsyncService):
    """``kit.events`` of an async kit."""


class Relay(RelayService, SyncService):
    """``kit.relay``."""


class AsyncRelay(RelayService, AsyncService):
    """``kit.relay`` of an async kit."""
