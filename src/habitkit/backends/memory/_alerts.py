"""The port of alerts in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit._codec import from_json, to_json
from habitkit.backends.memory._tables import Table

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from habitkit.alerts.store import GroupRow, ReceiverRow, SilenceRow
    from habitkit.backends.memory._tables import UndoLog

__all__ = ["Alerts"]


class Alerts:
    """Groups and receivers by name, silences by id."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._groups: Table[str, GroupRow] = Table(log, "group of alerts")
        self._receivers: Table[str, ReceiverRow] = Table(log, "receiver of alerts")
        self._silences: Table[UUID, SilenceRow] = Table(log, "silence")

    def evaluated(self) -> dict[str, datetime]:
        """Return when each group was last evaluated."""
        return {row.name: row.evaluated_at for row in self._groups}

    def group(self, name: str) -> GroupRow | None:
        """Return what is kept of a group."""
        return self._groups.get(name)

    def put_group(self, row: GroupRow) -> None:
        """Add or replace the row of a group."""
        self._groups.put(row.name, row)

    def receiver(self, name: str) -> ReceiverRow | None:
        """Return what is kept of a receiver."""
        return self._receivers.get(name)

    def put_receiver(self, row: ReceiverRow) -> None:
        """Add or replace the row of a receiver."""
        self._receivers.put(row.name, row)

    def silence(self, id_: UUID) -> SilenceRow | None:
        """Return a silence."""
        row = self._silences.get(id_)
        return None if row is None else _copied(row)

    def silences(self, at: datetime) -> list[SilenceRow]:
        """Return the silences that end after an instant."""
        found = [_copied(row) for row in self._silences if row.ends > at]
        return sorted(found, key=lambda row: (row.starts, row.id))

    def put_silence(self, row: SilenceRow) -> None:
        """Add or replace a silence."""
        self._silences.put(row.id, _copied(row))

    def delete_silences(self, ended: datetime, limit: int) -> int:
        """Delete silences that ended at an instant or before."""
        found = [row.id for row in self._silences if row.ends <= ended][:limit]
        for id_ in found:
            self._silences.delete(id_)
        return len(found)


def _copied(row: SilenceRow) -> SilenceRow:
    """Return the same with a mapping of its own, as from a database."""
    return evolve(row, match=from_json(to_json(row.match)))
