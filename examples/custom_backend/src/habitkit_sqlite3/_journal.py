"""The ports that every store has; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve

from habitkit.events import Recorded
from habitkit.journal.domain.model import (
    DeadLetter,
    Delivery,
    EventId,
    IdempotencyRecord,
    Locked,
    Message,
    StoredEvent,
    UnreadableMessage,
)
from habitkit.journal.domain.rules import is_erased, is_net

from ._rows import Port, codec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from habitkit.events import Event
    from habitkit.journal.domain.model import EventRow

__all__ = ["Events", "IdempotencyKeys", "Inbox", "Outbox", "Owners"]

Readable: TypeAlias = Message | UnreadableMessage


class Owners(Port):
    """The owners' locks. A writer has SQLite's write lock already: the lock of all owners."""

    def lock(self, owners: Sequence[str]) -> dict[str, Locked]:
        return {owner: self._lock(owner) for owner in owners}

    def _lock(self, owner: str) -> Locked:
        upsert = """INSERT INTO owners VALUES (?, 1)
                    ON CONFLICT (owner) DO UPDATE SET rev = rev + 1 RETURNING rev"""
        (rev,) = self.run(upsert, owner).fetchone()
        message = self.run("SELECT 1 FROM waiting WHERE owner = ? LIMIT 1", owner).fetchone()
        return Locked(rev, message is not None)

    def rev(self, owner: str) -> int:
        found = self.run("SELECT rev FROM owners WHERE owner = ?", owner).fetchone()
        return found[0] if found else 0


class Events(Port):
    """The permanent log of events."""

    def append(self, rows: Sequence[EventRow]) -> None:
        for rev, n, event, deliver in rows:
            row = {"owner": event.owner, "rev": rev, "n": n}
            stored = StoredEvent(
                event.owner, rev, n, event.type, event.at, event.key, _fields(event)
            )
            self.insert_once("event", "events", {**row, "key": event.key, "value": stored})
            if deliver:
                due = {"type": event.type, "available": event.at, "attempts": 0}
                self.insert("outbox", {**row, **due})

    def page(self, owner: str, after: tuple[int, int] | None, limit: int) -> list[StoredEvent]:
        query = """SELECT value FROM events WHERE owner = ? AND (rev, n) > (?, ?)
                   ORDER BY rev, n LIMIT ?"""
        return self.values(StoredEvent, query, owner, *(after or (-1, -1)), limit)

    def net(self, owner: str, types: Collection[str], since: datetime | None) -> list[StoredEvent]:
        query = """SELECT value FROM events AS it WHERE owner = ? AND NOT EXISTS (
                       SELECT 1 FROM events AS later WHERE later.owner = it.owner
                       AND later.key = it.key AND (later.rev, later.n) > (it.rev, it.n))
                   ORDER BY rev, n"""
        last = self.values(StoredEvent, query, owner)
        return [it for it in last if (since is None or it.at >= since) and is_net(it, types)]

    def erase(
        self,
        owner: str,
        words: Mapping[str, Collection[str]],
        fields: Mapping[str, str] | None = None,
    ) -> int:
        erased = 0
        for event in self.page(owner, None, limit=-1):
            if not is_erased(event, words, fields):
                continue
            names = words.get(event.type)
            rest = {} if names is None else {**event.fields, **dict.fromkeys(names, "")}
            if rest != event.fields:
                update = "UPDATE events SET value = ? WHERE (owner, rev, n) = (?, ?, ?)"
                self.run(update, evolve(event, fields=rest), *event.event_id)
                erased += 1
        return erased


class Outbox(Port):
    """Deliveries that wait for the relay, and dead ones."""

    def claim(
        self, now: datetime, until: datetime, limit: int, types: Collection[str]
    ) -> list[Delivery]:
        query = """SELECT value, attempts + 1 FROM outbox JOIN events USING (owner, rev, n)
                   WHERE dead IS NULL AND type IN (SELECT value FROM json_each(?))
                   AND available <= ? ORDER BY available, owner, rev, n LIMIT ?"""
        claimed = []
        for value, attempt in self.run(query, list(types), now, limit).fetchall():
            event = codec.loads(value, StoredEvent)
            update = (
                "UPDATE outbox SET available = ?, attempts = ? WHERE (owner, rev, n) = (?, ?, ?)"
            )
            self.run(update, until, attempt, *event.event_id)
            claimed.append(Delivery(event.event_id, event, attempt))
        return claimed

    def postpone(self, event: EventId, until: datetime, error: str | None = None) -> None:
        update = """UPDATE outbox SET available = ?, error = coalesce(?, error)
                    WHERE (owner, rev, n) = (?, ?, ?) AND dead IS NULL"""
        self.run(update, until, error, *event)

    def done(self, delivered: Sequence[EventId]) -> None:
        for event in delivered:
            self.run("DELETE FROM outbox WHERE (owner, rev, n) = (?, ?, ?)", *event)

    def bury(self, event: EventId, at: datetime, attempts: int, error: str) -> None:
        update = """UPDATE outbox SET dead = ?, attempts = ?, error = ?
                    WHERE (owner, rev, n) = (?, ?, ?)"""
        self.run(update, at, attempts, error, *event)

    def oldest(self, types: Collection[str] | None = None) -> datetime | None:
        query = """SELECT min(available) FROM outbox WHERE dead IS NULL
                   AND (? OR type IN (SELECT value FROM json_each(?)))"""
        ((at,),) = self.run(query, types is None, list(types or ())).fetchall()
        return None if at is None else datetime.fromisoformat(at)

    def count_waiting(self, limit: int) -> int:
        query = "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE dead IS NULL LIMIT ?)"
        ((count,),) = self.run(query, limit).fetchall()
        return int(count)

    def dead(self, limit: int) -> list[DeadLetter]:
        query = """SELECT value, attempts, error, dead
                   FROM outbox JOIN events USING (owner, rev, n)
                   WHERE dead IS NOT NULL ORDER BY dead, owner, rev, n LIMIT ?"""
        found = []
        for value, attempts, error, dead in self.run(query, limit):
            event, since = codec.loads(value, StoredEvent), datetime.fromisoformat(dead)
            more = (event.owner, event.type, attempts, error, since, event)
            found.append(DeadLetter("event", event.id, *more))
        return found

    def revive(self, event: EventId, at: datetime) -> bool:
        update = """UPDATE outbox SET available = ?, attempts = 0, error = NULL, dead = NULL
                    WHERE (owner, rev, n) = (?, ?, ?) AND dead IS NOT NULL"""
        return self.run(update, at, *event).rowcount == 1

    def drop(self, event: EventId) -> bool:
        delete = "DELETE FROM outbox WHERE (owner, rev, n) = (?, ?, ?) AND dead IS NOT NULL"
        return self.run(delete, *event).rowcount == 1

    def erase(self, owner: str) -> int:
        update = "UPDATE outbox SET error = NULL WHERE owner = ? AND error IS NOT NULL"
        return self.run(update, owner).rowcount


class Inbox(Port):
    """Messages between owners."""

    def add(self, message: Message) -> bool:
        row = {name: getattr(message, name) for name in ("owner", "key", "id", "type", "at")}
        return self.insert("inbox", {**row, "value": message}, "INSERT OR IGNORE") == 1

    def waiting(self, owner: str, limit: int, types: Collection[str]) -> Sequence[Readable]:
        query = """SELECT value FROM waiting WHERE owner = ?
                   AND type IN (SELECT value FROM json_each(?)) ORDER BY at, key LIMIT ?"""
        return self.values(Message, query, owner, list(types), limit)

    def owners(self, limit: int, types: Collection[str]) -> list[str]:
        query = """SELECT DISTINCT owner FROM waiting
                   WHERE type IN (SELECT value FROM json_each(?)) ORDER BY owner LIMIT ?"""
        return [owner for (owner,) in self.run(query, list(types), limit)]

    def unapplied(self, owner: str, limit: int) -> Sequence[Readable]:
        query = """SELECT value FROM inbox WHERE owner = ? AND applied IS NULL
                   ORDER BY at, key LIMIT ?"""
        return self.values(Message, query, owner, limit)

    def applied(self, message: Readable, at: datetime) -> None:
        update = "UPDATE inbox SET applied = ? WHERE (owner, key) = (?, ?)"
        self.run(update, at, message.owner, message.key)

    def failed(self, message: Readable, error: str, dead_at: datetime | None = None) -> None:
        query = "SELECT value FROM inbox WHERE (owner, key) = (?, ?)"
        for found in self.values(Message, query, message.owner, message.key):
            attempts = found.attempts + 1
            self._put(evolve(found, attempts=attempts, error=error, dead_at=dead_at))

    def dead(self, limit: int) -> list[DeadLetter]:
        query = """SELECT value FROM inbox WHERE dead IS NOT NULL AND applied IS NULL
                   ORDER BY dead, id LIMIT ?"""
        return [
            DeadLetter(
                "message", str(it.id), it.owner, it.type, it.attempts, it.error, it.dead_at, it
            )
            for it in self.values(Message, query, limit)
            if it.dead_at is not None
        ]

    def revive(self, message: UUID) -> bool:
        found = self._dead(message)
        if found is not None:
            self._put(evolve(found, attempts=0, error=None, dead_at=None))
        return found is not None

    def drop(self, message: UUID, at: datetime) -> bool:
        found = self._dead(message)
        if found is not None:
            self.applied(found, at)
        return found is not None

    def _dead(self, message: UUID) -> Message | None:
        query = "SELECT value FROM inbox WHERE id = ? AND dead IS NOT NULL AND applied IS NULL"
        return self.value(Message, query, message)

    def _put(self, message: Message) -> None:
        update = "UPDATE inbox SET value = ?, dead = ? WHERE (owner, key) = (?, ?)"
        self.run(update, message, message.dead_at, message.owner, message.key)

    def forget(self, before: datetime, limit: int) -> int:
        delete = """DELETE FROM inbox WHERE (owner, key) IN
                    (SELECT owner, key FROM inbox WHERE applied < ? LIMIT ?)"""
        return self.run(delete, before, limit).rowcount

    def erase(self, owner: str, at: datetime) -> int:
        update = """UPDATE inbox SET
                    value = json_set(value, '$.fields', json('{}'), '$.error', null),
                    applied = coalesce(applied, ?) WHERE owner = ?
                    AND (applied IS NULL OR json_extract(value, '$.fields') <> '{}')"""
        return self.run(update, at, owner).rowcount


class IdempotencyKeys(Port):
    """Records of idempotency keys."""

    def get(self, owner: str, operation: str, key: str) -> IdempotencyRecord | None:
        query = "SELECT value FROM idempotency WHERE (owner, operation, key) = (?, ?, ?)"
        return self.value(IdempotencyRecord, query, owner, operation, key)

    def put(self, record: IdempotencyRecord) -> None:
        row = {name: getattr(record, name) for name in ("owner", "operation", "key", "at")}
        self.insert("idempotency", {**row, "value": record}, "INSERT OR REPLACE")

    def forget(self, before: datetime, limit: int) -> int:
        delete = """DELETE FROM idempotency WHERE (owner, operation, key) IN
                    (SELECT owner, operation, key FROM idempotency WHERE at < ? LIMIT ?)"""
        return self.run(delete, before, limit).rowcount

    def erase(self, owner: str) -> int:
        update = """UPDATE idempotency
                    SET value = json_set(value, '$.request', json('{}'), '$.result', '')
                    WHERE owner = ? AND json_extract(value, '$.result') <> ''"""
        return self.run(update, owner).rowcount


def _fields(event: Event) -> Any:
    """Return what an event holds beyond owner and instant, as JSON values."""
    if isinstance(event, Recorded):
        return event.fields
    values = codec.unstructure(event)
    return {name: value for name, value in values.items() if name not in {"owner", "at"}}
