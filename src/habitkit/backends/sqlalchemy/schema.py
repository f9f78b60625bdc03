"""Creating and upgrading the tables, migration by numbered migration.

Migrations are SQL files that are never changed once released; each database keeps the number of its
last one, and the generation. Two programs that upgrade at once apply each migration once.
"""

from __future__ import annotations

from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from sqlalchemy import exc, inspect, text

from habitkit.backends.sqlalchemy import _error_mapping
from habitkit.backends.sqlalchemy._error_mapping import UPGRADE_COMMAND
from habitkit.backends.sqlalchemy._stores import driver_of, expect_commits, set_isolation
from habitkit.backends.sqlalchemy._version import GENERATION, LATEST, ROW, expect, version_of
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import ConfigurationError, SchemaOutdated

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from sqlalchemy import Connection, Engine

__all__ = ["GENERATION", "LATEST", "check", "statements", "upgrade", "version"]

_MIGRATIONS: Traversable = resources.files("habitkit.backends.sqlalchemy").joinpath("migrations")
_ADVISORY_LOCK = 0x6861_6269_746B_6974
_INTEGERS = ("amount", "balance", "debt", "first", "last", "sealed", "seq", "settled")
_TYPES = {
    "sqlite": {
        "uuid": "CHAR(32)",
        "instant": "VARCHAR(32)",
        "json": "TEXT",
        "bytes": "BLOB",
        "decimal": "TEXT",
        "without_rowid": " WITHOUT ROWID",
        "fact_day": "json_extract(fact.fields, '$.day')",
        "fact_is_voided": "replace(json_extract(void.fields, '$.fact_id'), '-', '') = fact.id",
        "restored_is_later": (
            "json_extract(restored.fields, '$.seq') > json_extract(fact.fields, '$.seq')"
        ),
        "restored_is_voided": (
            "replace(json_extract(void.fields, '$.fact_id'), '-', '') = restored.id"
        ),
        **{f"integer_{name}": f" CHECK (typeof({name}) = 'integer')" for name in _INTEGERS},
    },
    "postgresql": {
        "uuid": "UUID",
        "instant": "TIMESTAMP WITH TIME ZONE",
        "json": "JSONB",
        "bytes": "BYTEA",
        "decimal": "NUMERIC",
        "without_rowid": "",
        "fact_day": "CAST(fact.fields ->> 'day' AS DATE)",
        "fact_is_voided": "CAST(void.fields ->> 'fact_id' AS UUID) = fact.id",
        "restored_is_later": (
            "CAST(restored.fields ->> 'seq' AS BIGINT) > CAST(fact.fields ->> 'seq' AS BIGINT)"
        ),
        "restored_is_voided": "CAST(void.fields ->> 'fact_id' AS UUID) = restored.id",
        **{f"integer_{name}": "" for name in _INTEGERS},
    },
}


def statements(migration: int, dialect: str, schema: str | None = None) -> list[str]:
    """Return the SQL of one migration for a dialect.

    Args:
        migration: The migration's number, from 1 to ``LATEST``.
        dialect: ``sqlite`` or ``postgresql``.
        schema: The schema the tables are in, or None.

    Raises:
        ConfigurationError: If the dialect is another.
    """
    if dialect not in _TYPES:
        msg = f"expected SQLite or PostgreSQL, got the dialect {dialect!r}"
        raise ConfigurationError(msg)
    source = _MIGRATIONS.joinpath(f"{migration:04}.sql").read_text("utf-8")
    prefix = "" if schema is None else '"{}".'.format(schema.replace('"', '""'))
    # SQLite wants the schema before an index's own name and nowhere else in such a statement.
    sqlite = dialect == "sqlite"
    filled = Template(source).substitute(
        _TYPES[dialect],
        schema=prefix,
        index_schema=prefix if sqlite else "",
        same_schema="" if sqlite else prefix,
    )
    code = "\n".join(line for line in filled.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in code.split(";") if statement.strip()]


def version(connection: Connection, schema: str | None = None) -> int:
    """Return the version of the tables, 0 if there are none.

    Raises:
        SchemaOutdated: If they are of another generation.
    """
    if not inspect(connection).has_table(schema_version.name, schema=schema):
        return 0
    return version_of(connection.execute(ROW, execution_options=_in_schema(schema)).first())


def check(connection: Connection, schema: str | None = None) -> None:
    """Refuse tables of another version than this habitkit works with.

    Raises:
        SchemaMissing: If there are no tables.
        SchemaOutdated: If they are older or newer, or of another generation.
    """
    expect(version(connection, schema))


def upgrade(engine: Engine, *, schema: str | None = None, to: int = LATEST) -> tuple[int, int]:
    """Create the tables, or apply the migrations they still lack, in one transaction.

    Args:
        engine: For SQLite or PostgreSQL.
        schema: The schema to put them in; it must exist.
        to: The version to stop at; tables that are past it stay as they are.

    Returns:
        The version found and the version left.

    Raises:
        SchemaOutdated: If the tables are newer than this habitkit, or of another generation.
        ConfigurationError: If a SQLite file cannot be opened.
        StoreBusy: If a SQLite file stays locked.
    """
    try:
        return _upgrade(engine, schema, to)
    except exc.DBAPIError as error:
        meant = _error_mapping.when_opening(error, engine.url)
        if meant is error:
            raise
        raise meant from error


def _upgrade(engine: Engine, schema: str | None, to: int) -> tuple[int, int]:
    """Apply the migrations; errors of the database stay as they are."""
    with engine.connect() as connection:
        set_isolation(connection, write=True)
        before = version(connection, schema)
        if before < to:
            connection.rollback()
            _begin_alone(connection)
            before = version(connection, schema)
        if before > LATEST:
            raise SchemaOutdated(found=before, needed=LATEST, command=UPGRADE_COMMAND)
        if before >= to:
            return before, before
        options = _in_schema(schema)
        if before == 0:
            schema_version.create(connection.execution_options(**options))
        for migration in range(before + 1, to + 1):
            for statement in statements(migration, connection.dialect.name, schema):
                connection.exec_driver_sql(statement)
        connection.execute(schema_version.delete(), execution_options=options)
        row = schema_version.insert().values(version=to, generation=GENERATION)
        connection.execute(row, execution_options=options)
        connection.commit()
    return before, to


def _begin_alone(connection: Connection) -> None:
    """Begin a transaction that no other upgrade can overlap."""
    if connection.dialect.name == "sqlite":
        driver = driver_of(connection)
        expect_commits(driver)
        connection.begin()
        if driver.in_transaction:  # the host's engine begins by itself, without the write lock
            connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))


def _in_schema(schema: str | None) -> dict[str, object]:
    return {"schema_translate_map": {None: schema}} if schema else {}
