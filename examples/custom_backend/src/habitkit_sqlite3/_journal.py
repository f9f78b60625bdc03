"""The ports that every store has; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.events import Recorded
from habitkit.journal.domain.model import Delivery, IdempotencyRecord, Locked, Message, StoredEvent
from habitkit.journal.domain.rules import MAX_MESSAGE_ATTEMPTS, is_net

from ._rows import Port, codec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from habitkit.events import Event
    from habitkit.journal.domain.model import EventRow

__all__ = ["Events", "IdempotencyKeys", "Inbox", "Outbox", "Owners"]


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
                self.insert("outbox", {**row, "available": event.at, "attempts": 0})

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

    def erase(self, owner: str, words: Mapping[str, Collection[str]]) -> int:
        erased = 0
        for event in self.page(owner, None, limit=-1):
            names = words.get(event.type)
            fields = {} if names is None else {**event.fields, **dict.fromkeys(names, "")}
            if fields != event.fields:
                update = "UPDATE events SET value = ? WHERE (owner, rev, n) = (?, ?, ?)"
                self.run(update, evolve(event, fields=fields), *_place(event))
                erased += 1
        return erased


class Outbox(Port):
    """Deliveries that wait for the relay."""

    def claim(self, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        query = """SELECT value, attempts + 1 FROM outbox JOIN events USING (owner, rev, n)
                   WHERE available <= ? ORDER BY available LIMIT ?"""
        rows = self.run(query, now, limit).fetchall()
        claimed = [Delivery(codec.loads(event, StoredEvent), attempt) for event, attempt in rows]
        for delivery in claimed:
            update = "UPDATE outbox SET attempts = ? WHERE (owner, rev, n) = (?, ?, ?)"
            self.run(update, delivery.attempt, *_place(delivery.event))
            self.postpone(delivery.event, until)
        return claimed

    def postpone(self, event: StoredEvent, until: datetime) -> None:
        update = "UPDATE outbox SET available = ? WHERE (owner, rev, n) = (?, ?, ?)"
        self.run(update, until, *_place(event))

    def done(self, delivered: Sequence[StoredEvent]) -> None:
        for event in delivered:
            self.run("DELETE FROM outbox WHERE (owner, rev, n) = (?, ?, ?)", *_place(event))


class Inbox(Port):
    """Messages between owners."""

    def add(self, message: Message) -> bool:
        row = {"owner": message.owner, "key": message.key, "at": message.at, "value": message}
        row["attempts_left"] = MAX_MESSAGE_ATTEMPTS
        return self.insert("inbox", row, "INSERT OR IGNORE") == 1

    def waiting(self, owner: str, limit: int) -> list[Message]:
        query = "SELECT value FROM waiting WHERE owner = ? ORDER BY at, key LIMIT ?"
        return self.values(Message, query, owner, limit)

    def owners(self, limit: int) -> list[str]:
        rows = self.run("SELECT DISTINCT owner FROM waiting ORDER BY owner LIMIT ?", limit)
        return [owner for (owner,) in rows]

    def applied(self, message: Message, at: datetime) -> None:
        update = "UPDATE inbox SET applied = ? WHERE (owner, key) = (?, ?)"
        self.run(update, at, message.owner, message.key)

    def failed(self, message: Message, error: str) -> None:
        update = """UPDATE inbox SET attempts_left = attempts_left - 1,
                    value = json_set(value, '$.attempts', ?, '$.error', ?)
                    WHERE (owner, key) = (?, ?)"""
        self.run(update, message.attempts + 1, error, message.owner, message.key)

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


def _place(event: StoredEvent) -> tuple[str, int, int]:
    return event.owner, event.rev, event.position
