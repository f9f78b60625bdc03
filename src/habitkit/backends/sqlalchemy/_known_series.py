"""The rows of known series in one open transaction, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, delete, exists, select

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import (
    among,
    array_of,
    columns_of,
    shared_by_all,
    text_array,
    texts_parameter,
    unlocked_keys,
)
from habitkit.backends.sqlalchemy._series_tables import points, series
from habitkit.metrics.domain.series import Series
from habitkit.metrics.port import KnownSeries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link

    Insert = Callable[..., Any]

__all__ = ["KnownSeriesRows", "PostgresKnownSeriesRows", "some_of"]

_MOST_ROWS = 10_000
"""In one statement; a batch may have more."""


def _register(insert: Insert, rows: Any = None) -> Any:
    """Return the statement that registers series, but for those whose id another one has."""
    columns = [c.name for c in series.c]
    statement = insert(series)
    if rows is None:
        statement = statement.values({name: bindparam(f"row_{name}") for name in columns})
    else:
        statement = statement.from_select(columns, rows)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[series.c.id],
        set_={"seen": new.seen},
        where=(series.c.text == new.text) & (series.c.seen < new.seen),
    )


def _register_many(insert: Insert) -> Any:
    """Return that statement for rows by column; all lock the series in the same order."""
    rows = columns_of("row", tuple(series.c), ("seen",))
    return _register(insert, rows.order_by(rows.selected_columns.id))


def _idle() -> ColumnElement[bool]:
    """Return the condition of series without points that were not seen lately."""
    return (series.c.seen <= bindparam("seen", type_=BigInteger())) & ~exists().where(
        points.c.series == series.c.id
    )


class KnownSeriesRows:
    """The rows of series, on SQLite.

    Args:
        link: The open transaction.
    """

    _REGISTER = Prepared(_register, only="sqlite")
    _TEXTS = Prepared(lambda _: select(series.c.id, series.c.text).where(among(series.c.id, "ids")))
    _KNOWN = Prepared(
        lambda _: select(series.c.text, series.c.seen).where(among(series.c.metric, "metrics"))
    )
    _ALL = Prepared(lambda _: select(series.c.text, series.c.seen))
    _IS_IDLE = Prepared(lambda _: select(series.c.id).where(_idle()).limit(1))
    _DROP_IDLE = Prepared(
        lambda _: delete(series).where(
            series.c.id.in_(select(series.c.id).where(_idle()).limit(bindparam("count")))
        ),
        only="sqlite",
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def register(self, new: Iterable[Series], now: int) -> set[int]:
        """Register series, or see them again; return the ids that other series have."""
        wanted = list(new)
        rows = [
            {"row_id": it.id, "row_text": it.text, "row_metric": it.metric, "row_seen": now}
            for it in sorted({it.id: it for it in wanted}.values(), key=lambda it: it.id)
        ]
        for some in some_of(rows):
            self._register(some)
        stored = self.texts({it.id for it in wanted})
        return {it.id for it in wanted if stored.get(it.id) != it.text}

    def known(self, metrics: Collection[str]) -> list[KnownSeries]:
        """Return the series of metrics by name, or all."""
        if metrics:
            values = {"metrics": texts_parameter(self._link.dialect, sorted(metrics))}
            rows = self._link.rows(self._KNOWN, values)
        else:
            rows = self._link.rows(self._ALL, {})
        return [KnownSeries(Series.parse(text), seen) for text, seen in rows]

    def texts(self, ids: Collection[int]) -> dict[int, str]:
        """Return the canonical texts of series."""
        rows = self._link.rows(self._TEXTS, {"ids": self._ids(ids)})
        return {row[0]: row[1] for row in rows}

    def drop_idle(self, seen: int, count: int) -> int:
        """Delete series without points that were not seen since; return how many."""
        return self._link.run(self._DROP_IDLE, {"seen": seen, "count": count})

    def has_idle(self, seen: int) -> bool:
        """Return whether there is such a series."""
        return self._link.row(self._IS_IDLE, {"seen": seen}) is not None

    def _register(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._link.run_many(self._REGISTER, rows)

    def _ids(self, ids: Collection[int]) -> str:
        """Return ids as ``among`` takes them."""
        return json.dumps(list(ids))


class PostgresKnownSeriesRows(KnownSeriesRows):
    """The rows of series, on PostgreSQL."""

    _REGISTER = Prepared(_register_many, only="postgresql")
    _DROP_IDLE = Prepared(
        lambda _: delete(series).where(series.c.id.in_(unlocked_keys([series.c.id], _idle()))),
        only="postgresql",
    )

    def _register(self, rows: Sequence[Mapping[str, Any]]) -> None:
        values = {
            "row_id": array_of(row["row_id"] for row in rows),
            **{
                name: text_array([row[name] for row in rows]) for name in ("row_text", "row_metric")
            },
            **shared_by_all("row_seen", [row["row_seen"] for row in rows], array_of),
        }
        self._link.run(self._REGISTER, values)

    def _ids(self, ids: Collection[int]) -> str:
        return array_of(ids)


def some_of(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield rows, some at a time."""
    for start in range(0, len(rows), _MOST_ROWS):
        yield rows[start : start + _MOST_ROWS]
