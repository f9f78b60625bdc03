"""Export of somebody's exposures, and their erasure: the unit is the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from habitkit.experiments.store import EXPERIMENTS

if TYPE_CHECKING:
    from habitkit.experiments.exposure_buffer import ExposureBuffer
    from habitkit.transaction import Transaction

__all__ = ["export_fields", "forget"]


def export_fields(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return an owner's exposures."""
    return {"exposures": tx.port(EXPERIMENTS).exposures(owner)}


def forget(tx: Transaction, owner: str) -> int:
    """Delete an owner's exposures, also those that wait in this process; count the stored ones."""
    resident = tx.resident("experiments")
    if resident is not None:
        cast("ExposureBuffer", resident).forget(owner)
    return tx.port(EXPERIMENTS).forget(owner)
