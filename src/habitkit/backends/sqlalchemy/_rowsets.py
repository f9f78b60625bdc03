"""Many rows in one statement on PostgreSQL: all of them are one parameter, a JSON array.

The statement stays the same for any number of rows, so it is compiled and planned once; and the
JSON encoder is much faster than the driver's own way of writing arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Text, bindparam, cast, column, func, select

from habitkit._text import text_of
from habitkit.backends.sqlalchemy._types import Json
from habitkit.ids import uuid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Select

__all__ = ["Texts", "insert_rows", "rows_of"]


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


class Texts(dict[Any, str]):
    """Ids and instants as text, each written once: the rows of a batch share many of them.

    They are looked up as ``texts[id.int]`` and ``texts[instant]``: a UUID computes its own hash in
    Python.
    """

    def __missing__(self, value: int | datetime) -> str:
        text = text_of(uuid_of(value)) if isinstance(value, int) else value.isoformat()
        self[value] = text
        return text
