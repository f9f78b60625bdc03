"""The rows of rate limits in one open transaction, on SQLite and on PostgreSQL.

A row is a ``State`` of ``habitkit.limits.domain.charging``: of GCRA its TAT and tolerance, of an
exact limit its deadlines, packed, with the last of them as the TAT. So what is over can be found by
the TAT. On SQLite a transaction that writes is alone, and the time is the machine's. PostgreSQL
reads its own clock, and several rows are locked in the order of their ids.
"""

from __future__ import annotations

from struct import pack, unpack
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Text,
    any_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal_column,
    select,
    tuple_,
)

from habitkit import clock
from habitkit.backends.sqlalchemy._clock import SERVER_NOW, STATEMENT_NOW
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import text_array
from habitkit.backends.sqlalchemy.tables import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.limits.domain.charging import State
    from habitkit.limits.domain.limit import Limit

__all__ = ["LimitRows", "rows_of"]

_KEY = (limits.c.subject, limits.c.limit_id)
_VALUES = (limits.c.tat, limits.c.tolerance, limits.c.deadlines)
_SUBJECT = bindparam("of_subject", type_=Text())
_ID = bindparam("of_limit", type_=Text())
_NUMBERS = {
    name: bindparam(name, type_=BigInteger())
    for name in ("now_ns", "increment_ns", "tolerance_ns", "most_ahead_ns")
}
_NO_TAT: ColumnElement[int] = literal_column("0", BigInteger())
"""Of a row that was made to be locked, and has no state yet."""


def _charge(insert: Callable[..., Any], now: Any, least: Any, greatest: Any) -> Any:
    """Return the statement that charges one limit that is not exact, if it allows it.

    Args:
        insert: The dialect's own.
        now: The time.
        least: The dialect's function.
        greatest: The dialect's function.
    """
    increment, tolerance = _NUMBERS["increment_ns"], _NUMBERS["tolerance_ns"]
    statement = insert(limits).values(
        subject=_SUBJECT, limit_id=_ID, tat=now + increment, tolerance=tolerance
    )
    unchanged = limits.c.tolerance == tolerance
    tat = case((unchanged, limits.c.tat), else_=least(limits.c.tat, now + tolerance))
    return statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={"tat": greatest(tat, now) + increment, "tolerance": tolerance},
        where=tat - now <= _NUMBERS["most_ahead_ns"],
    ).returning(limits.c.tat, now)


def _charge_on_postgres(insert: Callable[..., Any]) -> Any:
    """Return that statement with the server's clock, which is read once."""
    read = select(SERVER_NOW.label("now")).cte("clock")
    now = select(read.c.now).scalar_subquery()
    return _charge(insert, now, func.least, func.greatest).add_cte(read)


def _read_on_postgres(_: object) -> Any:
    """Return the query of several states of a subject, a row each also where there is none."""
    ids = func.unnest(cast(bindparam("of_limits", type_=Text()), ARRAY(Text())))
    wanted = select(ids.column_valued("id")).subquery("wanted")
    found = (limits.c.subject == _SUBJECT) & (limits.c.limit_id == wanted.c.id)
    rows = wanted.outerjoin(limits, found)
    return select(wanted.c.id, *_VALUES, SERVER_NOW.label("now")).select_from(rows)


def _lock_on_postgres(insert: Callable[..., Any]) -> Any:
    """Return the statement that locks several states of a subject, making those that are missing.

    The clock is read for each row once it is locked.
    """
    ids = func.unnest(cast(bindparam("of_limits", type_=Text()), ARRAY(Text()))).column_valued("id")
    rows = select(_SUBJECT, ids, _NO_TAT, _NO_TAT).order_by(ids)
    statement = insert(limits).from_select(["subject", "limit_id", "tat", "tolerance"], rows)
    return statement.on_conflict_do_update(
        index_elements=_KEY, set_={"tolerance": limits.c.tolerance}
    ).returning(limits.c.limit_id, *_VALUES, SERVER_NOW.label("now"))


def _write(insert: Callable[..., Any]) -> Any:
    """Return the statement that writes a state."""
    statement = insert(limits).values({c.name: bindparam(c.name) for c in limits.c})
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=_KEY, set_={c.name: new[c.name] for c in _VALUES}
    )


def _reset(_: object) -> Any:
    """Return the statement that drops all states of a subject, locked in their order."""
    rows = select(*_KEY).where(limits.c.subject == _SUBJECT).order_by(limits.c.limit_id)
    locked = rows.with_for_update().cte("locked", nesting=True)
    return delete(limits).where(tuple_(*_KEY).in_(select(locked)))


def _clean(_: object) -> Any:
    """Return the statement that drops states that are over, the oldest first."""
    over = limits.c.tat <= _NUMBERS["now_ns"]
    rows = select(*_KEY).where(over).order_by(limits.c.tat).limit(bindparam("count"))
    return delete(limits).where(tuple_(*_KEY).in_(rows))


def _clean_on_postgres(_: object) -> Any:
    """Return that statement for rows that nobody else has locked.

    They are found once, which an array sees to, and then by their places, which nobody can change.
    """
    place: ColumnElement[Any] = literal_column("ctid")
    rows = select(place).where(limits.c.tat <= STATEMENT_NOW).order_by(limits.c.tat)
    unlocked = rows.limit(bindparam("count")).with_for_update(skip_locked=True)
    return delete(limits).where(place == any_(func.array(unlocked.scalar_subquery())))


