"""Creating and upgrading the tables of a database that a URL names, with any supported driver."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, exc

from habitkit.backends.sqlalchemy.engines import (
    expect_driver,
    parsed_url,
    sqlite_engine,
    with_driver,
)
from habitkit.backends.sqlalchemy.upgrading import upgrade, upgrade_async
from habitkit.errors import ConfigurationError, HabitKitError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import URL

__all__ = ["expect_file", "upgrade_url"]


def upgrade_url(
    url: str, schema_name: str | None = None, *, adopt: bool = False
) -> tuple[int, int]:
    """Create or upgrade the tables of the database behind a URL.

    Args:
        url: As for ``HabitKit.open`` or ``AsyncHabitKit.open``. A PostgreSQL URL without a driver
            means psycopg, or asyncpg where only that is installed.
        schema_name: The schema to put them in; it must exist.
        adopt: As for ``upgrade``.

    Returns:
        The version found and the version left.

    Raises:
        StoreError: If the database cannot be reached or refuses; the message gives the reason in
            one line and contains no password.
        ConfigurationError: If the URL cannot be read, the driver is none of those, or the database
            is one in memory, which would end with the program.
    """
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "sqlite":
        expect_driver(parsed, "pysqlite", "aiosqlite")
        expect_file(parsed)
        if schema_name is not None:
            msg = (
                f"schema: expected None, since a SQLite file has no schemas, got {schema_name!r}; "
                "for a database that you attach call upgrade(engine, schema=...)"
            )
            raise ConfigurationError(msg)
    else:
        expect_driver(parsed, "psycopg", "asyncpg")
        parsed = with_driver(parsed, or_asyncpg=True)
    try:
        if parsed.drivername == "postgresql+asyncpg":
            return asyncio.run(_through_asyncpg(parsed, schema_name, adopt=adopt))
        return _through_engine(parsed, schema_name, adopt=adopt)
    except (HabitKitError, ImportError):
        raise
    except Exception as error:  # asyncpg raises its own, and those of sockets
        reason = error.orig if isinstance(error, exc.DBAPIError) else error
        msg = f"cannot upgrade the tables: {' '.join(str(reason).split())}"
        raise StoreError(msg) from error


def _through_engine(url: URL, schema_name: str | None, *, adopt: bool) -> tuple[int, int]:
    """Upgrade through a sync driver."""
    if url.get_backend_name() == "sqlite":
        engine = sqlite_engine(url.set(drivername="sqlite"))
    else:
        engine = create_engine(url)
    try:
        return upgrade(engine, schema=schema_name, adopt=adopt)
    finally:
        engine.dispose()


async def _through_asyncpg(url: URL, schema_name: str | None, *, adopt: bool) -> tuple[int, int]:
    """Upgrade through asyncpg."""
    import_module("greenlet")  # where it is missing, SQLAlchemy's own error does not name it
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - needs greenlet

    engine = create_async_engine(url)
    try:
        return await upgrade_async(engine, schema=schema_name, adopt=adopt)
    finally:
        await engine.dispose()


def expect_file(url: URL) -> None:
    """Refuse a SQLite database in memory.

    Raises:
        ConfigurationError: If it is one.
    """
    database = url.database or ""
    in_memory = database in {"", ":memory:"} or (
        database.startswith("file:")
        and (":memory:" in database or url.query.get("mode") == "memory")
    )
    if in_memory:
        msg = (
            "expected a SQLite file, as in sqlite:///habits.db, got a database in memory, which "
            "would end with this command; HabitKit.open('sqlite://') makes its own tables"
        )
        raise ConfigurationError(msg)
