"""The owners' locks on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Interval,
    String,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
)

from habitkit.backends.sqlalchemy._inbox import OPEN
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import text_array
from habitkit.backends.sqlalchemy.tables import inbox, owners
from habitkit.journal.domain.model import Locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Owners"]


_LOCK_TIMEOUT: ColumnElement[str] = literal_column("'lock_timeout'")
_SAVED: ColumnElement[str] = literal_column("'habitkit.lock_timeout'")
_LOCAL: ColumnElement[bool] = literal_column("true")


class Owners:
    """The owners' locks: the row of an owner is locked by the upsert that bumps its revision.

    On PostgreSQL the statement that waits for the lock also bounds the wait, so that this costs no
    round trip: ``lock_timeout`` is set while the row to insert is computed, and put back, in a
    transaction of the host, while the row that was locked is returned.
    """

    _LOCK = Prepared(
        lambda insert: _locking(insert(owners).values(owner=bindparam("owner"), rev=1), _RETURNED),
        only="sqlite",
    )
    _BOUNDED = Prepared(lambda insert: _locking(_bounded(insert), _RETURNED), only="postgresql")
    _BOUNDED_INSIDE = Prepared(
        lambda insert: _locking(_bounded(insert), [*_RETURNED, _restored()]), only="postgresql"
    )

    _REV = Prepared(lambda _: select(owners.c.rev).where(owners.c.owner == bindparam("owner")))

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def lock(self, owners: Sequence[str]) -> dict[str, Locked]:
        """Take the owners' locks and advance their revisions; many by one statement if it can."""
        link, locked = self._link, {}
        if link.dialect.name == "postgresql":
            put_back = link.inside and link.lock_timeout is not None
            statement = self._BOUNDED_INSIDE if put_back else self._BOUNDED
            values = {"owners": text_array(owners), "wait": link.lock_timeout}
            rows = link.rows(statement, values)
            return {owner: Locked(rev, messages) for owner, rev, messages, *_ in rows}
        for owner in owners:
            row = link.row(self._LOCK, {"owner": owner})
            assert row is not None  # noqa: S101 - an upsert that returns always returns a row
            locked[owner] = Locked(row[1], bool(row[2]))
        return locked

    def rev(self, owner: str) -> int:
        """Return an owner's revision; 0 if there is none."""
        row = self._link.row(self._REV, {"owner": owner})
        return 0 if row is None else int(row[0])


_RETURNED: tuple[ColumnElement[Any], ...] = (
    owners.c.owner,
    owners.c.rev,
    exists(
        select(literal_column("1"))
        .select_from(inbox)
        .where(inbox.c.owner == literal_column("habitkit_owners.owner"), OPEN)
    ),
)


def _locking(rows: Any, returned: Sequence[Any]) -> Any:
    """Return the upsert that locks the owners of some rows."""
    bumped = {"rev": owners.c.rev + 1}
    return rows.on_conflict_do_update(index_elements=[owners.c.owner], set_=bumped).returning(
        *returned
    )


def _bounded(insert: Callable[..., Any]) -> Any:
    """Return the insert of many owners that waits no longer than it may for each."""
    given = func.unnest(cast(bindparam("owners", type_=Text()), ARRAY(String))).column_valued()
    rows = select(given, literal_column("1")).where(_shortened().is_not(None))
    return insert(owners).from_select(["owner", "rev"], rows)


def _shortened() -> ColumnElement[str]:
    """Set ``lock_timeout`` to ``wait`` unless it is shorter already, and save what it was."""
    set_now = func.current_setting(_LOCK_TIMEOUT)
    saved = func.set_config(_SAVED, set_now, _LOCAL, type_=Text())
    wait = bindparam("wait", type_=Text())
    longer = or_(
        saved == literal_column("'0'"),  # for ever
        cast(set_now, Interval()) > cast(wait, Interval()),
    )
    # a wait that is NULL leaves it as it is
    shortest = case((and_(wait.is_not(None), longer), wait), else_=set_now)
    return func.set_config(_LOCK_TIMEOUT, shortest, _LOCAL, type_=Text())


def _restored() -> ColumnElement[str]:
    """Set ``lock_timeout`` to what it was before."""
    return func.set_config(_LOCK_TIMEOUT, func.current_setting(_SAVED), _LOCAL, type_=Text())
