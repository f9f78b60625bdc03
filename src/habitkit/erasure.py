"""Export of an owner's data, and erasure of the text in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit import _codec, ids
from habitkit.module import Module

if TYPE_CHECKING:
    from habitkit.transaction import Transaction

__all__ = ["export", "forget"]


def export(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return everything that is kept of an owner, as values that JSON can hold.

    Args:
        tx: The transaction.
        owner: Whose data.

    Returns:
        One entry a module: ``{"habits": {...}, "coins": {...}, ...}``.
    """
    tx.own(ids.owner(owner))
    found = {it.name: dict(it.export(tx, owner)) for it in _keeping(tx)}
    plain: dict[str, Any] = _codec.from_json(_codec.dump(found))
    return plain


def forget(tx: Transaction, owner: str) -> dict[str, int]:
    """Erase the text that is kept of an owner: titles, notes, memos, recorded fields.

    The rest stays as it is: days, streaks, amounts and balances, and the audit stays clean. A
    request that is repeated with an idempotency key from before raises ``IdempotencyKeyExpired``.

    Args:
        tx: The transaction.
        owner: Whose text.

    Returns:
        How many rows of each module had something to erase.
    """
    tx.own(ids.owner(owner))
    tx.lock(owner)
    tx.write_events()  # events of messages applied just now contain text too
    return {it.name: it.forget(tx, owner) for it in _keeping(tx)}


def _keeping(tx: Transaction) -> list[Module]:
    """Return the modules that keep something of owners in the store; one may work without it."""
    exporting = [it for it in tx.modules if type(it).export is not Module.export]
    return [it for it in exporting if not it.ports or tx.supports(it.ports[0])]
