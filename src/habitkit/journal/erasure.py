"""Export of an owner's journal, and erasure of the text in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.modules import vocabulary

if TYPE_CHECKING:
    from habitkit.journal.domain.model import StoredEvent
    from habitkit.transaction import Transaction

__all__ = ["export", "forget"]

_PAGE = 500


def export(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return an owner's events, and the messages that are not applied."""
    events: list[StoredEvent] = []
    after: tuple[int, int] | None = None
    while True:
        page = tx.stores.events.page(owner, after, _PAGE)
        events += page
        if len(page) < _PAGE:
            return {"events": events, "messages": tx.stores.inbox.unapplied(owner, _PAGE)}
        after = (page[-1].rev, page[-1].position)


def forget(tx: Transaction, owner: str) -> int:
    """Erase the fields of recorded events and messages, titles in events, idempotency records.

    The errors of deliveries and messages go as well, since they may quote what is in them.

    A message that could not be applied so far never will be.

    Returns:
        How many of them there were.
    """
    words = {name: kind.words for name, kind in vocabulary().items()}
    stores = tx.stores
    return (
        stores.events.erase(owner, words)
        + stores.outbox.erase(owner)
        + stores.inbox.erase(owner, tx.now)
        + stores.idempotency.erase(owner)
    )
