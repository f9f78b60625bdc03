"""The port of holds on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, bindparam, func, or_, select, text, update

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy.tables import holds
from habitkit.coins.domain.model import Hold
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Holds"]

_OPEN = text("state = 'open'")  # the condition of the indexes, or they are not used
_OF_OWNER = (holds.c.owner == bindparam("owner"), holds.c.currency == bindparam("currency"))


class Holds:
    """Holds: added open, ended once."""

    _ADD = Prepared(
        lambda insert: insert(holds).values({c.name: bindparam(c.name) for c in holds.c}),
        kind="hold",
    )
    _GET = Prepared(lambda _: select(holds).where(holds.c.id == bindparam("id")))
    _END = Prepared(
        lambda _: (
            update(holds)
            .where(holds.c.id == bindparam("hold_id"), _OPEN)
            .values(
                state=bindparam("new_state"),
                settled=bindparam("new_settled"),
                ended_at=bindparam("new_ended_at"),
            )
        )
    )
    _LAPSED_OPEN = Prepared(
        lambda _: select(func.coalesce(func.sum(holds.c.amount), 0)).where(
            *_OF_OWNER, _OPEN, holds.c.expires_at <= bindparam("at"), holds.c.at <= bindparam("at")
        )
    )
    _LAPSED_ENDED = Prepared(
        lambda _: select(func.coalesce(func.sum(holds.c.amount), 0)).where(
            *_OF_OWNER,
            holds.c.ended_at > bindparam("at"),
            holds.c.expires_at <= bindparam("at"),
            holds.c.at <= bindparam("at"),
        )
    )
    _OVERDUE = Prepared(
        lambda _: (
            select(holds)
            .where(_OPEN, holds.c.expires_at <= bindparam("now"))
            .order_by(holds.c.expires_at, holds.c.id)
            .limit(bindparam("count"))
        )
    )
    _OVERDUE_OF = Prepared(
        lambda _: (
            select(holds)
            .where(*_OF_OWNER, _OPEN, holds.c.expires_at <= bindparam("now"))
            .order_by(holds.c.expires_at, holds.c.id)
            .limit(bindparam("count"))
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def add(self, hold: Hold) -> None:
        """Add an open hold."""
        self._link.run(self._ADD, {c.name: getattr(hold, c.name) for c in holds.c})

    def get(self, hold_id: UUID) -> Hold | None:
        """Return a hold."""
        row = self._link.record(self._GET, {"id": hold_id})
        return None if row is None else Hold(**row)

    def end(self, hold: Hold) -> None:
        """Write how an open hold ended."""
        ended = self._link.run(
            self._END,
            {
                "hold_id": hold.id,
                "new_state": hold.state,
                "new_settled": hold.settled,
                "new_ended_at": hold.ended_at,
            },
        )
        if ended != 1:
            msg = f"the hold {hold.id} is not open"
            raise IntegrityError(msg)

    def page(
        self, owner: str, currency: str, after: int | None, limit: int, *, open_at: datetime | None
    ) -> list[Hold]:
        """Return a page of an owner's holds."""
        wanted: list[ColumnElement[bool]] = [holds.c.owner == owner, holds.c.currency == currency]
        if after is not None:
            wanted.append(holds.c.seq > after)
        if open_at is not None:
            in_time = or_(holds.c.expires_at.is_(None), holds.c.expires_at > open_at)
            wanted.append(in_time)
        statement = select(holds).where(*wanted).order_by(holds.c.seq).limit(limit)
        if open_at is not None:
            statement = statement.where(_OPEN)
        return [Hold(**row) for row in self._link.select_records(statement)]

    def lapsed(self, owner: str, currency: str, at: datetime, *, still_open: bool) -> int:
        """Return the sum of holds that had expired by an instant while escrow still held them."""
        values = {"owner": owner, "currency": currency, "at": at}
        counted = (self._LAPSED_OPEN,) if still_open else (self._LAPSED_OPEN, self._LAPSED_ENDED)
        rows = (self._link.row(statement, values) for statement in counted)
        return sum(int(row[0]) for row in rows if row is not None)

    def overdue(
        self, now: datetime, limit: int, *, owner: str | None = None, currency: str | None = None
    ) -> list[Hold]:
        """Return open holds that are past their time."""
        values = {"now": now, "count": limit}
        if owner is None:
            rows = self._link.records(self._OVERDUE, values)
        else:
            rows = self._link.records(
                self._OVERDUE_OF, {**values, "owner": owner, "currency": currency}
            )
        return [Hold(**row) for row in rows]
