"""Deliveries in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from habitkit.backends.memory._tables import Table
from habitkit.journal.domain.model import DeadLetter, Delivery, EventId

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from habitkit.backends.memory._journal import Events
    from habitkit.backends.memory._tables import UndoLog

__all__ = ["Outbox"]


@frozen
class _Waiting:
    """A delivery: when it is available, how often it was claimed, why it failed, when it died."""

    type: str
    available_at: datetime
    attempts: int = 0
    error: str | None = None
    dead_at: datetime | None = None


class Outbox:
    """Deliveries by event."""

    def __init__(self, log: UndoLog) -> None:
        """Make an empty table."""
        self._waiting: Table[EventId, _Waiting] = Table(log, "delivery")
        self.events: Events

    def add(self, event: EventId, kind: str, at: datetime) -> None:
        """Add a delivery that is available at once."""
        self._waiting.insert(event, _Waiting(kind, at))

    def claim(
        self, now: datetime, until: datetime, limit: int, types: Collection[str]
    ) -> list[Delivery]:
        """Claim deliveries of some types that are due, those available longest first."""
        due = sorted(
            (row.available_at, event)
            for event, row in self._waiting.rows.items()
            if row.dead_at is None and row.available_at <= now and row.type in types
        )
        claimed = []
        for _, event in due[:limit]:
            attempt = self._waiting.rows[event].attempts + 1
            self._change(event, available_at=until, attempts=attempt)
            claimed.append(Delivery(event, self.events.stored(event), attempt))
        return claimed

    def done(self, delivered: Sequence[EventId]) -> None:
        """Delete deliveries that are done."""
        for event in delivered:
            self._waiting.delete(event)

    def postpone(self, event: EventId, until: datetime, error: str | None = None) -> None:
        """Make a claimed delivery available again later."""
        row = self._waiting.get(event)
        if row is not None and row.dead_at is None:
            self._change(event, available_at=until, error=row.error if error is None else error)

    def bury(self, event: EventId, at: datetime, attempts: int, error: str) -> None:
        """Mark a delivery as dead."""
        if event in self._waiting:
            self._change(event, dead_at=at, attempts=attempts, error=error)

    def oldest(self, types: Collection[str] | None = None) -> datetime | None:
        """Return the earliest instant since when a delivery is available."""
        rows = self._waiting.rows.values()
        alive = (row for row in rows if row.dead_at is None)
        return min(
            (row.available_at for row in alive if types is None or row.type in types), default=None
        )

    def count_waiting(self, limit: int) -> int:
        """Return how many deliveries are neither done nor dead, up to a limit."""
        return min(limit, sum(row.dead_at is None for row in self._waiting.rows.values()))

    def dead(self, limit: int) -> list[DeadLetter]:
        """Return dead deliveries, longest dead first."""
        found = sorted(
            (row.dead_at, event) for event, row in self._waiting.rows.items() if row.dead_at
        )
        return [self._dead(event, at) for at, event in found[:limit]]

    def revive(self, event: EventId, at: datetime) -> bool:
        """Make a dead delivery available again."""
        if not self._is_dead(event):
            return False
        self._change(event, available_at=at, attempts=0, error=None, dead_at=None)
        return True

    def drop(self, event: EventId) -> bool:
        """Delete a dead delivery."""
        if not self._is_dead(event):
            return False
        self._waiting.delete(event)
        return True

    def erase(self, owner: str) -> int:
        """Erase the errors of an owner's deliveries."""
        failed = [
            event
            for event, row in self._waiting.rows.items()
            if event.owner == owner and row.error is not None
        ]
        for event in failed:
            self._change(event, error=None)
        return len(failed)

    def _change(self, event: EventId, **changes: Any) -> None:
        self._waiting.put(event, evolve(self._waiting.rows[event], **changes))

    def _is_dead(self, event: EventId) -> bool:
        row = self._waiting.get(event)
        return row is not None and row.dead_at is not None

    def _dead(self, event: EventId, since: datetime) -> DeadLetter:
        row, stored = self._waiting.rows[event], self.events.stored(event)
        return DeadLetter(
            "event", event.text, event.owner, row.type, row.attempts, row.error, since, stored
        )
