"""Export of somebody's sticky assignments, and their erasure: the targeting key is the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from habitkit.flags.store import FLAGS

if TYPE_CHECKING:
    from habitkit.flags.kit_flags import KitFlags
    from habitkit.transaction import Transaction

__all__ = ["export_fields", "forget"]


def export_fields(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return an owner's assignments."""
    return {"assignments": tx.port(FLAGS).assignments(owner)}


def forget(tx: Transaction, owner: str) -> int:
    """Delete an owner's assignments, also those that wait in this process; count the stored ones.

    Other processes may still hold some that they have not stored: they do so with their next
    refresh. Erase again after that, or once nobody evaluates flags for the owner any more.
    """
    resident = tx.resident("flags")
    if resident is not None:
        cast("KitFlags", resident).forget(owner)
    return tx.port(FLAGS).forget(owner)