class LimitRows:
    """The rows of rate limits, on SQLite.

    Args:
        link: The open transaction.
    """

    _CHARGE = Prepared(
        lambda insert: _charge(insert, _NUMBERS["now_ns"], func.min, func.max), only="sqlite"
    )
    _READ = Prepared(
        lambda _: select(*_VALUES).where(limits.c.subject == _SUBJECT, limits.c.limit_id == _ID),
        only="sqlite",
    )
    _CLEAN = Prepared(_clean, only="sqlite")
    _WRITE = Prepared(_write)
    _DROP = Prepared(
        lambda _: delete(limits).where(limits.c.subject == _SUBJECT, limits.c.limit_id == _ID)
    )
    _RESET = Prepared(_reset)

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def charge(
        self, subject: str, limit: Limit, cost: int, max_wait_ns: int
    ) -> tuple[int, int] | None:
        """Charge one limit that is not exact, by one statement.

        Returns:
            Its TAT and the time, or None if it does not allow it.
        """
        increment = limit.emission_ns * cost
        values = {
            "of_subject": subject,
            "of_limit": limit.id,
            "increment_ns": increment,
            "tolerance_ns": limit.tolerance_ns,
            "most_ahead_ns": limit.tolerance_ns - increment + max_wait_ns,
            **self._now(),
        }
        row = self._link.row(self._CHARGE, values)
        return None if row is None else (row[0], row[1])

    def read(self, subject: str, limits: Sequence[Limit]) -> tuple[list[State], int]:
        """Return states of a subject, and the time."""
        now: int = self._now()["now_ns"]
        rows = [
            self._link.row(self._READ, {"of_subject": subject, "of_limit": limit.id})
            for limit in limits
        ]
        return [_state(*each) for each in zip(limits, rows, strict=True)], now

    def lock(self, subject: str, limits: Sequence[Limit]) -> tuple[list[State], int]:
        """Return states that nobody else changes before the end of the transaction, and the time.

        Unless ``write`` is called, or the transaction rolled back, rows without a state may be left
        behind.
        """
        return self.read(subject, limits)

    def write(self, subject: str, limits: Sequence[Limit], states: Sequence[State]) -> None:
        """Replace states that are locked."""
        kept = [
            _row(subject, limit, state)
            for limit, state in zip(limits, states, strict=True)
            if state
        ]
        dropped = [
            {"of_subject": subject, "of_limit": limit.id}
            for limit, state in zip(limits, states, strict=True)
            if not state
        ]
        if kept:
            self._link.run_many(self._WRITE, kept)
        if dropped:
            self._link.run_many(self._DROP, dropped)

    def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        self._link.run(self._RESET, {"of_subject": subject})

    def clean(self, count: int) -> int:
        """Drop states that are over, up to a number of them, and return how many."""
        return self._link.run(self._CLEAN, {"count": count, **self._now()})

    def _now(self) -> dict[str, int]:
        """Return the time as a parameter."""
        return {"now_ns": clock.wall_ns()}


class _PostgresLimitRows(LimitRows):
    """The rows of rate limits, on PostgreSQL."""

    _CHARGE = Prepared(_charge_on_postgres, only="postgresql")
    _READ = Prepared(_read_on_postgres, only="postgresql")
    _LOCK = Prepared(_lock_on_postgres, only="postgresql")
    _CLEAN = Prepared(_clean_on_postgres, only="postgresql")

    def read(self, subject: str, limits: Sequence[Limit]) -> tuple[list[State], int]:
        """Return states of a subject, and the time."""
        return self._several(self._READ, subject, limits)

    def lock(self, subject: str, limits: Sequence[Limit]) -> tuple[list[State], int]:
        """Return states that nobody else changes before the transaction ends, and the time."""
        return self._several(self._LOCK, subject, limits)

    def _several(
        self, prepared: Prepared, subject: str, limits: Sequence[Limit]
    ) -> tuple[list[State], int]:
        ids = text_array([limit.id for limit in limits])
        rows = self._link.rows(prepared, {"of_subject": subject, "of_limits": ids})
        by_id = {limit_id: (values, now) for limit_id, *values, now in rows}
        states = [_state(limit, by_id[limit.id][0]) for limit in limits]
        return states, max(now for _, now in by_id.values())

    def _now(self) -> dict[str, int]:
        """Return nothing: the server knows the time."""
        return {}


def rows_of(link: Link) -> LimitRows:
    """Return the rows for the dialect of a transaction."""
    return (_PostgresLimitRows if link.dialect.name == "postgresql" else LimitRows)(link)


def _state(limit: Limit, row: Sequence[Any] | None) -> State:
    """Return the state in a row."""
    if row is None or not row[0]:
        return ()
    tat, tolerance, deadlines = row
    if not limit.exact:
        return (tat, tolerance)
    return unpack(f">{len(deadlines) // 8}q", deadlines)


def _row(subject: str, limit: Limit, state: State) -> dict[str, Any]:
    """Return a state as a row."""
    row: dict[str, Any] = {"subject": subject, "limit_id": limit.id}
    if limit.exact:
        deadlines = pack(f">{len(state)}q", *state)
        return {**row, "tat": state[-1], "tolerance": 0, "deadlines": deadlines}
    return {**row, "tat": state[0], "tolerance": state[1], "deadlines": None}
