"""Dead deliveries and messages: list them, try them again, drop them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from habitkit import ids
from habitkit._text import storable
from habitkit.errors import NotFound
from habitkit.journal.domain.model import EventId

if TYPE_CHECKING:
    from habitkit.journal.domain.model import DeadLetter
    from habitkit.transaction import Transaction

__all__ = ["dead", "drop", "retry"]

_LARGEST = (2**63 - 1, 2**31 - 1)
"""The largest revision, and the largest position in it."""


def dead(tx: Transaction, limit: int = 100) -> list[DeadLetter]:
    """Return deliveries and messages that were given up after their last attempt.

    A delivery is tried ten times within three days, a message between owners five times. Then it
    is kept, and not tried any more.

    Args:
        tx: The transaction.
        limit: How many at most, 1 to 1000; those that are dead longest come first.

    Raises:
        InvalidInput: If the limit is not acceptable.
    """
    limit = ids.limit(limit)
    found = tx.stores.outbox.dead(limit) + tx.stores.inbox.dead(limit)
    return sorted(found, key=lambda each: each.since)[:limit]


def retry(tx: Transaction, id: str) -> None:  # noqa: A002 - it is the id in question
    """Let a dead delivery or message be tried again at once, with all its attempts.

    Args:
        tx: The transaction.
        id: Its identity: ``DeadLetter.id``.

    Raises:
        NotFound: If nothing dead has this id.
    """
    event = _event_id(id)
    if event is not None:
        found = tx.stores.outbox.revive(event, tx.now)
    else:
        found = tx.stores.inbox.revive(_message_id(id))
    if not found:
        raise NotFound(_KIND, id)


def drop(tx: Transaction, id: str) -> None:  # noqa: A002 - it is the id in question
    """Drop a dead delivery or message: nobody gets it any more.

    The event stays in the journal. The key of a message stays taken as if it had been applied.

    Args:
        tx: The transaction.
        id: Its identity: ``DeadLetter.id``.

    Raises:
        NotFound: If nothing dead has this id.
    """
    event = _event_id(id)
    if event is not None:
        found = tx.stores.outbox.drop(event)
    else:
        found = tx.stores.inbox.drop(_message_id(id), tx.now)
    if not found:
        raise NotFound(_KIND, id)


_KIND = "dead delivery or message"


def _event_id(value: object) -> EventId | None:
    """Return the identity of an event that a text names, or None if it names none."""
    if not isinstance(value, str):
        return None
    owner, *numbers = value.rsplit(":", 2)
    if len(numbers) != len(_LARGEST) or not storable(owner):
        return None
    if not all(text.isascii() and text.isdigit() for text in numbers):
        return None
    if any(len(text) > len(str(largest)) for text, largest in zip(numbers, _LARGEST, strict=True)):
        return None
    rev, position = map(int, numbers)
    return EventId(owner, rev, position) if rev <= _LARGEST[0] and position <= _LARGEST[1] else None


def _message_id(value: object) -> UUID:
    """Return the identity of a message.

    Raises:
        NotFound: If it is none.
    """
    try:
        return UUID(str(value))
    except ValueError:
        raise NotFound(_KIND, value) from None
