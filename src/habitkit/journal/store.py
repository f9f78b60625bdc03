"""What a store keeps for the frame itself: owners' locks, events, deliveries, inbox, keys.

All of it happens inside one open transaction of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.journal.domain.model import (
        DeadLetter,
        Delivery,
        EventId,
        EventRow,
        IdempotencyRecord,
        Locked,
        Message,
        StoredEvent,
        UnreadableMessage,
    )

__all__ = ["EventStore", "IdempotencyStore", "InboxStore", "OutboxStore", "OwnerStore"]


class OwnerStore(Protocol):
    """The owners' locks."""

    def lock(self, owners: Sequence[str]) -> dict[str, Locked]:
        """Take the owners' locks until the transaction ends, and advance the owners' revisions.

        An owner's row is made if there is none. Of two transactions that lock the same owner, the
        second waits until the first has ended and then sees all that it committed.

        Args:
            owners: Each once, sorted; the locks are taken one after the other in this order.
        """
        ...

    def rev(self, owner: str) -> int:
        """Return an owner's revision without a lock; 0 if the owner has never been locked."""
        ...


class EventStore(Protocol):
    """The permanent log of events."""

    def append(self, rows: Sequence[EventRow]) -> None:
        """Add events, and a delivery for each row that asks for one.

        Raises:
            Duplicate: If an owner has an event at that revision and position already.
        """
        ...

    def page(self, owner: str, after: tuple[int, int] | None, limit: int) -> list[StoredEvent]:
        """Return up to ``limit`` events of an owner in the order of (rev, position).

        Args:
            owner: Whose events.
            after: Only those after this (rev, position); None for the beginning.
            limit: How many at most.
        """
        ...

    def net(self, owner: str, types: Collection[str], since: datetime | None) -> list[StoredEvent]:
        """Return an owner's net events of some types in the order of (rev, position).

        They are every event without a key, and of each key the last event by (rev, position), of
        whatever type and instant, unless that is an unsealed ``Retracted``. A ``Retracted`` belongs
        to the type in its field ``of``, and a sealed one is returned itself, as what is left of the
        event that it retracted.

        Args:
            owner: Whose events.
            types: The types to return; ``Retracted`` is none of them.
            since: Only those whose own ``at``, when they were emitted, is this instant or later;
                None for all. It limits what is returned, not which event of a key is the last. The
                ``done_at`` of an event may be up to 15 minutes after its ``at``, as a host's clock
                may be ahead; who needs all that were done since an instant asks from 15 minutes
                earlier.
        """
        ...

    def erase(
        self,
        owner: str,
        words: Mapping[str, Collection[str]],
        fields: Mapping[str, str] | None = None,
    ) -> int:
        """Erase the words in an owner's events.

        Args:
            owner: Whose events.
            words: The fields that hold words, by type: they become empty texts. Of events of all
                other types every field goes.
            fields: Only in events of the types in ``words`` that have these texts in their fields;
                None for all events.

        Returns:
            How many events were changed.
        """
        ...


