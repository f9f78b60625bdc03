"""The ports that every store has; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.events import Recorded
from habitkit.journal.domain.model import Delivery, IdempotencyRecord, Locked, Message, StoredEvent
from habitkit.journal.domain.rules import MAX_MESSAGE_ATTEMPTS

from ._facts import Port, added_once, facts, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from habitkit.events import Event
    from habitkit.journal.domain.model import EventRow

__all__ = ["Events", "IdempotencyKeys", "Inbox", "Outbox", "Owners"]


class Owners(Port):
    """The owners' locks. A writer has SQLite's write lock already: the lock of all owners."""

    def lock(self, owners: Sequence[str]) -> dict[str, Locked]:
        return {owner: self._lock(owner) for owner in owners}

    def _lock(self, owner: str) -> Locked:
        (rev,) = self.execute(
            "INSERT INTO owners VALUES (?, 1)"
            " ON CONFLICT (owner) DO UPDATE SET rev = rev + 1 RETURNING rev",
            (owner,),
        ).fetchone()
        message = self.execute("SELECT 1 FROM waiting WHERE owner = ? LIMIT 1", (owner,))
        return Locked(rev, message.fetchone() is not None)


class Events(Port):
    """The permanent log of events."""

    def append(self, rows: Sequence[EventRow]) -> None:
        for row in rows:
            event, at = row.event, text(row.event.at)
            identity = {"owner": event.owner, "rev": row.rev, "position": row.position}
            fields = json.dumps(_fields(event))
            with added_once("event"):
                self.insert(
                    "events",
                    {**identity, "type": event.type, "at": at, "key": event.key, "fields": fields},
                )
            if row.deliver:
                self.insert("outbox", {**identity, "available": at, "attempts": 0})

    def page(self, owner: str, after: tuple[int, int] | None, limit: int) -> list[StoredEvent]:
        rows = self.execute(
            "SELECT * FROM events WHERE owner = ? AND (rev, position) > (?, ?)"
            " ORDER BY rev, position LIMIT ?",
            (owner, *(after or (-1, -1)), limit),
        )
        return [_stored(row) for row in rows]

    def erase(self, owner: str, words: Mapping[str, Collection[str]]) -> int:
        erased = 0
        for event in self.page(owner, None, limit=-1):
            names = words.get(event.type)
            fields = {} if names is None else {**event.fields, **dict.fromkeys(names, "")}
            if fields != event.fields:
                self.execute(
                    "UPDATE events SET fields = ? WHERE (owner, rev, position) = (?, ?, ?)",
                    (json.dumps(fields), owner, event.rev, event.position),
                )
                erased += 1
        return erased


class Outbox(Port):
    """Deliveries that wait for the relay."""

    def claim(self, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        due = self.execute(
            "SELECT attempts + 1 AS attempt, events.*"
            " FROM outbox JOIN events USING (owner, rev, position)"
            " WHERE available <= ? ORDER BY available LIMIT ?",
            (text(now), limit),
        ).fetchall()
        self.execute(
            "UPDATE outbox SET attempts = attempts + 1, available = ? WHERE (owner, rev, position)"
            " IN (SELECT owner, rev, position FROM outbox"
            "     WHERE available <= ? ORDER BY available LIMIT ?)",
            (text(until), text(now), limit),
        )
        return [Delivery(event=_stored(row), attempt=row["attempt"]) for row in due]

    def postpone(self, event: StoredEvent, until: datetime) -> None:
        self.execute(
            "UPDATE outbox SET available = ? WHERE (owner, rev, position) = (?, ?, ?)",
            (text(until), event.owner, event.rev, event.position),
        )

    def done(self, delivered: Sequence[StoredEvent]) -> None:
        for event in delivered:
            self.execute(
                "DELETE FROM outbox WHERE (owner, rev, position) = (?, ?, ?)",
                (event.owner, event.rev, event.position),
            )


class Inbox(Port):
    """Messages between owners."""

    def add(self, message: Message) -> bool:
        row = {
            "owner": message.owner,
            "key": message.key,
            "at": text(message.at),
            "attempts_left": MAX_MESSAGE_ATTEMPTS,
            "message": facts.dumps(message),
        }
        return self.insert("inbox", row, verb="INSERT OR IGNORE") == 1

    def waiting(self, owner: str, limit: int) -> list[Message]:
        rows = self.execute(
            "SELECT message FROM waiting WHERE owner = ? ORDER BY at, key LIMIT ?", (owner, limit)
        )
        return [facts.loads(message, Message) for (message,) in rows]

    def owners(self, limit: int) -> list[str]:
        rows = self.execute("SELECT DISTINCT owner FROM waiting ORDER BY owner LIMIT ?", (limit,))
        return [owner for (owner,) in rows]

    def applied(self, message: Message, at: datetime) -> None:
        self.execute(
            "UPDATE inbox SET applied = ? WHERE (owner, key) = (?, ?)",
            (text(at), message.owner, message.key),
        )

    def failed(self, message: Message, error: str) -> None:
        changed = evolve(message, attempts=message.attempts + 1, error=error)
        self.execute(
            "UPDATE inbox SET attempts_left = attempts_left - 1, message = ?"
            " WHERE (owner, key) = (?, ?)",
            (facts.dumps(changed), message.owner, message.key),
        )

    def forget(self, before: datetime, limit: int) -> int:
        return self.execute(
            "DELETE FROM inbox WHERE (owner, key) IN"
            " (SELECT owner, key FROM inbox WHERE applied < ? LIMIT ?)",
            (text(before), limit),
        ).rowcount

    def erase(self, owner: str, at: datetime) -> int:
        return self.execute(
            "UPDATE inbox SET message = json_set(message, '$.fields', json('{}')),"
            " applied = coalesce(applied, ?) WHERE owner = ?"
            " AND (applied IS NULL OR json_extract(message, '$.fields') <> '{}')",
            (text(at), owner),
        ).rowcount


class IdempotencyKeys(Port):
    """Records of idempotency keys."""

    def get(self, owner: str, operation: str, key: str) -> IdempotencyRecord | None:
        row = self.execute(
            "SELECT record FROM idempotency WHERE (owner, operation, key) = (?, ?, ?)",
            (owner, operation, key),
        ).fetchone()
        return facts.loads(row["record"], IdempotencyRecord) if row else None

    def put(self, record: IdempotencyRecord) -> None:
        row = {
            "owner": record.owner,
            "operation": record.operation,
            "key": record.key,
            "at": text(record.at),
            "record": facts.dumps(record),
        }
        self.insert("idempotency", row, verb="INSERT OR REPLACE")

    def forget(self, before: datetime, limit: int) -> int:
        return self.execute(
            "DELETE FROM idempotency WHERE (owner, operation, key) IN"
            " (SELECT owner, operation, key FROM idempotency WHERE at < ? LIMIT ?)",
            (text(before), limit),
        ).rowcount

    def erase(self, owner: str) -> int:
        return self.execute("DELETE FROM idempotency WHERE owner = ?", (owner,)).rowcount


def _fields(event: Event) -> Any:
    """Return what an event holds beyond owner and instant, as JSON values."""
    if isinstance(event, Recorded):
        return event.fields
    values = facts.unstructure(event)
    return {name: value for name, value in values.items() if name not in {"owner", "at"}}


def _stored(row: sqlite3.Row) -> StoredEvent:
    """Return a row as an event."""
    return StoredEvent(
        owner=row["owner"],
        rev=row["rev"],
        position=row["position"],
        type=row["type"],
        at=datetime.fromisoformat(row["at"]),
        key=row["key"],
        fields=json.loads(row["fields"]),
    )
