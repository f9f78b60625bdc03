"""Creating and upgrading the tables: in a transaction of their own, or in one of the host's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, MetaData, exc, inspect, text

from habitkit.backends.sqlalchemy import _error_mapping
from habitkit.backends.sqlalchemy._stores import driver_of, expect_commits, set_isolation
from habitkit.backends.sqlalchemy._table import copied
from habitkit.backends.sqlalchemy._unversioned import quoted, unversioned
from habitkit.backends.sqlalchemy._version import GENERATION, LATEST, expect
from habitkit.backends.sqlalchemy.schema import schema_of, statements, version
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import ConfigurationError, SchemaUnversioned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["migrate", "upgrade", "upgrade_async"]

_ADVISORY_LOCK = 0x6861_6269_746B_6974


def upgrade(
    engine: Engine, *, schema: str | None = None, to: int = LATEST, adopt: bool = False
) -> tuple[int, int]:
    """Create the tables, or apply the migrations they still lack, in one transaction.

    Args:
        engine: For SQLite or PostgreSQL; for an ``AsyncEngine`` there is ``upgrade_async``.
        schema: The schema to put them in; it must exist.
        to: The version to stop at; tables that are past it stay as they are.
        adopt: Whether to record the version of tables without one, if they are those of this
            habitkit, as ``metadata.create_all`` makes them.

    Returns:
        The version found and the version left.

    Raises:
        SchemaOutdated: If the tables are newer than this habitkit, or of another generation.
        SchemaUnversioned: If there are tables without a version that are not adopted.
        ConfigurationError: If a SQLite file cannot be opened, there is no such version or schema,
            or the engine is an async one.
        StoreBusy: If a SQLite file stays locked.
    """
    _expect(engine, Engine, "upgrade_async(engine) takes an AsyncEngine")
    with _errors_of(engine.url), engine.connect() as connection:
        return _upgrade(connection, schema, to, adopt=adopt)


async def upgrade_async(
    engine: AsyncEngine, *, schema: str | None = None, to: int = LATEST, adopt: bool = False
) -> tuple[int, int]:
    """Create or upgrade the tables with an async engine; otherwise as ``upgrade``.

    Args:
        engine: For SQLite or PostgreSQL.
        schema: As for ``upgrade``.
        to: As for ``upgrade``.
        adopt: As for ``upgrade``.

    Returns:
        The version found and the version left.

    Raises:
        SchemaOutdated: As ``upgrade``.
        SchemaUnversioned: As ``upgrade``.
        ConfigurationError: As ``upgrade``; also if the engine is a sync one.
        StoreBusy: As ``upgrade``.
    """
    _expect_async(engine)
    with _errors_of(engine.url):
        async with engine.connect() as connection:
            return await connection.run_sync(_upgrade, schema, to, adopt=adopt)


def migrate(connection: Connection, first: int, last: int, *, schema: str | None = None) -> None:
    """Run some of habitkit's migrations inside one of the host's, such as Alembic's.

    Nothing is committed; the host does that.

    Args:
        connection: The host's, such as ``op.get_bind()``, in a transaction.
        first: The number of the first migration to run; the tables must have the version before it.
        last: The number of the last one.
        schema: The schema the tables are in; it must exist.

    Raises:
        SchemaOutdated: If the tables are newer than this habitkit, or of another generation.
        SchemaUnversioned: If there are tables without a version.
        ConfigurationError: If the numbers are not those of migrations, the tables have another
            version than the one before the first, the schema does not exist, or there is no
            connection.
    """
    help_ = (
        "with an AsyncConnection call await connection.run_sync(migrate, first, last); for a "
        "script without a connection take the SQL from schema.statements"
    )
    _expect(connection, Connection, help_)
    if not 1 <= first <= last <= LATEST:
        msg = f"expected numbers of migrations from 1 to {LATEST}, got {first} to {last}"
        raise ConfigurationError(msg)
    schema = schema_of(connection, schema)
    found = _version_before(connection, schema)
    if found != first - 1:
        help_ = (
            f"run migrations from {found + 1} on"
            if found < first
            else "if they were upgraded outside of these migrations, mark this one as done (with "
            "Alembic: alembic stamp)"
        )
        msg = f"expected habitkit tables of version {first - 1}, found version {found}; {help_}"
        raise ConfigurationError(msg)
    _apply(connection, found, last, schema)


def _expect_async(engine: object) -> None:
    """Refuse a sync engine.

    Raises:
        ConfigurationError: If it is one.
    """
    if isinstance(engine, Engine):
        msg = f"expected an AsyncEngine, got {engine!r}; upgrade(engine) takes an Engine"
        raise ConfigurationError(msg)


def _expect(given: object, expected: type, help_: str) -> None:
    """Refuse an engine or a connection of another kind.

    Raises:
        ConfigurationError: If it is of another kind.
    """
    if not isinstance(given, expected):
        msg = f"expected an instance of {expected.__name__}, got {given!r}; {help_}"
        raise ConfigurationError(msg)


@contextmanager
def _errors_of(url: URL) -> Iterator[None]:
    """Raise what a database refuses when it is opened as an error of habitkit.

    Raises:
        ConfigurationError: If a SQLite file cannot be opened.
        StoreBusy: If a SQLite file stays locked.
    """
    try:
        yield
    except exc.DBAPIError as error:
        meant = _error_mapping.when_opening(error, url)
        if meant is error:
            raise
        raise meant from error


def _upgrade(
    connection: Connection, schema: str | None, to: int, *, adopt: bool
) -> tuple[int, int]:
    """Apply the migrations and commit; errors of the database stay as they are.

    Raises:
        SchemaOutdated: If the tables are newer than this habitkit, or of another generation.
        SchemaUnversioned: If there are tables without a version that are not adopted.
        ConfigurationError: If there is no such version or schema.
    """
    if to > LATEST:
        msg = f"to: expected a version up to {LATEST}, got {to}"
        raise ConfigurationError(msg)
    schema = schema_of(connection, schema)
    set_isolation(connection, write=True)
    before = version(connection, schema)
    if before < to:
        connection.rollback()
        _begin_alone(connection)
        try:
            before = _version_before(connection, schema)
        except SchemaUnversioned as error:
            if not adopt or error.differences:
                raise
            _record(connection, LATEST, schema)
            connection.commit()
            return LATEST, LATEST
    if before > LATEST:
        expect(connection, before, schema)
    if before >= to:
        return before, before
    _apply(connection, before, to, schema)
    connection.commit()
    return before, to


def _version_before(connection: Connection, schema: str | None) -> int:
    """Return the version of the tables before migrations.

    Raises:
        SchemaOutdated: If they are newer than this habitkit, or of another generation.
        SchemaUnversioned: If there are tables without a version.
        ConfigurationError: If the schema does not exist.
    """
    found = version(connection, schema)
    if found > LATEST:
        expect(connection, found, schema)
    if found == 0:
        is_postgres = connection.dialect.name == "postgresql"
        if schema is not None and is_postgres and not inspect(connection).has_schema(schema):
            msg = (
                f"the schema {quoted(schema)} does not exist in the database; create it first "
                f"with: CREATE SCHEMA {quoted(schema)}"
            )
            raise ConfigurationError(msg)
        error = unversioned(connection, schema)
        if isinstance(error, SchemaUnversioned):
            raise error
    return found


def _apply(connection: Connection, before: int, last: int, schema: str | None) -> None:
    """Apply the migrations after a version, and record the last one.

    Raises:
        ConfigurationError: If what a migration makes is there already.
    """
    for migration in range(before + 1, last + 1):
        for statement in statements(migration, connection.dialect.name, schema):
            try:
                connection.exec_driver_sql(statement)
            except exc.DBAPIError as error:
                if not _error_mapping.already_exists(error):
                    raise
                reason = str(error.orig).strip().partition("\n")[0]
                msg = (
                    f"migration {migration} makes what is there already: {reason}; tables of "
                    f"version {before} must not have it, and metadata.create_all() of a newer "
                    "habitkit may have made it; drop it, then upgrade again"
                )
                raise ConfigurationError(msg) from error
    _record(connection, last, schema)


def _record(connection: Connection, number: int, schema: str | None) -> None:
    """Make the number the version of the tables."""
    table = copied(schema_version, MetaData(), schema)
    table.create(connection, checkfirst=True)
    connection.execute(table.delete())
    connection.execute(table.insert().values(version=number, generation=GENERATION))


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
