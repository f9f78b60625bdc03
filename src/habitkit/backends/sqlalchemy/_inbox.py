"""Messages between owners, and idempotency records, on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, select, tuple_, update

from habitkit import _codec
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy.tables import idempotency, inbox
from habitkit.journal.domain.model import IdempotencyRecord, Message
from habitkit.journal.domain.rules import MAX_MESSAGE_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Select

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["OPEN", "IdempotencyKeys", "Inbox"]

OPEN = and_(inbox.c.applied_at.is_(None), inbox.c.attempts < MAX_MESSAGE_ATTEMPTS)
"""Messages that are not applied and have attempts left."""

_ANSWER_KEY = (idempotency.c.owner, idempotency.c.operation, idempotency.c.key)


def _keys_of_old(key: Sequence[Column[Any]], condition: ColumnElement[bool]) -> Select[Any]:
    """Return the keys of rows to delete, but for those that somebody else has locked.

    To wait for one while others are locked could be a deadlock with an owner who writes them in
    another order. A CTE locks once, a subquery may be run for each row. It is nested, since of a
    statement that begins with WITH sqlite3 does not count the rows.
    """
    rows = select(*key).where(condition).limit(bindparam("count"))
    return select(rows.with_for_update(skip_locked=True).cte("old", nesting=True))


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
            inbox.c.id.in_(_keys_of_old((inbox.c.id,), inbox.c.applied_at < bindparam("before")))
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


class IdempotencyKeys:
    """Records of idempotency keys."""

    _GET = Prepared(
        lambda _: select(idempotency.c.request, idempotency.c.result, idempotency.c.at).where(
            idempotency.c.owner == bindparam("owner"),
            idempotency.c.operation == bindparam("operation"),
            idempotency.c.key == bindparam("key"),
        )
    )
    _PUT = Prepared(
        lambda insert: _replace(
            insert(idempotency).values({c.name: bindparam(c.name) for c in idempotency.c})
        )
    )
    _FORGET = Prepared(
        lambda _: delete(idempotency).where(
            tuple_(*_ANSWER_KEY).in_(
                _keys_of_old(_ANSWER_KEY, idempotency.c.at < bindparam("before"))
            )
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def get(self, owner: str, operation: str, key: str) -> IdempotencyRecord | None:
        """Return the record of a key."""
        place = {"owner": owner, "operation": operation, "key": key}
        row = self._link.record(self._GET, place)
        if row is None:
            return None
        return IdempotencyRecord(owner=owner, operation=operation, key=key, **row)

    def put(self, record: IdempotencyRecord) -> None:
        """Keep a record."""
        self._link.run(self._PUT, _record_values(record))

    def forget(self, before: datetime, limit: int) -> int:
        """Delete records that were made long ago."""
        return self._link.run(self._FORGET, {"before": before, "count": limit})


def _record_values(record: IdempotencyRecord) -> dict[str, Any]:
    """Return a record as a row."""
    return {
        "owner": record.owner,
        "operation": record.operation,
        "key": record.key,
        "request": _codec.to_json(record.request),
        "result": record.result,
        "at": record.at,
    }


def _replace(statement: Any) -> Any:
    """Replace a record of the same key."""
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[idempotency.c.owner, idempotency.c.operation, idempotency.c.key],
        set_={"request": new.request, "result": new.result, "at": new.at},
    )
