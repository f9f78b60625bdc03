"""Travel: recording the time zone an owner is in from an instant on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.clock import instant
from habitkit.habits.add_facts import add_own_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import zone
from habitkit.habits.domain.facts import ZoneChanged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.model import Changed
    from habitkit.transaction import Transaction

__all__ = ["travel"]


def travel(
    tx: Transaction,
    owner: str,
    tz: str,
    at: datetime | None = None,
    *,
    idempotency_key: str | None = None,
) -> Changed:
    """Record the zone an owner is in from an instant on, for habits without a zone of their own.

    Args:
        tx: The transaction.
        owner: Who travels.
        tz: The IANA name of the zone.
        at: From when on, not later than now (15 minutes of clock skew are accepted); now by
            default.
        idempotency_key: The same key with the same arguments travels once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    zone(tz)
    when = None if at is None else rules.when_done(instant(at), tx.now)

    def facts(fact_id: UUID) -> Sequence[OtherFact]:
        return (ZoneChanged(fact_id, owner, when or tx.now, tz, tx.now, tx.next_seq(owner)),)

    return add_own_facts(tx, owner, "travel", idempotency_key, {"tz": tz, "at": when}, facts)
