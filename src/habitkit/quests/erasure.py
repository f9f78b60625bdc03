"""Export of an owner's quests. They keep names and digests, of which nothing is erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.quests.store import QUESTS

if TYPE_CHECKING:
    from habitkit.transaction import Transaction

__all__ = ["export_fields"]


def export_fields(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return an owner's runs with what contributes to them, and the grants.

    What rules with a limit count is not among it: events of the owner, which the journal exports.
    """
    port = tx.port(QUESTS)
    runs = port.runs(owner)
    return {
        "runs": runs,
        "contributions": [row for run in runs for row in port.of_subject(owner, run.subject)],
        "grants": port.grants(owner),
    }
