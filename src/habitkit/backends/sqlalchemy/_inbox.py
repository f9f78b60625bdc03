"""The port of messages between owners on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, func, null, or_, select, update

from habitkit import _codec
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import among, texts_parameter, unlocked_keys
from habitkit.backends.sqlalchemy._types import Instant, Json
from habitkit.backends.sqlalchemy._unreadable import Unreadable, read_one
from habitkit.backends.sqlalchemy.tables import inbox
from habitkit.journal.domain.model import DeadLetter, Message, UnreadableMessage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["OPEN", "Inbox"]

OPEN = and_(inbox.c.applied_at.is_(None), inbox.c.dead_at.is_(None))
"""Messages that are neither applied nor dead."""

_DEAD_ONE = and_(inbox.c.applied_at.is_(None), inbox.c.dead_at.is_not(None))
_SAFE = (inbox.c.id, inbox.c.owner, inbox.c.key, inbox.c.type, inbox.c.attempts)
_COLUMNS = (*_SAFE, inbox.c.at, inbox.c.fields, inbox.c.error, inbox.c.dead_at)


class Inbox:
    """Messages between owners."""

    _ADD = Prepared(
        lambda insert: (
            insert(inbox)
            .values({c.name: bindparam(c.name) for c in inbox.c})
            .on_conflict_do_nothing(index_elements=[inbox.c.owner, inbox.c.key])
            .returning(inbox.c.id)
        ),
        kind="message",
    )
    _IS_THERE = Prepared(
        lambda _: select(inbox.c.id).where(
            inbox.c.owner == bindparam("owner"), inbox.c.key == bindparam("key")
        )
    )
    _WAITING = Prepared(lambda _: _in_order(OPEN, among(inbox.c.type, "types")))
    _UNAPPLIED = Prepared(lambda _: _in_order(inbox.c.applied_at.is_(None)))
    _READ = Prepared(lambda _: select(*_COLUMNS).where(inbox.c.id == bindparam("id")))
    _OWNERS = Prepared(
        lambda _: (
            select(inbox.c.owner)
            .where(OPEN, among(inbox.c.type, "types"))
            .distinct()
            .order_by(inbox.c.owner)
            .limit(bindparam("count"))
        )
    )
    _APPLIED = Prepared(
        lambda _: (
            update(inbox)
            .where(inbox.c.id == bindparam("of_id"))
            .values(applied_at=bindparam("now"))
        )
    )
    _FAILED = Prepared(
        lambda _: (
            update(inbox)
            .where(inbox.c.id == bindparam("of_id"))
            .values(
                attempts=inbox.c.attempts + 1,
                error=bindparam("reason"),
                dead_at=bindparam("died_at"),
            )
        )
    )
    _DEAD = Prepared(
        lambda _: (
            select(*_SAFE, inbox.c.error, inbox.c.dead_at)
            .where(_DEAD_ONE)
            .order_by(inbox.c.dead_at, inbox.c.id)
            .limit(bindparam("count"))
        )
    )
    _REVIVE = Prepared(
        lambda _: (
            update(inbox)
            .where(inbox.c.id == bindparam("of_id"), _DEAD_ONE)
            .values(attempts=0, error=null(), dead_at=null())
        )
    )
    _DROP = Prepared(
        lambda _: (
            update(inbox)
            .where(inbox.c.id == bindparam("of_id"), _DEAD_ONE)
            .values(applied_at=bindparam("now"))
        )
    )
    _FORGET = Prepared(
        lambda _: delete(inbox).where(
            inbox.c.id.in_(unlocked_keys((inbox.c.id,), inbox.c.applied_at < bindparam("before")))
        )
    )

    _ERASE = Prepared(
        lambda _: (
            update(inbox)
            .where(
                inbox.c.owner == bindparam("of_owner"),
                or_(inbox.c.applied_at.is_(None), inbox.c.fields != bindparam("empty", type_=Json)),
            )
            .values(
                fields=bindparam("empty", type_=Json),
                error=null(),
                applied_at=func.coalesce(inbox.c.applied_at, bindparam("now", type_=Instant)),
            )
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def add(self, message: Message) -> bool:
        """Add a message unless its key is taken.

        It asks first, since an INSERT would wait for whoever is applying the message that has the
        key, and who may be waiting for a lock of ours.
        """
        if self._link.row(self._IS_THERE, {"owner": message.owner, "key": message.key}):
            return False
        values = {
            "id": message.id,
            "owner": message.owner,
            "key": message.key,
            "type": message.type,
            "at": message.at,
            "fields": _codec.to_json(message.fields),
            "attempts": message.attempts,
            "applied_at": None,
            "error": message.error,
            "dead_at": message.dead_at,
        }
        return self._link.row(self._ADD, values) is not None

    def waiting(
        self, owner: str, limit: int, types: Collection[str]
    ) -> Sequence[Message | UnreadableMessage]:
        """Return an owner's messages of some types that are neither applied nor dead."""
        named = texts_parameter(self._link.dialect, types)
        return self._read(self._WAITING, {"owner": owner, "count": limit, "types": named})

    def owners(self, limit: int, types: Collection[str]) -> list[str]:
        """Return owners who have such messages."""
        values = {"count": limit, "types": texts_parameter(self._link.dialect, types)}
        return [row[0] for row in self._link.rows(self._OWNERS, values)]

    def unapplied(self, owner: str, limit: int) -> Sequence[Message | UnreadableMessage]:
        """Return an owner's messages that are not applied."""
        return self._read(self._UNAPPLIED, {"owner": owner, "count": limit})

    def _read(
        self, prepared: Prepared, values: Mapping[str, Any]
    ) -> Sequence[Message | UnreadableMessage]:
        """Return the messages that a statement finds, each read by itself."""
        found: list[Message | UnreadableMessage] = []
        for safe in self._link.records(prepared, values):
            row = read_one(self._link, self._READ, {"id": safe["id"]})
            if isinstance(row, Unreadable):
                found.append(UnreadableMessage(**safe, error=row.error))
            elif row is not None:
                found.append(Message(**row))
        return found

    def applied(self, message: Message | UnreadableMessage, at: datetime) -> None:
        """Mark a message as applied."""
        self._link.run(self._APPLIED, {"of_id": message.id, "now": at})

    def failed(
        self, message: Message | UnreadableMessage, error: str, dead_at: datetime | None = None
    ) -> None:
        """Count a failed attempt."""
        self._link.run(self._FAILED, {"of_id": message.id, "reason": error, "died_at": dead_at})

    def dead(self, limit: int) -> list[DeadLetter]:
        """Return dead messages, longest dead first."""
        found = []
        for row in self._link.records(self._DEAD, {"count": limit}):
            read = read_one(self._link, self._READ, {"id": row["id"]})
            found.append(
                DeadLetter(
                    kind="message",
                    id=str(row["id"]),
                    owner=row["owner"],
                    type=row["type"],
                    attempts=row["attempts"],
                    error=row["error"],
                    since=row["dead_at"],
                    event=Message(**read) if isinstance(read, dict) else None,
                )
            )
        return found

    def revive(self, message: UUID) -> bool:
        """Let a dead message wait again."""
        return self._link.run(self._REVIVE, {"of_id": message}) > 0

    def drop(self, message: UUID, at: datetime) -> bool:
        """Mark a dead message as applied."""
        return self._link.run(self._DROP, {"of_id": message, "now": at}) > 0

    def forget(self, before: datetime, limit: int) -> int:
        """Delete messages that were applied long ago."""
        return self._link.run(self._FORGET, {"before": before, "count": limit})

    def erase(self, owner: str, at: datetime) -> int:
        """Erase the fields of an owner's messages."""
        return self._link.run(self._ERASE, {"of_owner": owner, "empty": "{}", "now": at})


def _in_order(*conditions: ColumnElement[bool]) -> Any:
    """Return the query of an owner's messages, oldest first, without what may be unreadable."""
    return (
        select(*_SAFE)
        .where(inbox.c.owner == bindparam("owner"), *conditions)
        .order_by(inbox.c.at, inbox.c.key)
        .limit(bindparam("count"))
    )
