"""The port of idempotency keys on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, literal_column, select, tuple_, update

from habitkit import _codec
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import unlocked_keys
from habitkit.backends.sqlalchemy._types import Json
from habitkit.backends.sqlalchemy.tables import idempotency
from habitkit.journal.domain.model import IdempotencyRecord

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["IdempotencyKeys"]

_EMPTY: ColumnElement[str] = literal_column("''")
_KEY = (idempotency.c.owner, idempotency.c.operation, idempotency.c.key)


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
            tuple_(*_KEY).in_(unlocked_keys(_KEY, idempotency.c.at < bindparam("before")))
        )
    )

    _ERASE = Prepared(
        lambda _: (
            update(idempotency)
            .where(idempotency.c.owner == bindparam("of_owner"), idempotency.c.result != _EMPTY)
            .values(request=bindparam("empty", type_=Json), result=_EMPTY)
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

    def erase(self, owner: str) -> int:
        """Empty the requests and results of an owner's records."""
        return self._link.run(self._ERASE, {"of_owner": owner, "empty": "{}"})


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
