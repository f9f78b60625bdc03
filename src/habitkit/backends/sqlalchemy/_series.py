"""The rows of time series in one open transaction, on SQLite and on PostgreSQL.

A flush writes the points of one writer, and marks the coarser slots around them with a new token. A
mark is a row of its writer's own, so that no flush waits for another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, delete, select, tuple_

from habitkit import ids
from habitkit.backends.sqlalchemy._known_series import (
    KnownSeriesRows,
    PostgresKnownSeriesRows,
    some_of,
)
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import (
    among,
    array_of,
    columns_of,
    shared_by_all,
    unlocked_keys,
)
from habitkit.backends.sqlalchemy._series_tables import marks, points
from habitkit.metrics.port import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.metrics.domain.tiers import Span

    Insert = Callable[..., Any]

__all__ = ["SeriesRows", "series_rows_of"]

_STEP, _SLOT, _FROM, _UNTIL = (
    bindparam(name, type_=BigInteger()) for name in ("of_step", "of_slot", "start", "until")
)
_COUNT = bindparam("count", type_=BigInteger())
_POINT_KEY = tuple(points.primary_key)
_MARK_KEY = tuple(marks.primary_key)
_SHARED = ("step", "slot", "writer")


def _over(statement: Any) -> Any:
    """Return an insert of points that replaces those of the same keys."""
    return statement.on_conflict_do_update(
        index_elements=_POINT_KEY, set_={"data": statement.excluded.data}
    )


def _write(insert: Insert) -> Any:
    """Return the statement that writes a point."""
    return _over(insert(points).values({c.name: bindparam(f"row_{c.name}") for c in points.c}))


def _write_many(insert: Insert) -> Any:
    """Return the statement that writes points by column."""
    rows = columns_of("row", tuple(points.c), _SHARED)
    return _over(insert(points).from_select([c.name for c in points.c], rows))


def _mark(insert: Insert) -> Any:
    """Return the statement that marks a slot.

    It always writes: so it waits for whoever deletes the mark, and whoever would delete it waits.
    """
    statement = insert(marks).values({c.name: bindparam(f"row_{c.name}") for c in marks.c})
    return statement.on_conflict_do_update(
        index_elements=_MARK_KEY, set_={"token": statement.excluded.token}
    )


def _of_slot(_: Insert) -> Any:
    """Return the query of the marks of one slot."""
    of_slot = (marks.c.step == _STEP) & (marks.c.slot == _SLOT)
    return select(marks.c.writer, marks.c.token).where(of_slot)


def _slots(*conditions: ColumnElement[bool]) -> Any:
    """Return a query of slots of a tier that are marked, in their order."""
    found = select(marks.c.slot).distinct().where(marks.c.step == _STEP, *conditions)
    return found.order_by(marks.c.slot)


def _in_tier() -> ColumnElement[bool]:
    """Return the condition of points that are in slots of a tier."""
    return (points.c.step == _STEP) & (points.c.slot >= _FROM) & (points.c.slot < _UNTIL)


class SeriesRows(KnownSeriesRows):
    """The rows of time series, on SQLite.

    Args:
        link: The open transaction.
    """

    _WRITE = Prepared(_write, only="sqlite")
    _MARK = Prepared(_mark)
    _MARKED = Prepared(lambda _: _slots(marks.c.slot >= _FROM, marks.c.slot < _UNTIL))
    _DUE = Prepared(lambda _: _slots(marks.c.slot < _UNTIL).limit(_COUNT))
    _OF_SLOT = Prepared(_of_slot)
    _LOCK = _OF_SLOT
    _UNMARK = Prepared(
        lambda _: delete(marks).where(
            marks.c.step == _STEP,
            marks.c.slot == _SLOT,
            marks.c.writer == bindparam("of_writer", type_=BigInteger()),
        )
    )
    _INSIDE = Prepared(
        lambda _: select(points.c.series, points.c.writer, points.c.data).where(_in_tier())
    )
    _READ = Prepared(lambda _: select(points).where(among(points.c.series, "ids"), _in_tier()))
    _IS_OLD = Prepared(lambda _: select(points.c.slot).where(_in_tier()).limit(1))
    _DROP = Prepared(
        lambda _: delete(points).where(
            tuple_(*_POINT_KEY).in_(
                select(*_POINT_KEY).where(_in_tier()).order_by(points.c.slot).limit(_COUNT)
            )
        ),
        only="sqlite",
    )

    def write(self, new: Sequence[Point]) -> None:
        """Write points over those of the same series, slots and writers."""
        for some in some_of(new):
            self._write(some)

    def mark(self, wanted: Iterable[tuple[int, int, int]]) -> None:
        """Mark slots to be rolled up, each given as step, slot and writer."""
        token = ids.random_number()
        rows = [
            {"row_step": step, "row_slot": slot, "row_writer": writer, "row_token": token}
            for step, slot, writer in sorted(wanted)
        ]
        self._link.run_many(self._MARK, rows)

    def marked(self, steps: Iterable[int], start: int, until: int) -> list[tuple[int, int]]:
        """Return the slots of tiers that are marked and begin in a span of time."""
        return [
            (step, slot)
            for step in steps
            for (slot,) in self._link.rows(
                self._MARKED, {"of_step": step, "start": start, "until": until}
            )
        ]

    def due(self, step: int, until: int, count: int) -> list[int]:
        """Return marked slots of a tier that begin before an instant, the oldest first."""
        values = {"of_step": step, "until": until, "count": count}
        return [slot for (slot,) in self._link.rows(self._DUE, values)]

    def tokens(self, step: int, slot: int) -> dict[int, int]:
        """Return the marks of a slot: their tokens by writer."""
        rows = self._link.rows(self._OF_SLOT, {"of_step": step, "of_slot": slot})
        return {row[0]: row[1] for row in rows}

    def lock(self, step: int, slot: int) -> dict[int, int]:
        """Return those marks that nobody else is changing, and let nobody change them."""
        rows = self._link.rows(self._LOCK, {"of_step": step, "of_slot": slot})
        return {row[0]: row[1] for row in rows}

    def unmark(self, step: int, slot: int, writers: Iterable[int]) -> None:
        """Delete marks of a slot, which are locked."""
        key = {"of_step": step, "of_slot": slot}
        self._link.run_many(self._UNMARK, [{**key, "of_writer": it} for it in sorted(writers)])

    def inside(self, step: int, start: int, until: int) -> list[Sequence[Any]]:
        """Return all points of a tier in a span of time: series, writer and data of each."""
        return self._link.rows(self._INSIDE, {"of_step": step, "start": start, "until": until})

    def read(self, ids: Collection[int], span: Span) -> list[Point]:
        """Return the points of series in a span of time."""
        values = {"of_step": span.step, "start": span.start, "until": span.end}
        rows = self._link.rows(self._READ, {"ids": self._ids(ids), **values})
        return [Point(*row) for row in rows]

    def drop(self, step: int, start: int, until: int, count: int) -> int:
        """Delete points of a tier in a span of time, up to a number of them; return how many."""
        values = {"of_step": step, "start": start, "until": until, "count": count}
        return self._link.run(self._DROP, values)

    def has_points(self, step: int, start: int, until: int) -> bool:
        """Return whether a tier has points in a span of time."""
        values = {"of_step": step, "start": start, "until": until}
        return self._link.row(self._IS_OLD, values) is not None

    def _write(self, new: Sequence[Point]) -> None:
        rows = [
            {
                "row_series": it.series,
                "row_step": it.step,
                "row_slot": it.slot,
                "row_writer": it.writer,
                "row_data": it.data,
            }
            for it in new
        ]
        self._link.run_many(self._WRITE, rows)


class _PostgresSeriesRows(PostgresKnownSeriesRows, SeriesRows):
    """The rows of time series, on PostgreSQL."""

    _WRITE = Prepared(_write_many, only="postgresql")
    _LOCK = Prepared(
        lambda insert: _of_slot(insert).with_for_update(skip_locked=True), only="postgresql"
    )
    _DROP = Prepared(
        lambda _: delete(points).where(
            _in_tier(),  # so are the keys, but this keeps it from partitions without old points
            tuple_(*_POINT_KEY).in_(unlocked_keys(_POINT_KEY, _in_tier())),
        ),
        only="postgresql",
    )

    def _write(self, new: Sequence[Point]) -> None:
        hexes = ",".join([f'"\\\\x{it.data.hex()}"' for it in new])
        values = {
            "row_series": array_of([it.series for it in new]),
            "row_data": f"{{{hexes}}}",
            **shared_by_all("row_step", [it.step for it in new], array_of),
            **shared_by_all("row_slot", [it.slot for it in new], array_of),
            **shared_by_all("row_writer", [it.writer for it in new], array_of),
        }
        self._link.run(self._WRITE, values)


def series_rows_of(link: Link) -> SeriesRows:
    """Return the rows for the dialect of a transaction."""
    return (_PostgresSeriesRows if link.dialect.name == "postgresql" else SeriesRows)(link)
