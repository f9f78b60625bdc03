"""Many rows in one statement on PostgreSQL: all of them are one parameter, a JSON array.

The statement stays the same for any number of rows, so it is compiled and planned once; and the
JSON encoder is much faster than the driver's own way of writing arrays.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Column, Text, bindparam, cast, column, func, select

from habitkit import _codec
from habitkit._text import text_of
from habitkit.backends.sqlalchemy._types import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Select

__all__ = ["as_json", "insert_rows", "rows_of"]


def rows_of(name: str, columns: Sequence[Column[Any]]) -> Select[Any]:
    """Return a query of the rows that are given as the JSON text ``name``: objects by column."""
    given = cast(bindparam(name, type_=Text()), Json())
    rows = (
        func.jsonb_to_recordset(given)
        .table_valued(*(column(c.name, c.type) for c in columns), name=f"{name}_rows")
        .render_derived(with_types=True)
    )
    return select(*rows.c)


def insert_rows(insert: Callable[..., Any], name: str, columns: Sequence[Column[Any]]) -> Any:
    """Return an insert of such rows."""
    return insert(columns[0].table).from_select([c.name for c in columns], rows_of(name, columns))


def as_json(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as the JSON text that ``rows_of`` is given.

    Ids and instants become text here, each once: rows of a batch share many of them, and the
    encoder would ask for every one anew.
    """
    texts: dict[int | datetime, str] = {}
    plain = []
    for row in rows:
        for name, value in row.items():
            if isinstance(value, UUID):  # by its number: a UUID computes its hash in Python
                if value.int not in texts:
                    texts[value.int] = text_of(value)
                row[name] = texts[value.int]
            elif isinstance(value, datetime):
                if value not in texts:
                    texts[value] = value.isoformat()
                row[name] = texts[value]
        plain.append(row)
    return _codec.dump(plain)