class OutboxStore(Protocol):
    """Deliveries that wait for the relay, and dead ones: those that were given up."""

    def claim(
        self, now: datetime, until: datetime, limit: int, types: Collection[str]
    ) -> list[Delivery]:
        """Claim up to ``limit`` deliveries that are due, so that nobody else gets them for a while.

        A delivery is due if it is available at ``now`` and not dead; claiming makes it unavailable
        until ``until`` and counts an attempt. Two claimers never get the same delivery for the same
        time, and do not wait for each other where the database can skip locked rows. What cannot
        be read is claimed like the rest, as a delivery without an event.

        Args:
            now: The present instant.
            until: When the claim ends.
            limit: How many at most, those available longest first.
            types: Only deliveries of events of these types; the others stay as they are, and
                however many they are, they do not slow the claim down.
        """
        ...

    def done(self, delivered: Sequence[EventId]) -> None:
        """Delete deliveries that are done; unknown ones are ignored."""
        ...

    def postpone(self, event: EventId, until: datetime, error: str | None = None) -> None:
        """Make a claimed delivery available again at ``until``, unless it is done or dead.

        Args:
            event: The event that is to be delivered.
            until: When.
            error: Why it could not be delivered, which is kept; None keeps the one before.
        """
        ...

    def bury(self, event: EventId, at: datetime, attempts: int, error: str) -> None:
        """Mark a delivery as dead, unless it is done: it is kept, but not claimed any more.

        Args:
            event: The event that was to be delivered.
            at: When it was given up.
            attempts: How often it was tried.
            error: Why it could not be delivered, which is kept.
        """
        ...

    def oldest(self, types: Collection[str] | None = None) -> datetime | None:
        """Return the earliest instant since when a delivery is available, or None if none waits.

        What is claimed or postponed is not available before the end of that, and what is dead never
        is.

        Args:
            types: Only deliveries of events of these types; None for all.
        """
        ...

    def count_waiting(self, limit: int) -> int:
        """Return how many deliveries are neither done nor dead; of more than ``limit``, that."""
        ...

    def dead(self, limit: int) -> list[DeadLetter]:
        """Return up to ``limit`` dead deliveries, longest dead first, in order of (owner, ...)."""
        ...

    def revive(self, event: EventId, at: datetime) -> bool:
        """Make a dead delivery available at ``at``, without attempts or error.

        Returns:
            False if there is no dead one.
        """
        ...

    def drop(self, event: EventId) -> bool:
        """Delete a dead delivery; return False if there is none."""
        ...

    def erase(self, owner: str) -> int:
        """Erase the errors of an owner's deliveries; return how many had one."""
        ...


class InboxStore(Protocol):
    """Messages between owners."""

    def add(self, message: Message) -> bool:
        """Add a message; return False, and do nothing, if the owner already has one of its key.

        It does not wait for whoever is applying that one, and may be waiting for a lock of ours.
        """
        ...

    def waiting(
        self, owner: str, limit: int, types: Collection[str]
    ) -> Sequence[Message | UnreadableMessage]:
        """Return an owner's messages that are neither applied nor dead, oldest ``(at, key)`` first.

        What cannot be read is among them, as an ``UnreadableMessage``.

        Args:
            owner: Whose inbox.
            limit: How many at most.
            types: Only messages of these types.
        """
        ...

    def owners(self, limit: int, types: Collection[str]) -> list[str]:
        """Return up to ``limit`` owners who have such messages of some types, sorted."""
        ...

    def unapplied(self, owner: str, limit: int) -> Sequence[Message | UnreadableMessage]:
        """Return up to ``limit`` messages that are not applied: of all types, dead ones as well.

        They come in the same order.
        """
        ...

    def applied(self, message: Message | UnreadableMessage, at: datetime) -> None:
        """Mark a message as applied; its key stays taken until it is forgotten."""
        ...

    def failed(
        self, message: Message | UnreadableMessage, error: str, dead_at: datetime | None = None
    ) -> None:
        """Count a failed attempt and keep its reason; from ``dead_at`` on the message is dead."""
        ...

    def dead(self, limit: int) -> list[DeadLetter]:
        """Return up to ``limit`` dead messages, longest dead first, in order of their ids."""
        ...

    def revive(self, message: UUID) -> bool:
        """Let a dead message wait again, without attempts or error; False if it is not dead."""
        ...

    def drop(self, message: UUID, at: datetime) -> bool:
        """Mark a dead message as applied, so its key stays taken; return False if there is none."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` messages that were applied before an instant; count them."""
        ...

    def erase(self, owner: str, at: datetime) -> int:
        """Erase fields and errors of an owner's messages; mark those not applied as applied.

        Returns:
            How many messages had fields, or were not applied.
        """
        ...


class IdempotencyStore(Protocol):
    """Records of idempotency keys."""

    def get(self, owner: str, operation: str, key: str) -> IdempotencyRecord | None:
        """Return the record of a key, or None."""
        ...

    def put(self, record: IdempotencyRecord) -> None:
        """Keep a record, replacing one of the same key."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Delete up to ``limit`` records that were made before an instant; count them."""
        ...

    def erase(self, owner: str) -> int:
        """Empty the requests and results of an owner's records; their keys stay taken.

        Returns:
            How many records had a result.
        """
        ...
