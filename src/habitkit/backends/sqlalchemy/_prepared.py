"""Core statements, compiled once a dialect and run on the driver's cursor.

Between a statement and the driver SQLAlchemy does work that is the same each time: it looks up
the compiled form, builds a context, a result and its rows. The hot paths skip it: a ``Prepared``
keeps the SQL text, the order of its parameters and the processors of its types, and a ``Link``
runs it on one cursor a transaction. The statements themselves stay Core, and errors are
SQLAlchemy's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from habitkit.backends.sqlalchemy import _error_mapping
from habitkit.errors import ConfigurationError, TransactionEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, CursorResult, Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.expression import Executable

    Build = Callable[[Callable[..., Any]], Any]
    Processor = Callable[[Any], Any] | None

__all__ = ["Link", "Prepared"]

_INSERT: dict[str, Callable[..., Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Prepared:
    """A statement by dialect.

    Args:
        build: Returns the statement; it is given the dialect's own ``insert``, which knows
            ON CONFLICT.
        kind: What a row is, for the message when it exists already.
        only: The one dialect that can run it; every one by default.
    """

    def __init__(self, build: Build, kind: str = "row", only: str | None = None) -> None:
        """Keep how to build it; it is compiled when a dialect first runs it."""
        self.build = build
        self.kind = kind
        self.only = only


class _Form:
    """A statement as one dialect runs it."""

    def __init__(
        self, prepared: Prepared, dialect: Dialect, schema: str | None, *, numbered: bool
    ) -> None:
        statement = prepared.build(_insert_of(dialect))
        kind: Any = type(dialect)
        compiled: SQLCompiler = statement.compile(
            dialect=kind(paramstyle="numeric_dollar") if numbered else dialect,
            schema_translate_map={None: schema} if schema else None,
            render_schema_translate=schema is not None,
        )
        self.sql = str(compiled)
        self.kind = prepared.kind
        types = {name: bind.type for bind, name in compiled.bind_names.items()}
        names = compiled.positiontup if compiled.positional else list(types)
        processors = {name: _bind_processor(type_, dialect) for name, type_ in types.items()}
        self.parameters = _reader(
            names or [], processors, compiled.params, positional=compiled.positional
        )
        columns = dict(getattr(statement, "exported_columns", {}))
        self.names = list(columns)
        processors_of_row = [_result_processor(c.type, dialect) for c in columns.values()]
        self.row = _row_reader(processors_of_row)


def _row_reader(processors: Sequence[Processor]) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
    """Return a function that reads every column of a row by its type; None if all are plain.

    It is written out as one expression, like the reader of parameters.
    """
    if not any(processors):
        return None
    scope = {f"p{number}": process for number, process in enumerate(processors)}
    parts = [
        f"row[{number}]" if process is None else f"p{number}(row[{number}])"
        for number, process in enumerate(processors)
    ]
    made: Callable[[Sequence[Any]], Sequence[Any]]
    made = eval(f"lambda row: ({', '.join(parts)},)", scope)  # noqa: S307 - numbers alone
    return made


def _reader(
    names: Sequence[str],
    processors: Mapping[str, Processor],
    constants: Mapping[str, Any],
    *,
    positional: bool,
) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function from values by name to parameters as the driver takes them.

    It is written out as one expression, ``(values["owner"], p1(values["id"]), ...)``, and made once
    a statement: a loop over names and processors costs three times as much at each call. A name
    that is no ``bindparam`` of ours is a constant of the statement and keeps its value.
    """
    scope: dict[str, Any] = {}
    parts = []
    for number, name in enumerate(names):
        process, constant = processors[name], constants.get(name)
        if constant is not None:
            scope[f"c{number}"] = constant if process is None else process(constant)
            part = f"c{number}"
        elif process is None:
            part = f"values[{name!r}]"
        else:
            scope[f"p{number}"] = process
            part = f"p{number}(values[{name!r}])"
        parts.append(part if positional else f"{name!r}: {part}")
    body = ", ".join(parts)
    expression = f"({body},)" if positional and parts else f"{{{body}}}" if parts else "()"
    made: Callable[[Mapping[str, Any]], Any] = eval(f"lambda values: {expression}", scope)  # noqa: S307 - made of our own statements' names alone
    return made


