"""The rows of the cache in one open transaction, on SQLite and on PostgreSQL.

A row has either a value or a count, and when it is over, in ns. On SQLite the time is the
machine's. PostgreSQL reads its own clock, once a statement; several rows are written in the order
of their names, so that two transactions never wait for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    Text,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    null,
    select,
)

from habitkit import clock
from habitkit.backends.sqlalchemy._clock import STATEMENT_NOW
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import among, texts_parameter
from habitkit.backends.sqlalchemy.tables import cache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.cache.port import Item

    Insert = Callable[..., Any]

__all__ = ["CacheRows", "cache_rows_of"]

_NS_PER_MS = 1_000_000
_NAME = bindparam("of_name", type_=Text())
_VALUE = bindparam("new_value", type_=LargeBinary())
_TTL_NS = bindparam("ttl_ns", type_=BigInteger())
_NOW_NS = bindparam("now_ns", type_=BigInteger())
_KEY = (cache.c.name,)


def _read(now: Any) -> Any:
    """Return the query of several rows that are not over."""
    rows = select(cache.c.name, cache.c.value, cache.c.count)
    return rows.where(among(cache.c.name, "of_names"), cache.c.expires > now)


def _write(insert: Insert, now: Any, *, where: Any = None) -> Any:
    """Return the statement that writes a value.

    Args:
        insert: The dialect's own.
        now: The time.
        where: A row of which kind it may replace; any one by default.
    """
    statement = insert(cache).values(name=_NAME, value=_VALUE, count=null(), expires=now + _TTL_NS)
    new = statement.excluded
    changed = {"value": new.value, "count": null(), "expires": new.expires}
    return statement.on_conflict_do_update(index_elements=_KEY, set_=changed, where=where)


def _add(insert: Insert, now: Any) -> Any:
    """Return the statement that writes a value if there is none, and then returns a row."""
    return _write(insert, now, where=cache.c.expires <= now).returning(cache.c.expires)


def _count(insert: Insert, now: Any) -> Any:
    """Return the statement that adds to a counter."""
    by = bindparam("by", type_=BigInteger())
    statement = insert(cache).values(name=_NAME, value=null(), count=by, expires=now + _TTL_NS)
    is_over = cache.c.expires <= now
    changed = {
        "value": null(),
        "count": case((is_over, by), else_=func.coalesce(cache.c.count, 0) + by),
        "expires": case((is_over, statement.excluded.expires), else_=cache.c.expires),
    }
    counted = statement.on_conflict_do_update(index_elements=_KEY, set_=changed)
    return counted.returning(cache.c.count)


def _end(now: Any) -> Any:
    """Return the statement that deletes a lease if it is still held."""
    held = (cache.c.name == _NAME) & (cache.c.value == _VALUE) & (cache.c.expires > now)
    return delete(cache).where(held)


def _clean(_: Insert) -> Any:
    """Return the statement that deletes rows that are over, the oldest first."""
    over = select(cache.c.name).where(cache.c.expires <= _NOW_NS).order_by(cache.c.expires)
    return delete(cache).where(cache.c.name.in_(over.limit(bindparam("most"))))


def _clean_on_postgres(_: Insert) -> Any:
    """Return that statement for rows that nobody else has locked.

    They are found once, which an array sees to, and then by their places, which nobody can change.
    """
    place: ColumnElement[Any] = literal_column("ctid")
    over = select(place).where(cache.c.expires <= STATEMENT_NOW).order_by(cache.c.expires)
    unlocked = over.limit(bindparam("most")).with_for_update(skip_locked=True)
    return delete(cache).where(place == any_(func.array(unlocked.scalar_subquery())))


class CacheRows:
    """The rows of the cache, on SQLite.

    Args:
        link: The open transaction.
    """

    _READ = Prepared(lambda _: _read(_NOW_NS), only="sqlite")
    _WRITE = Prepared(lambda insert: _write(insert, _NOW_NS), only="sqlite")
    _ADD = Prepared(lambda insert: _add(insert, _NOW_NS), only="sqlite")
    _COUNT = Prepared(lambda insert: _count(insert, _NOW_NS), only="sqlite")
    _END = Prepared(lambda _: _end(_NOW_NS), only="sqlite")
    _CLEAN = Prepared(_clean, only="sqlite")
    _DELETE = Prepared(lambda _: delete(cache).where(cache.c.name == _NAME))

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        of_names = texts_parameter(self._link.dialect, names)
        rows = self._link.rows(self._READ, {"of_names": of_names, **self._now()})
        found = {
            name: str(count).encode() if value is None else value for name, value, count in rows
        }
        return [found.get(name) for name in names]

    def write(self, items: Sequence[Item]) -> None:
        """Write values, whatever was there before; of one name the last one."""
        by_name = {item.name: item for item in items}
        self._link.run_many(self._WRITE, [self._row(by_name[name]) for name in sorted(by_name)])

    def delete(self, names: Sequence[str]) -> None:
        """Delete rows."""
        self._link.run_many(self._DELETE, [{"of_name": name} for name in sorted(names)])

    def add(self, item: Item) -> bool:
        """Write a value if there is none; return whether it was written."""
        return self._link.row(self._ADD, self._row(item)) is not None

    def end(self, name: str, token: bytes) -> bool:
        """Delete a lease if it is still held; return whether it was."""
        values = {"of_name": name, "new_value": token, **self._now()}
        return self._link.run(self._END, values) > 0

    def count(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, and return it."""
        values = {"of_name": name, "by": by, "ttl_ns": ttl_ms * _NS_PER_MS, **self._now()}
        (found,) = self._link.rows(self._COUNT, values)
        return int(found[0])

    def clean(self, most: int) -> int:
        """Delete rows that are over, up to a number of them, and return how many."""
        return self._link.run(self._CLEAN, {"most": most, **self._now()})

    def _row(self, item: Item) -> dict[str, Any]:
        ttl_ns = item.ttl_ms * _NS_PER_MS
        return {"of_name": item.name, "new_value": item.value, "ttl_ns": ttl_ns, **self._now()}

    def _now(self) -> dict[str, int]:
        """Return the time as a parameter."""
        return {"now_ns": clock.wall_ns()}


class _PostgresCacheRows(CacheRows):
    """The rows of the cache, on PostgreSQL."""

    _READ = Prepared(lambda _: _read(STATEMENT_NOW), only="postgresql")
    _WRITE = Prepared(lambda insert: _write(insert, STATEMENT_NOW), only="postgresql")
    _ADD = Prepared(lambda insert: _add(insert, STATEMENT_NOW), only="postgresql")
    _COUNT = Prepared(lambda insert: _count(insert, STATEMENT_NOW), only="postgresql")
    _END = Prepared(lambda _: _end(STATEMENT_NOW), only="postgresql")
    _CLEAN = Prepared(_clean_on_postgres, only="postgresql")

    def _now(self) -> dict[str, int]:
        """Return nothing: the server knows the time."""
        return {}


def cache_rows_of(link: Link) -> CacheRows:
    """Return the rows for the dialect of a transaction."""
    return (_PostgresCacheRows if link.dialect.name == "postgresql" else CacheRows)(link)
