"""Values of the journal: rows of events, deliveries, messages, idempotency records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from attrs import frozen

from habitkit.events import Event

__all__ = [
    "DeadLetter",
    "Delivery",
    "EventId",
    "EventRow",
    "Failure",
    "IdempotencyRecord",
    "Locked",
    "Message",
    "RelayReport",
    "StoredEvent",
    "SweepReport",
    "Swept",
    "UnreadableMessage",
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


class EventId(NamedTuple):
    """The identity of an event of the journal, and of its delivery.

    Attributes:
        owner: Whose event it is.
        rev: The owner's revision in which it happened.
        position: Its place among the events of that revision, from 0.
    """

    owner: str
    rev: int
    position: int

    @property
    def text(self) -> str:
        """The same as a text: ``StoredEvent.id``."""
        return f"{self.owner}:{self.rev}:{self.position}"


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
        return self.event_id.text

    @property
    def event_id(self) -> EventId:
        """The same as a value, for stores."""
        return EventId(self.owner, self.rev, self.position)


@frozen
class Delivery:
    """A delivery that the relay has claimed.

    Attributes:
        id: The identity of the event.
        event: What is to be delivered; None if its row cannot be read.
        attempt: The number of this attempt, from 1.
        error: Why the row cannot be read, if it cannot.
    """

    id: EventId
    event: StoredEvent | None
    attempt: int
    error: str | None = None


@frozen
class Message:
    """Something that concerns another owner, applied under that owner's own lock.

    Attributes:
        id: Its identity.
        owner: Whom it concerns.
        key: Unique for the owner: sending the same key again does nothing.
        type: The name of the event's class, ``Recorded`` for an event without a class of its own.
        at: The event's instant, in UTC.
        fields: The event's content, as JSON values.
        attempts: How often applying it has failed.
        error: Why it failed last.
        dead_at: When it was given up, or None.
    """

    id: UUID
    owner: str
    key: str
    type: str
    at: datetime
    fields: Mapping[str, Any]
    attempts: int = 0
    error: str | None = None
    dead_at: datetime | None = None


@frozen
class UnreadableMessage:
    """A message whose row cannot be read: its instant is out of range, say, or its fields no JSON.

    Attributes:
        id: Its identity.
        owner: Whom it concerns.
        key: Its key.
        type: The name of the event's class.
        attempts: How often applying it has failed.
        error: Why the row cannot be read.
    """

    id: UUID
    owner: str
    key: str
    type: str
    attempts: int
    error: str


@frozen
class DeadLetter:
    """A delivery or a message that was given up after its last attempt, and is kept.

    Attributes:
        kind: ``"event"`` for the delivery of an event to subscribers, ``"message"`` for a message
            that waits in an inbox.
        id: Its identity, for ``kit.relay.retry`` and ``kit.relay.drop``: that of the event
            (``StoredEvent.id``) or of the message.
        owner: Whose event it is, or whom the message concerns.
        type: The event's type; of a message the name of the event's class.
        attempts: How often it was tried.
        error: Why the last attempt failed; None if ``kit.forget`` has erased it.
        since: When it was given up, in UTC.
        event: What could not be delivered or applied; None if its row cannot be read.
    """

    kind: Literal["event", "message"]
    id: str
    owner: str
    type: str
    attempts: int
    error: str | None
    since: datetime
    event: StoredEvent | Message | None


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
        dead: Those that failed for the last time, and are not tried again: ``kit.relay.dead``.
    """

    delivered: int
    failures: tuple[Failure, ...] = ()
    dead: tuple[Failure, ...] = ()


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
            ``quests``, ``expired_holds``, ``expired_awards``, ``sealed_entries``,
            ``metric_slots``, ``alert_groups``, ``notifications``, ``ended_silences``.
        failures: Those that could not be handled; nothing was written for them.
        more: True if a limit was reached, so another sweep has work to do.
    """

    counts: Mapping[str, int]
    failures: tuple[Failure, ...] = ()
    more: bool = False