class Link:
    """One transaction's link to the driver: a connection, its cursor, the dialect's forms."""

    _forms: dict[tuple[Any, ...], dict[Prepared, _Form]] = {}  # noqa: RUF012 - a cache, shared

    def __init__(
        self,
        connection: Connection,
        schema: str | None,
        *,
        lock_timeout: str | None = None,
        inside: bool = False,
    ) -> None:
        """Take a cursor of an open connection.

        Args:
            connection: The connection.
            schema: The schema of the tables; None for the connection's own.
            lock_timeout: How long PostgreSQL waits for an owner's lock, as it writes durations;
                None for as long as the connection's own setting says.
            inside: True in a transaction of the host, whose setting is put back.
        """
        self.lock_timeout = lock_timeout
        self.inside = inside
        self.connection = connection
        self.dialect = connection.dialect
        self.schema = schema
        self._cursor, self._numbered = _cursor_of(connection)
        key = (self.dialect.name, self.dialect.driver, self.dialect.paramstyle, schema)
        self._known = self._forms.setdefault((*key, self._numbered), {})

    def rows(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Sequence[Any]]:
        """Run a statement and return all its rows."""
        form = self._known.get(prepared) or self._form(prepared)
        parameters = form.parameters(values)
        try:
            self._cursor.execute(form.sql, parameters)
            raw = list(self._cursor.fetchall())
        except self.dialect.loaded_dbapi.Error as error:
            self._fail(form.sql, parameters, error, form.kind)
        return raw if form.row is None else [form.row(row) for row in raw]

    def row(self, prepared: Prepared, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Run a statement and return its first row, or None."""
        rows = self.rows(prepared, values)
        return rows[0] if rows else None

    def records(self, prepared: Prepared, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a statement and return all its rows by the names of their columns."""
        rows = self.rows(prepared, values)
        names = self._known[prepared].names
        return [dict(zip(names, row, strict=True)) for row in rows]

    def record(self, prepared: Prepared, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Run a statement and return its first row by the names of its columns, or None."""
        records = self.records(prepared, values)
        return records[0] if records else None

    def run(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Run a statement without rows and return how many rows it touched."""
        form = self._known.get(prepared) or self._form(prepared)
        parameters = form.parameters(values)
        try:
            self._cursor.execute(form.sql, parameters)
        except self.dialect.loaded_dbapi.Error as error:
            self._fail(form.sql, parameters, error, form.kind)
        return int(self._cursor.rowcount)

    def run_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement once a row of parameters and return how many rows it touched."""
        if len(rows) == 1:
            return self.run(prepared, rows[0])
        form = self._known.get(prepared) or self._form(prepared)
        parameters = [form.parameters(values) for values in rows]
        try:
            self._cursor.executemany(form.sql, parameters)
        except self.dialect.loaded_dbapi.Error as error:
            self._fail(form.sql, parameters, error, form.kind)
        return int(self._cursor.rowcount)

    def select(self, statement: Executable) -> Iterable[Sequence[Any]]:
        """Run a Core statement the usual way, for what is not prepared."""
        return self._result(statement)

    def select_records(self, statement: Executable) -> list[dict[str, Any]]:
        """Run a Core statement the usual way; return its rows by the names of their columns."""
        result = self._result(statement)
        names = list(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result]

    def _result(self, statement: Executable) -> CursorResult[Any]:
        options = {"schema_translate_map": {None: self.schema}} if self.schema else {}
        try:
            return self.connection.execute(statement, execution_options=options)
        except DBAPIError as error:
            meant = _error_mapping.meaning(error, "row")
            if meant is error:
                raise
            raise meant from error

    def execute(self, statement: Executable) -> None:
        """Run a Core statement without rows the usual way."""
        self._result(statement)

    def send(self, sql: str) -> None:
        """Run a statement that has neither parameters nor rows, such as BEGIN."""
        try:
            self._cursor.execute(sql)
        except self.dialect.loaded_dbapi.Error as error:
            self._fail(sql, (), error)

    def close(self) -> None:
        """Give the cursor back."""
        self._cursor.close()
        self.end()

    def end(self) -> None:
        """Make every further use raise ``TransactionEnded``: others may have the connection now."""
        self._cursor = self.connection = _ENDED

    def _form(self, prepared: Prepared) -> _Form:
        """Compile a statement for this dialect, the first time it runs."""
        form = self._known[prepared] = _Form(
            prepared, self.dialect, self.schema, numbered=self._numbered
        )
        return form

    def _fail(self, sql: str, parameters: Any, error: Exception, kind: str = "row") -> NoReturn:
        """Raise a driver's error as SQLAlchemy's, or as habitkit's where it means something."""
        wrapped = DBAPIError.instance(
            sql,
            parameters,
            error,
            self.dialect.loaded_dbapi.Error,
            hide_parameters=self.connection.engine.hide_parameters,
            dialect=self.dialect,
        )
        if isinstance(wrapped, DBAPIError):
            raise _error_mapping.meaning(wrapped, kind) from error
        raise wrapped from error


class _Ended:
    """The place of a connection and of its cursor after the end of the transaction."""

    def __getattr__(self, name: str) -> NoReturn:
        raise TransactionEnded


_ENDED: Any = _Ended()


def _cursor_of(connection: Connection) -> tuple[Any, bool]:
    """Return a cursor of the driver's, and whether its parameters are numbered: ``$1``, ``$2``.

    psycopg turns ``%(name)s`` into these in Python, and a long statement anew each time it runs; a
    raw cursor takes them as they are.
    """
    pooled = connection.connection
    if connection.dialect.driver == "psycopg" and not connection.dialect.is_async:
        from psycopg import RawCursor  # noqa: PLC0415 - of an extra

        driver: Any = pooled.driver_connection
        return RawCursor(driver), True
    return pooled.cursor(), False


def _insert_of(dialect: Dialect) -> Callable[..., Any]:
    """Return a dialect's own ``insert``."""
    try:
        return _INSERT[dialect.name]
    except KeyError:
        msg = f"expected SQLite or PostgreSQL, got the dialect {dialect.name!r}"
        raise ConfigurationError(msg) from None


def _bind_processor(type_: Any, dialect: Dialect) -> Processor:
    """Return what turns a value into what the driver takes, or None."""
    processor: Processor = type_.dialect_impl(dialect).bind_processor(dialect)
    return processor


def _result_processor(type_: Any, dialect: Dialect) -> Processor:
    """Return what turns a driver's value into ours, or None."""
    processor: Processor = type_.dialect_impl(dialect).result_processor(dialect, None)
    return processor
