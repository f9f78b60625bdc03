"""Many rows in one statement on PostgreSQL, which stays the same for any number of them.

So it is compiled and planned once. What a batch of coins writes is given as columns: each is one
parameter, the text of an array, which is cheap to write here and cheap to read there. Rows that
hold values of every kind are one parameter together, a JSON array of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Column, String, Text, bindparam, cast, column, func, select

from habitkit.backends.sqlalchemy._types import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Select

__all__ = ["array_of", "columns_of", "id_array", "insert_rows", "instant_array", "text_array"]


def columns_of(name: str, columns: Sequence[Column[Any]]) -> Select[Any]:
    """Return a query of rows that are given column by column.

    Args:
        name: What the parameters begin with: ``{name}_{column}``, the text of an array each.
        columns: Whose names and types the rows have; texts may be longer, an insert refuses them.
    """
    given = [
        cast(bindparam(f"{name}_{c.name}", type_=Text()), ARRAY(_unbounded(c))) for c in columns
    ]
    rows = (
        func.unnest(*given)
        .table_valued(*(column(c.name, c.type) for c in columns), name=f"{name}_rows")
        .render_derived()
    )
    return select(*rows.c)


def insert_rows(insert: Callable[..., Any], name: str, columns: Sequence[Column[Any]]) -> Any:
    """Return an insert of rows that are given as the JSON text ``name``: objects by column."""
    given = cast(bindparam(name, type_=Text()), Json())
    rows = (
        func.jsonb_to_recordset(given)
        .table_valued(*(column(c.name, c.type) for c in columns), name=f"{name}_rows")
        .render_derived(with_types=True)
    )
    return insert(columns[0].table).from_select([c.name for c in columns], select(*rows.c))


def array_of(values: Iterable[object]) -> str:
    """Return the text of an array of numbers, or of texts that need no quotes."""
    return f"{{{','.join(map(str, values))}}}"


def id_array(ids: Iterable[UUID | None]) -> str:
    """Return the text of an array of ids."""
    return array_of(["NULL" if i is None else i.int.to_bytes(16, "big").hex() for i in ids])


def text_array(texts: Collection[str | None]) -> str:
    """Return the text of an array of any texts; those that many rows share are quoted once."""
    quoted = {text: "NULL" if text is None else _quoted(text) for text in set(texts)}
    return array_of([quoted[text] for text in texts])


def instant_array(instants: Collection[datetime]) -> str:
    """Return the text of an array of instants, which many rows share."""
    texts = {instant: instant.isoformat() for instant in set(instants)}
    return array_of([texts[instant] for instant in instants])


def _quoted(text: str) -> str:
    r"""Return a text as an element of an array: in quotes, with ``\`` before ``"`` and ``\``."""
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _unbounded(of: Column[Any]) -> Any:
    """Return a column's type; casting a text to a shorter one would cut it off without a word."""
    return Text() if isinstance(of.type, String) else of.type
