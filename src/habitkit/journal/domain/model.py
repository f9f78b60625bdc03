"""Values of the journal: rows of events, deliveries, messages, idempotency records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from attrs import frozen

from habitkit.events import Event

__all__ = [
    "Delivery",
    "EventRow",
    "Failure",
    "IdempotencyRecord",
    "Locked",
    "Message",
    "RelayReport",
    "StoredEvent",
    "SweepReport",
    "Swept",
]


class Locked(NamedTuple):
    """The result of taking an owner's lock.

    Attributes:
        rev: The owner's new revision; it grows by one at each lock.
        messages: True if messages wait in the owner's inbox.
    """

    rev: int
    messages: bool


class EventRow(NamedTuple):
    """An event to be written to the store.

    Attributes:
        rev: The owner's revision in which it happened.
        position: Its place among the events of that revision, from 0.
        event: The event.
        deliver: True if a delivery is to be kept for the relay.
    """

    rev: int
    position: int
    event: Event
    deliver: bool


@frozen
class StoredEvent:
    """An event as the journal keeps it.

    Attributes:
        owner: Whose event it is.
        rev: The owner's revision in which it happened.
        position: Its place among the events of that revision, from 0.
        type: The type's name.
        at: When it happened, in UTC.
        key: The place in the derived set, or None.
        fields: The rest of its content, as JSON values.
    """

    owner: str
    rev: int
    position: int
    type: str
    at: datetime
    key: str | None
    fields: Mapping[str, Any]

    @property
    def id(self) -> str:
        """A text that names this event for good: receivers drop what they have seen."""
        return f"{self.owner}:{self.rev}:{self.position}"


@frozen
class Delivery:
    """An event that the relay has claimed.

    Attributes:
        event: What is to be delivered.
        attempt: The number of this attempt, from 1.
    """

    event: StoredEvent
    attempt: int


@frozen
class Message:
    """Something that concerns another owner, applied under that owner's own lock.

    Attributes:
        id: Its identity.
        owner: Whom it concerns.
        key: Unique for the owner: sending the same key again does nothing.
        type: The event's type.
        at: The event's instant, in UTC.
        fields: The event's content, as JSON values.
        attempts: How often applying it has failed.
        error: Why it failed last.
    """

    id: UUID
    owner: str
    key: str
    type: str
    at: datetime
    fields: Mapping[str, Any]
    attempts: int = 0
    error: str | None = None


@frozen
class IdempotencyRecord:
    """An idempotency record: the request and result of a key.

    Attributes:
        owner: Whose key.
        operation: The operation the key was used for.
        key: The key.
        request: The caller's arguments, as texts.
        result: The first result, as JSON text.
        at: When it was done.
    """

    owner: str
    operation: str
    key: str
    request: Mapping[str, str]
    result: str
    at: datetime


@frozen
class Failure:
    """An item that could not be handled: a delivery, a message, what a sweep found.

    Attributes:
        id: The item's identity.
        error: The error's class and message.
        attempts: How often it has failed so far, where that is counted.
    """

    id: str
    error: str
    attempts: int = 1


@frozen
class RelayReport:
    """The result of one run of the relay.

    Attributes:
        delivered: How many events every subscriber has accepted.
        failures: Those that will be tried again later.
    """

    delivered: int
    failures: tuple[Failure, ...] = ()


@frozen
class Swept:
    """The result of one sweeper.

    Attributes:
        count: How many items it handled.
        failures: Those that it could not handle; nothing was written for them.
        more: True if the limit was reached, so another sweep has work to do.
    """

    count: int
    failures: tuple[Failure, ...] = ()
    more: bool = False


@frozen
class SweepReport:
    """The result of one sweep.

    Attributes:
        counts: How many items were handled, by name: ``messages``, ``old_keys``, ``habits``,
            ``expired_holds``, ``sealed_entries``.
        failures: Those that could not be handled; nothing was written for them.
        more: True if a limit was reached, so another sweep has work to do.
    """

    counts: Mapping[str, int]
    failures: tuple[Failure, ...] = ()
    more: bool = False
