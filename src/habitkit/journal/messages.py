"""Applying the messages in an owner's inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import _codec
from habitkit.journal.domain import rules
from habitkit.journal.domain.model import Failure, UnreadableMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.events import Event
    from habitkit.journal.domain.model import Message
    from habitkit.transaction import Transaction

__all__ = ["apply_waiting"]


def apply_waiting(
    tx: Transaction, owner: str, limit: int, known: Mapping[str, type[Event]]
) -> tuple[int, list[Failure]]:
    """Emit the messages in a locked owner's inbox, each in a savepoint of its own.

    Args:
        tx: The transaction.
        owner: The receiver.
        limit: How many at most.
        known: The classes of events that this kit can emit, by the type of their messages.

    Returns:
        How many were applied, and those that failed; a failure undoes that message alone.
    """
    applied, failures = 0, []
    for message in tx.stores.inbox.waiting(owner, limit, known.keys()):
        reason = _apply(tx, message, known[message.type])
        if reason is None:
            applied += 1
            continue
        attempts = message.attempts + 1
        given_up = attempts >= rules.MAX_MESSAGE_ATTEMPTS
        tx.stores.inbox.failed(message, reason, tx.now if given_up else None)
        failures.append(Failure(str(message.id), reason, attempts))
    return applied, failures


def _apply(tx: Transaction, message: Message | UnreadableMessage, kind: type[Event]) -> str | None:
    """Emit a message in a savepoint; return why it cannot be emitted, or None."""
    if isinstance(message, UnreadableMessage):
        return message.error
    try:
        with tx.savepoint():
            event = _codec.restore_event(kind, message.owner, message.at, message.fields)
            tx.emit(message.owner, [event])
    except Exception as error:  # noqa: BLE001 - one bad message must not stop its owner
        return rules.reason(error)
    tx.stores.inbox.applied(message, tx.now)
    return None
