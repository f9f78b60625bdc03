"""The port of deliveries on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    null,
    select,
    true,
    tuple_,
    update,
)

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import among, texts_parameter
from habitkit.backends.sqlalchemy._unreadable import Unreadable, read_one
from habitkit.backends.sqlalchemy.tables import events, outbox
from habitkit.journal.domain.model import DeadLetter, Delivery, EventId, StoredEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import CTE, ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Outbox"]

_PLACE = (outbox.c.owner, outbox.c.rev, outbox.c.position)


def _of(table: Any, prefix: str = "") -> ColumnElement[bool]:
    """Return the condition for the row of one event; an update needs a prefix for parameters."""
    return and_(*(table.c[name] == bindparam(prefix + name) for name in EventId._fields))


class Outbox:
    """Deliveries that wait for the relay, and dead ones."""

    _CLAIM = Prepared(lambda _: _claiming(_due()), only="sqlite")
    _CLAIM_BY_TYPE = Prepared(lambda _: _claiming(_due_by_type()), only="postgresql")
    _EVENT = Prepared(lambda _: select(events).where(_of(events)))
    _DONE = Prepared(lambda _: delete(outbox).where(_of(outbox)))
    _POSTPONE = Prepared(
        lambda _: (
            update(outbox)
            .where(_of(outbox, "of_"), outbox.c.dead_at.is_(None))
            .values(
                available_at=bindparam("until"),
                error=func.coalesce(bindparam("reason", type_=Text()), outbox.c.error),
            )
        )
    )
    _BURY = Prepared(
        lambda _: (
            update(outbox)
            .where(_of(outbox, "of_"))
            .values(
                dead_at=bindparam("now"), attempts=bindparam("tried"), error=bindparam("reason")
            )
        )
    )
    _OLDEST = Prepared(lambda _: _oldest(outbox.c.type == bindparam("of_type")))
    _OLDEST_OF_NEXT = Prepared(lambda _: _oldest(outbox.c.type > bindparam("after")))
    _COUNT = Prepared(lambda _: select(func.count()).select_from(_alive().subquery()))
    _DEAD = Prepared(
        lambda _: (
            select(*_PLACE, outbox.c.type, outbox.c.attempts, outbox.c.error, outbox.c.dead_at)
            .where(outbox.c.dead_at.is_not(None))
            .order_by(outbox.c.dead_at, *_PLACE)
            .limit(bindparam("count"))
        )
    )
    _REVIVE = Prepared(
        lambda _: (
            update(outbox)
            .where(_of(outbox, "of_"), outbox.c.dead_at.is_not(None))
            .values(available_at=bindparam("now"), attempts=0, error=null(), dead_at=null())
        )
    )
    _DROP = Prepared(lambda _: delete(outbox).where(_of(outbox), outbox.c.dead_at.is_not(None)))
    _ERASE = Prepared(
        lambda _: (
            update(outbox)
            .where(outbox.c.owner == bindparam("of_owner"), outbox.c.error.is_not(None))
            .values(error=null())
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def claim(
        self, now: datetime, until: datetime, limit: int, types: Collection[str]
    ) -> list[Delivery]:
        """Claim deliveries that are due, in the order in which their events happened."""
        link = self._link
        claim = self._CLAIM_BY_TYPE if link.dialect.name == "postgresql" else self._CLAIM
        named = texts_parameter(link.dialect, types)
        values = {"now": now, "until": until, "count": limit, "types": named}
        claimed = []
        for owner, rev, position, attempts in link.rows(claim, values):
            event = EventId(owner, rev, position)
            found = read_one(link, self._EVENT, event._asdict())
            if isinstance(found, Unreadable):
                claimed.append(Delivery(event, None, attempts, found.error))
            elif found is not None:
                claimed.append(Delivery(event, StoredEvent(**found), attempts))
        return sorted(claimed, key=_in_order)

    def done(self, delivered: Sequence[EventId]) -> None:
        """Delete deliveries that are done."""
        if delivered:
            self._link.run_many(self._DONE, [event._asdict() for event in delivered])

    def postpone(self, event: EventId, until: datetime, error: str | None = None) -> None:
        """Make a claimed delivery available again later."""
        self._link.run(self._POSTPONE, {**_row(event), "until": until, "reason": error})

    def bury(self, event: EventId, at: datetime, attempts: int, error: str) -> None:
        """Mark a delivery as dead."""
        values = {**_row(event), "now": at, "tried": attempts, "reason": error}
        self._link.run(self._BURY, values)

    def oldest(self, types: Collection[str] | None = None) -> datetime | None:
        """Return the earliest instant since when a delivery is available."""
        found = []
        if types is None:
            after = ""
            while row := self._link.row(self._OLDEST_OF_NEXT, {"after": after}):
                after, at = row
                found.append(at)
        else:
            rows = (self._link.row(self._OLDEST, {"of_type": it}) for it in types)
            found = [row[1] for row in rows if row is not None]
        return min(found, default=None)

    def count_waiting(self, limit: int) -> int:
        """Return how many deliveries are neither done nor dead, up to a limit."""
        row = self._link.row(self._COUNT, {"count": limit})
        return 0 if row is None else int(row[0])

    def dead(self, limit: int) -> list[DeadLetter]:
        """Return dead deliveries, longest dead first."""
        found = []
        for row in self._link.records(self._DEAD, {"count": limit}):
            event = EventId(row["owner"], row["rev"], row["position"])
            stored = read_one(self._link, self._EVENT, event._asdict())
            found.append(
                DeadLetter(
                    kind="event",
                    id=event.text,
                    owner=event.owner,
                    type=row["type"],
                    attempts=row["attempts"],
                    error=row["error"],
                    since=row["dead_at"],
                    event=StoredEvent(**stored) if isinstance(stored, dict) else None,
                )
            )
        return found

    def revive(self, event: EventId, at: datetime) -> bool:
        """Make a dead delivery available again."""
        return self._link.run(self._REVIVE, {**_row(event), "now": at}) > 0

    def drop(self, event: EventId) -> bool:
        """Delete a dead delivery."""
        return self._link.run(self._DROP, event._asdict()) > 0

    def erase(self, owner: str) -> int:
        """Erase the errors of an owner's deliveries."""
        return self._link.run(self._ERASE, {"of_owner": owner})


