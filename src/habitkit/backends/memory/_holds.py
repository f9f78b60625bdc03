"""The port of holds in memory."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.backends.memory._tables import Table
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.domain.model import Hold

__all__ = ["Holds"]


_by_seq = attrgetter("seq")


class Holds:
    """Holds, and by owner and currency which there are."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._holds: Table[UUID, Hold] = Table(log, "hold")
        self._of_owner: Table[tuple[str, str], tuple[UUID, ...]] = Table(log, "hold")

    def add(self, hold: Hold) -> None:
        """Add an open hold."""
        self._holds.insert(hold.id, hold)
        owner_and_currency = (hold.owner, hold.currency)
        self._of_owner.put(
            owner_and_currency, (*self._of_owner.get(owner_and_currency, ()), hold.id)
        )

    def get(self, hold_id: UUID) -> Hold | None:
        """Return a hold."""
        return self._holds.get(hold_id)

    def end(self, hold: Hold) -> None:
        """Write how an open hold ended."""
        before = self._holds.get(hold.id)
        if before is None or before.state != "open":
            msg = f"the hold {hold.id} is not open"
            raise IntegrityError(msg)
        ended = evolve(before, state=hold.state, settled=hold.settled, ended_at=hold.ended_at)
        self._holds.put(hold.id, ended)

    def page(
        self, owner: str, currency: str, after: int | None, limit: int, *, open_at: datetime | None
    ) -> list[Hold]:
        """Return a page of an owner's holds."""
        holds = [
            hold
            for hold in self._of(owner, currency)
            if (after is None or hold.seq > after)
            and (open_at is None or (hold.state == "open" and not hold.lapsed(open_at)))
        ]
        return sorted(holds, key=_by_seq)[:limit]

    def lapsed(self, owner: str, currency: str, at: datetime, *, still_open: bool) -> int:
        """Return the sum of holds that had expired by an instant while escrow still held them."""
        return sum(
            hold.amount
            for hold in self._of(owner, currency)
            if hold.at <= at
            and hold.expires_at is not None
            and hold.expires_at <= at
            and (hold.ended_at is None or (hold.ended_at > at and not still_open))
        )

    def overdue(
        self, now: datetime, limit: int, *, owner: str | None = None, currency: str | None = None
    ) -> list[Hold]:
        """Return open holds that are past their time."""
        among = self._holds if owner is None or currency is None else self._of(owner, currency)
        lapsed = [hold for hold in among if hold.lapsed(now)]
        return sorted(lapsed, key=lambda hold: (hold.expires_at or now, hold.id))[:limit]

    def held(self, owner: str, currency: str) -> int:
        """Return the sum of an owner's open holds."""
        return sum(hold.amount for hold in self._of(owner, currency) if hold.state == "open")

    def _of(self, owner: str, currency: str) -> list[Hold]:
        """Return an owner's holds."""
        return [self._holds.rows[id_] for id_ in self._of_owner.get((owner, currency), ())]
