"""Many rows in one statement on PostgreSQL, which stays the same for any number of them.

So it is compiled and planned once. What a batch writes is given as columns: each is one parameter,
the text of an array, which is cheap to write here and cheap to read there. What is JSON itself is
given as one JSON array.
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
    "id_array",
    "ids_parameter",
    "insert_columns",
    "instant_array",
    "shared_by_all",
    "text_array",
    "texts_parameter",
    "unlocked_keys",
]

_EMPTY = "{}"


class among(ColumnElement[bool]):  # noqa: N801 - reads like a function
    """Whether a column is one of any number of values, which are given as one parameter.

    Args:
        of: The column.
        name: The parameter: a text made by ``ids_parameter`` or ``texts_parameter``.
    """

    inherit_cache = False

    def __init__(self, of: ColumnElement[Any], name: str) -> None:
        """Keep the column and the parameter's name."""
        self.of = of
        self.parameter = bindparam(name, type_=Text())


@compiles(among, "sqlite")
def _among_json(element: among, compiler: SQLCompiler, **more: Any) -> str:
    of, values = (compiler.process(part, **more) for part in (element.of, element.parameter))
    return f"{of} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - of our own words


@compiles(among, "postgresql")
def _among_array(element: among, compiler: SQLCompiler, **more: Any) -> str:
    # not ``= ANY (array)``, which a scan of a table compares one after the other
    values = func.unnest(cast(element.parameter, ARRAY(_unbounded(element.of))))
    return str(compiler.process(element.of.in_(select(values)), **more))


def ids_parameter(dialect: Dialect, ids: Iterable[UUID]) -> str:
    """Return ids as ``among`` takes them."""
    return texts_parameter(dialect, [id_.hex for id_ in ids])


def texts_parameter(dialect: Dialect, texts: Collection[str]) -> str:
    """Return texts as ``among`` takes them."""
    return text_array(texts) if dialect.name == "postgresql" else json.dumps(list(texts))


def columns_of(
    name: str,
    columns: Sequence[Column[Any]],
    shared: Collection[str] = (),
    objects: Collection[str] = (),
) -> Any:
    """Return a query of rows that are given column by column.

    Theory of operation. The arrays are unnested side by side, and what is shorter than the others
    is filled up with NULL. So a column of NULLs is given as an empty array, and one that has the
    same value in each row as an empty array with that value beside it: PostgreSQL needs most of a
    microsecond to read an instant from text, and a batch has hundreds of them.

    Args:
        name: What the parameters begin with: ``{name}_{column}``, the text of an array each.
        columns: Whose names and types the rows have; texts may be longer, an insert refuses them.
        shared: Columns without NULLs of which the rows may share a value: they have another
            parameter, ``{name}_{column}_of_all``; see ``shared_by_all``.
        objects: JSON columns that are given as the text of one JSON array.
    """
    rows = select(*(_unnested(name, c, objects) for c in columns)).subquery(f"{name}_rows")
    return select(*(_filled(name, c, rows.c[c.name], shared) for c in columns))


def insert_columns(
    insert: Callable[..., Any],
    columns: Sequence[Column[Any]],
    shared: Collection[str] = (),
    objects: Collection[str] = (),
) -> Any:
    """Return an insert of rows that are given column by column; see ``columns_of``."""
    rows = columns_of("row", columns, shared, objects)
    return insert(columns[0].table).from_select([c.name for c in columns], rows)


def shared_by_all(
    name: str, values: Sequence[Any], array: Callable[[Sequence[Any]], str]
) -> dict[str, Any]:
    """Return both parameters of a column that rows may share; see ``columns_of``.

    Args:
        name: The column's parameter.
        values: Its values.
        array: Makes the text of an array of them, if they differ.
    """
    first = values[0] if values else None
    alike = values.count(first) == len(values)
    return {name: _EMPTY if alike else array(values), f"{name}_of_all": first}


def array_of(values: Iterable[object]) -> str:
    """Return the text of an array of numbers, days, or texts that need no quotes."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def id_array(ids: Collection[UUID | None]) -> str:
    """Return the text of an array of ids; an empty one if all are NULL, see ``columns_of``."""
    if not any(ids):
        return _EMPTY
    texts = ["NULL" if i is None else i.hex for i in ids]
    return f"{{{','.join(texts)}}}"


def text_array(texts: Collection[str | None]) -> str:
    """Return the text of an array of any texts; those that many rows share are quoted once.

    It is an empty one if all are NULL; see ``columns_of``.
    """
    several = set(texts)
    if several == {None}:
        return _EMPTY
    quoted = {text: "NULL" if text is None else _quoted(text) for text in several}
    return f"{{{','.join([quoted[text] for text in texts])}}}"


def instant_array(instants: Collection[datetime | None]) -> str:
    """Return the text of an array of instants, which many rows share."""
    texts = {instant: None if instant is None else instant.isoformat() for instant in set(instants)}
    return array_of([texts[instant] for instant in instants])


def unlocked_keys(key: Sequence[Column[Any]], condition: ColumnElement[bool]) -> Select[Any]:
    """Return the keys of rows to delete, but for those that somebody else has locked.

    To wait for one while others are locked could be a deadlock with an owner who writes them in
    another order. A CTE locks once, a subquery may be run for each row. It is nested, since of a
    statement that begins with WITH sqlite3 does not count the rows.
    """
    rows = select(*key).where(condition).limit(bindparam("count"))
    return select(rows.with_for_update(skip_locked=True).cte("old", nesting=True))


def _unnested(name: str, of: Column[Any], objects: Collection[str]) -> Any:
    """Return the values of a column, one a row."""
    array = bindparam(f"{name}_{of.name}", type_=Text())
    if of.name in objects:
        values = func.jsonb_array_elements(cast(array, Json()), type_=of.type)
    else:
        values = func.unnest(cast(array, ARRAY(_unbounded(of))), type_=of.type)
    return values.label(of.name)


def _filled(name: str, of: Column[Any], values: Any, shared: Collection[str]) -> Any:
    """Return the values of a column with what all rows share in their place, if they do."""
    if of.name not in shared:
        return values
    of_all = bindparam(f"{name}_{of.name}_of_all", type_=_unbounded(of))
    return func.coalesce(values, of_all).label(of.name)


def _quoted(text: str) -> str:
    r"""Return a text as an element of an array: in quotes, with ``\`` before ``"`` and ``\``."""
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _unbounded(of: ColumnElement[Any]) -> Any:
    """Return a column's type; casting a text to a shorter one would truncate it silently."""
    return Text() if isinstance(of.type, String) else of.type
