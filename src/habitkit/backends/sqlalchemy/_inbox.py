"""The port of messages between owners on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, func, null, or_, select, update

from habitkit import _codec
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import unlocked_keys
from habitkit.backends.sqlalchemy._types import Instant, Json
from habitkit.backends.sqlalchemy.tables import inbox
from habitkit.journal.domain.model import Message
from habitkit.journal.domain.rules import MAX_MESSAGE_ATTEMPTS

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["OPEN", "Inbox"]

OPEN = and_(inbox.c.applied_at.is_(None), inbox.c.attempts < MAX_MESSAGE_ATTEMPTS)
"""Messages that are not applied and have attempts left."""


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
    _READ = Prepared(
        lambda _: (
            select(
                inbox.c.id,
                inbox.c.owner,
                inbox.c.key,
                inbox.c.type,
                inbox.c.at,
                inbox.c.fields,
                inbox.c.attempts,
                inbox.c.error,
            )
            .where(inbox.c.owner == bindparam("owner"), OPEN)
            .order_by(inbox.c.at, inbox.c.key)
            .limit(bindparam("count"))
        )
    )
    _OWNERS = Prepared(
        lambda _: (
            select(inbox.c.owner)
            .where(OPEN)
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
            .values(attempts=inbox.c.attempts + 1, error=bindparam("reason"))
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
        }
        return self._link.row(self._ADD, values) is not None

    def waiting(self, owner: str, limit: int) -> list[Message]:
        """Return an owner's unapplied messages with attempts left."""
        rows = self._link.records(self._READ, {"owner": owner, "count": limit})
        return [Message(**row) for row in rows]

    def owners(self, limit: int) -> list[str]:
        """Return owners who have such messages."""
        return [row[0] for row in self._link.rows(self._OWNERS, {"count": limit})]

    def applied(self, message: Message, at: datetime) -> None:
        """Mark a message as applied."""
        self._link.run(self._APPLIED, {"of_id": message.id, "now": at})

    def failed(self, message: Message, error: str) -> None:
        """Count a failed attempt."""
        self._link.run(self._FAILED, {"of_id": message.id, "reason": error})

    def forget(self, before: datetime, limit: int) -> int:
        """Delete messages that were applied long ago."""
        return self._link.run(self._FORGET, {"before": before, "count": limit})

    def erase(self, owner: str, at: datetime) -> int:
        """Erase the fields of an owner's messages."""
        return self._link.run(self._ERASE, {"of_owner": owner, "empty": "{}", "now": at})
