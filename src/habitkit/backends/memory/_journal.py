"""Owners, events and idempotency records in memory."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from habitkit import _codec
from habitkit.backends.memory._tables import Table
from habitkit.events import Recorded, Retracted
from habitkit.journal.domain.model import EventId, EventRow, Locked, StoredEvent
from habitkit.journal.domain.rules import is_erased, is_net
from habitkit.modules import own_events

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from habitkit.backends.memory._inbox import Inbox
    from habitkit.backends.memory._outbox import Outbox
    from habitkit.backends.memory._tables import UndoLog
    from habitkit.journal.domain.model import IdempotencyRecord

__all__ = ["Events", "IdempotencyKeys", "Owners"]


@frozen
class _Erased(Recorded):
    """An event whose words were erased."""

    erased_key: str | None

    @property
    def key(self) -> str | None:
        return self.erased_key


class Owners:
    """The owners' revisions; the store's one lock is the lock of all of them."""

    def __init__(self, log: UndoLog, inbox: Inbox) -> None:
        """Make an empty table."""
        self._revs: Table[str, int] = Table(log, "owner")
        self._inbox = inbox

    def lock(self, owners: Sequence[str]) -> dict[str, Locked]:
        """Advance the owners' revisions."""
        revs, inbox, locked = self._revs, self._inbox, {}
        for owner in owners:
            rev = revs.get(owner, 0) + 1
            revs.put(owner, rev)
            locked[owner] = Locked(rev, bool(inbox.rows and inbox.waits(owner)))
        return locked

    def rev(self, owner: str) -> int:
        """Return an owner's revision; 0 if there is none."""
        return self._revs.get(owner, 0)


class Events:
    """The log of events, by owner."""

    def __init__(self, log: UndoLog, outbox: Outbox) -> None:
        """Make an empty table."""
        self._logs: dict[str, Table[tuple[int, int], EventRow]] = {}
        self._undo = log
        self._outbox = outbox

    def append(self, rows: Sequence[EventRow]) -> None:
        """Add events, and a delivery for each row that asks for one."""
        for row in rows:
            owner = row.event.owner
            table = self._logs.get(owner)
            if table is None:
                table = self._logs[owner] = Table(self._undo, "event")
            if type(row.event) not in own_events():  # a host's own may hold what can be changed
                row = row._replace(event=deepcopy(row.event))  # noqa: PLW2901
            table.insert((row.rev, row.position), row)
            if row.deliver:
                self._outbox.add(
                    EventId(owner, row.rev, row.position), row.event.type, row.event.at
                )

    def page(self, owner: str, after: tuple[int, int] | None, limit: int) -> list[StoredEvent]:
        """Return a page of an owner's events."""
        table = self._logs.get(owner)
        if table is None:
            return []
        row_keys = sorted(row_key for row_key in table.rows if after is None or row_key > after)
        return [_stored(table.rows[row_key]) for row_key in row_keys[:limit]]

    def net(self, owner: str, types: Collection[str], since: datetime | None) -> list[StoredEvent]:
        """Return an owner's net events of some types."""
        return [
            event
            for event in self.last(owner, {*types, Retracted.__name__})
            if (since is None or event.at >= since) and is_net(event, types)
        ]

    def last(self, owner: str, types: Collection[str]) -> list[StoredEvent]:
        """Return an owner's events of some types that have no key, or are the last of theirs."""
        table = self._logs.get(owner)
        rows = [] if table is None else [row for _, row in sorted(table.rows.items())]
        last = {row.event.key: row for row in rows}
        return [
            _stored(row)
            for row in rows
            if row.event.type in types and (row.event.key is None or row is last[row.event.key])
        ]

    def erase(
        self,
        owner: str,
        words: Mapping[str, Collection[str]],
        fields: Mapping[str, str] | None = None,
    ) -> int:
        """Erase the words in an owner's events."""
        table = self._logs.get(owner)
        erased = 0
        for place, row in list(table.rows.items()) if table is not None else ():
            event = _stored(row)
            if table is None or not is_erased(event, words, fields):
                continue
            names = words.get(event.type)
            rest = {} if names is None else {**event.fields, **dict.fromkeys(names, "")}
            if rest != event.fields:
                after = _Erased(owner, event.at, event.type, rest, event.key)
                table.put(place, row._replace(event=after))
                erased += 1
        return erased

    def stored(self, event: EventId) -> StoredEvent:
        """Return one event."""
        return _stored(self._logs[event.owner].rows[event.rev, event.position])


class IdempotencyKeys:
    """Records of idempotency keys."""

    def __init__(self, log: UndoLog) -> None:
        """Make an empty table."""
        self._rows: Table[tuple[str, str, str], IdempotencyRecord] = Table(log, "idempotency key")

    def get(self, owner: str, operation: str, key: str) -> IdempotencyRecord | None:
        """Return the record of a key."""
        record = self._rows.get((owner, operation, key))
        return None if record is None else evolve(record, request=dict(record.request))

    def put(self, record: IdempotencyRecord) -> None:
        """Keep a record."""
        kept = evolve(record, request=dict(record.request))
        self._rows.put((record.owner, record.operation, record.key), kept)

    def forget(self, before: datetime, limit: int) -> int:
        """Delete records that were made long ago."""
        old = [row_key for row_key, row in self._rows.rows.items() if row.at < before][:limit]
        for row_key in old:
            self._rows.delete(row_key)
        return len(old)

    def erase(self, owner: str) -> int:
        """Empty the requests and results of an owner's records."""
        records = [row for row in self._rows if row.owner == owner and row.result]
        for record in records:
            self.put(evolve(record, request={}, result=""))
        return len(records)


def _stored(row: EventRow) -> StoredEvent:
    """Return an event as every store gives it back: its fields are JSON values."""
    event = row.event
    fields = _codec.from_json(_codec.to_json(_codec.event_fields(event)))
    return StoredEvent(
        owner=event.owner,
        rev=row.rev,
        position=row.position,
        type=event.type,
        at=event.at,
        key=event.key,
        fields=fields,
    )