def _row(event: EventId) -> dict[str, Any]:
    """Return the parameters of ``_of`` in an update."""
    return {f"of_{name}": value for name, value in event._asdict().items()}


def _in_order(delivery: Delivery) -> tuple[bool, Any, EventId]:
    """Order by instant, then by identity; what cannot be read comes last."""
    event = delivery.event
    return event is None, None if event is None else event.at, delivery.id


def _oldest(of_type: ColumnElement[bool]) -> Any:
    """Return the query of the type and instant of what of a type is available first.

    It orders as the index does, of which it reads one entry, however many there are: to find the
    minimum of all types at once, PostgreSQL would read everything that waits.
    """
    return (
        select(outbox.c.type, outbox.c.available_at)
        .where(outbox.c.dead_at.is_(None), of_type)
        .order_by(outbox.c.dead_at, outbox.c.type, outbox.c.available_at)
        .limit(1)
    )


def _alive() -> Any:
    """Return the query of what is not dead, in the order of the index, up to a number."""
    return (
        select(outbox.c.type)
        .where(outbox.c.dead_at.is_(None))
        .order_by(outbox.c.dead_at, outbox.c.type, outbox.c.available_at)
        .limit(bindparam("count"))
    )


def _claiming(due: CTE) -> Any:
    """Return the statement that claims the deliveries of a query."""
    return (
        update(outbox)
        .where(tuple_(*_PLACE).in_(select(due)))
        .values(available_at=bindparam("until"), attempts=outbox.c.attempts + 1)
        .returning(*_PLACE, outbox.c.attempts)
    )


def _first_due(of_type: ColumnElement[bool]) -> Any:
    """Return the places of deliveries that are due, those available longest first."""
    return (
        select(*_PLACE, outbox.c.available_at)
        .where(outbox.c.dead_at.is_(None), of_type, outbox.c.available_at <= bindparam("now"))
        .order_by(outbox.c.available_at, *_PLACE)
        .limit(bindparam("count"))
    )


def _due() -> CTE:
    """Return the places of deliveries that are due, for SQLite, where nobody else is writing."""
    due = _first_due(among(outbox.c.type, "types")).subquery()
    return select(due.c.owner, due.c.rev, due.c.position).cte("due")


def _due_by_type() -> CTE:
    """Return the places of deliveries that are due and that nobody else is claiming.

    For each type its first rows are read from an index and locked, and of these the first are
    taken. So neither a backlog of a type that was not asked for nor one of theirs is read as a
    whole. PostgreSQL runs a CTE that locks once. A subquery it may run again for each row of the
    outbox, and as the rows that are updated already do not count, it claims more than the limit.
    """
    names = func.unnest(cast(bindparam("types", type_=Text()), ARRAY(Text())))
    wanted = names.table_valued("type", name="wanted").render_derived()
    first = _first_due(outbox.c.type == wanted.c.type).with_for_update(skip_locked=True)
    due = first.lateral("first")
    return (
        select(due.c.owner, due.c.rev, due.c.position)
        .select_from(wanted.join(due, true()))
        .order_by(due.c.available_at, due.c.owner, due.c.rev, due.c.position)
        .limit(bindparam("count"))
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
