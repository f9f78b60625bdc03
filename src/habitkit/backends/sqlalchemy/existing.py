"""The store behind a URL, for commands that read: nothing is created or upgraded."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine

from habitkit.backends.sqlalchemy.engines import (
    expect_driver,
    parsed_url,
    sqlite_engine,
    with_driver,
)
from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.backends.sqlalchemy.upgrade_url import expect_file
from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore

__all__ = ["existing_store"]


def existing_store(url: str, schema: str | None = None) -> SqlStore | AsyncSqlStore:
    """Return the store on an existing database, with any supported driver.

    Args:
        url: As for ``HabitKit.open`` or ``AsyncHabitKit.open``. A PostgreSQL URL without a driver
            means psycopg, or asyncpg where only that is installed.
        schema: The schema that the tables are in.

    Returns:
        An async store for asyncpg, and a sync one for all other drivers.

    Raises:
        ConfigurationError: If the URL cannot be read, the driver is none of those, the database is
            one in memory, or there is no such file.
    """
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "sqlite":
        expect_driver(parsed, "pysqlite", "aiosqlite")
        expect_file(parsed)
        file = parsed.database or ""
        if schema is not None:
            msg = f"schema: expected None, since SQLite has no schemas, got {schema!r}"
            raise ConfigurationError(msg)
        if not file.startswith("file:") and not Path(file).is_file():
            msg = f"expected a SQLite file that exists, got {file!r}"
            raise ConfigurationError(msg)
        return SqlStore(sqlite_engine(parsed.set(drivername="sqlite")))
    expect_driver(parsed, "psycopg", "asyncpg")
    parsed = with_driver(parsed, or_asyncpg=True)
    if parsed.drivername != "postgresql+asyncpg":
        return SqlStore(create_engine(parsed), schema=schema)
    import_module("greenlet")  # where it is missing, SQLAlchemy's own error does not name it
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - needs greenlet

    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore  # noqa: PLC0415

    return AsyncSqlStore(create_async_engine(parsed), schema=schema)
