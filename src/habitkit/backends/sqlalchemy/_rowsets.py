"""Many rows in one statement on PostgreSQL, which stays the same for any number of them.

So it is compiled and planned once. What a batch of coins writes is given as columns: each is one
parameter, the text of an array, which is cheap to write here and cheap to read there. Rows that
hold values of every kind are one parameter together, a JSON array of objects.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    String,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.ext.compiler import compiles

from habitkit.backends.sqlalchemy._types import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Dialect, Select
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = [
    "among",
    "array_of",
    "columns_of",
    "given_ids",
    "given_texts",
    "id_array",
    "insert_columns",
    "insert_rows",
    "instant_array",
    "text_array",
]


class among(ColumnElement[bool]):  # noqa: N801 - reads like a function
    """Whether a column is one of any number of values, which are given as one parameter.

    Args:
        of: The column.
        name: The parameter: a text made by ``given_ids`` or ``given_texts``.
    """

    inherit_cache = False

    def __init__(self, of: ColumnElement[Any], name: str) -> None:
        """Keep both; each dialect has its own words for it."""
        self.of = of
        self.given = bindparam(name, type_=Text())


@compiles(among, "sqlite")
def _among_json(element: among, compiler: SQLCompiler, **more: Any) -> str:
    of, given = (compiler.process(part, **more) for part in (element.of, element.given))
    return f"{of} IN (SELECT value FROM json_each({given}))"  # noqa: S608 - of our own words


@compiles(among, "postgresql")
def _among_array(element: among, compiler: SQLCompiler, **more: Any) -> str:
    # not ``= ANY (array)``, which a scan of a table compares one after the other
    values = func.unnest(cast(element.given, ARRAY(_unbounded(element.of))))
    return str(compiler.process(element.of.in_(select(values)), **more))


def given_ids(dialect: Dialect, ids: Iterable[UUID]) -> str:
    """Return ids as ``among`` takes them."""
    return given_texts(dialect, [id_.int.to_bytes(16, "big").hex() for id_ in ids])


def given_texts(dialect: Dialect, texts: Collection[str]) -> str:
    """Return texts as ``among`` takes them."""
    return text_array(texts) if dialect.name == "postgresql" else json.dumps(list(texts))


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


def insert_columns(insert: Callable[..., Any], columns: Sequence[Column[Any]]) -> Any:
    """Return an insert of rows that are given column by column; see ``columns_of``."""
    rows = columns_of("row", columns)
    return insert(columns[0].table).from_select([c.name for c in columns], rows)


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
    """Return the text of an array of numbers, days, or texts that need no quotes."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def id_array(ids: Iterable[UUID | None]) -> str:
    """Return the text of an array of ids."""
    return array_of(["NULL" if i is None else i.int.to_bytes(16, "big").hex() for i in ids])


def text_array(texts: Collection[str | None]) -> str:
    """Return the text of an array of any texts; those that many rows share are quoted once."""
    quoted = {text: "NULL" if text is None else _quoted(text) for text in set(texts)}
    return array_of([quoted[text] for text in texts])


def instant_array(instants: Collection[datetime | None]) -> str:
    """Return the text of an array of instants, which many rows share."""
    texts = {instant: None if instant is None else instant.isoformat() for instant in set(instants)}
    return array_of([texts[instant] for instant in instants])


def _quoted(text: str) -> str:
    r"""Return a text as an element of an array: in quotes, with ``\`` before ``"`` and ``\``."""
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _unbounded(of: ColumnElement[Any]) -> Any:
    """Return a column's type; casting a text to a shorter one would cut it off without a word."""
    return Text() if isinstance(of.type, String) else of.type
