"""Export of somebody's sticky assignments, and their erasure: the targeting key is the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from habitkit.transaction import Transaction

__all__ = ["export_fields", "forget"]


def export_fields(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return an owner's assignments."""
    return {"assignments": tx.port(FLAGS).assignments(owner)}


def forget(tx: Transaction, owner: str) -> int:
    """Delete an owner's assignments; count them."""
    return tx.port(FLAGS).forget(owner)
