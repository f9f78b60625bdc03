"""What a store keeps for the frame itself: owners' locks, events, deliveries, inbox, keys.

All of it happens inside one open transaction of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from habitkit.journal.domain.model import (
        Delivery,
        EventRow,
        IdempotencyRecord,
        Locked,
        Message,
        StoredEvent,
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
            since: Only those whose own ``at`` is this instant or later; None for all. It limits
                what is returned, not which event of a key is the last.
        """
        ...

    def erase(self, owner: str, words: Mapping[str, Collection[str]]) -> int:
        """Erase the words in an owner's events.

        Args:
            owner: Whose events.
            words: The fields that hold words, by type: they become empty texts. Of events of all
                other types every field goes.

        Returns:
            How many events were changed.
        """
        ...


class OutboxStore(Protocol):
    """Deliveries that wait for the relay."""

    def claim(self, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        """Claim up to ``limit`` deliveries that are due, so that nobody else gets them for a while.

        A delivery is due if it is available at ``now``; claiming makes it unavailable until
        ``until`` and counts an attempt. Two claimers never get the same delivery for the same
        time, and do not wait for each other where the database can skip locked rows.
        """
        ...

    def done(self, delivered: Sequence[StoredEvent]) -> None:
        """Delete deliveries that are done; unknown ones are ignored."""
        ...

    def postpone(self, event: StoredEvent, until: datetime) -> None:
        """Make a claimed delivery available again at ``until``."""
        ...


class InboxStore(Protocol):
    """Messages between owners."""

    def add(self, message: Message) -> bool:
        """Add a message; return False, and do nothing, if the owner already has one of its key.

        It does not wait for whoever is applying that one, and may be waiting for a lock of ours.
        """
        ...

    def waiting(self, owner: str, limit: int) -> list[Message]:
        """Return an owner's unapplied messages with attempts left, oldest ``(at, key)`` first."""
        ...

    def owners(self, limit: int) -> list[str]:
        """Return up to ``limit`` owners who have such messages, sorted."""
        ...

    def applied(self, message: Message, at: datetime) -> None:
        """Mark a message as applied; its key stays taken until it is forgotten."""
        ...

    def failed(self, message: Message, error: str) -> None:
        """Count a failed attempt and keep its reason."""
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
