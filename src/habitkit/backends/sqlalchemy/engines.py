"""Engines as the kit opens them itself, and the entry point for URLs."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import StaticPool

from habitkit.backends.sqlalchemy._host_transactions import begin_before_savepoints
from habitkit.backends.sqlalchemy.schema import check
from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.backends.sqlalchemy.upgrading import upgrade
from habitkit.errors import ConfigurationError, UnknownScheme

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Literal

    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

    from habitkit.store import AsyncStore, Store

__all__ = [
    "engine_of",
    "expect_driver",
    "open_url",
    "parsed_url",
    "sqlite_engine",
    "with_driver",
]

_BUSY_TIMEOUT_SECONDS = 30
_ASYNC_ALONE = ("postgresql+asyncpg", "sqlite+aiosqlite")
_BACKENDS = ("postgresql", "sqlite")


def sqlite_engine(
    url: str | URL, *, synchronous: Literal["FULL", "NORMAL"] = "FULL", **options: Any
) -> Engine:
    """Return an engine for SQLite, set up for several writers.

    The journal is a write-ahead log, foreign keys are enforced and a writer waits up to 30 s for
    another. A transaction is begun before its first savepoint, so that a rollback undoes it too. In
    memory (``sqlite://``) all threads share one connection.

    Args:
        url: An SQLAlchemy URL.
        synchronous: ``FULL`` syncs at each commit; ``NORMAL`` may lose the last commits, but
            nothing else, when the machine loses power.
        options: Passed on to ``sqlalchemy.create_engine``.
    """
    url = make_url(url)
    arguments: dict[str, Any] = {"timeout": _BUSY_TIMEOUT_SECONDS}
    if url.database in {None, "", ":memory:"}:
        options.setdefault("poolclass", StaticPool)
        arguments["check_same_thread"] = False
    engine = create_engine(url, connect_args=arguments, **options)
    event.listen(engine, "connect", _Pragmas(synchronous))
    begin_before_savepoints(engine)
    return engine


class _Pragmas:
    """Sets up each new SQLite connection."""

    def __init__(self, synchronous: str) -> None:
        self.synchronous = synchronous

    def __call__(self, connection: Any, _: object) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # a switch does not wait for a writer; a beginning does
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("COMMIT")
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {self.synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()


def open_url(
    url: str, *, asynchronous: bool, schema: str | None = None
) -> Store | Awaitable[AsyncStore]:
    """Open ``sqlite:///file``, ``sqlite://`` or ``postgresql[+psycopg|+asyncpg]://...``.

    Args:
        url: An SQLAlchemy URL.
        asynchronous: True for a store of an async host.
        schema: The schema that the tables are in, on PostgreSQL.

    Raises:
        ConfigurationError: If the driver does not fit the kit, or a schema is given for SQLite.
        SchemaMissing: If a server's database has no habitkit tables.
        SchemaOutdated: If they have another version.
    """
    parsed = parsed_url(url)
    if schema is not None and parsed.get_backend_name() == "sqlite":
        msg = f"schema: expected None, since SQLite has no schemas, got {schema!r}"
        raise ConfigurationError(msg)
    if asynchronous:
        return _open_async(parsed, schema)
    engine = engine_of(url)
    try:
        if engine.dialect.name == "sqlite":
            upgrade(engine)
        else:
            with engine.connect() as connection:
                check(connection, schema)
    except BaseException:
        engine.dispose()
        raise
    store = SqlStore(engine, schema=schema)
    store.tables.checked = True
    return store


def engine_of(url: str) -> Engine:
    """Return a sync engine for a URL.

    Raises:
        ConfigurationError: If the URL cannot be read or the driver is an async one.
        UnknownScheme: If it is of another database.
    """
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "sqlite":
        expect_driver(parsed, "pysqlite")
        return sqlite_engine(parsed)
    expect_driver(parsed, "psycopg")
    return create_engine(with_driver(parsed))


async def _open_async(url: URL, schema: str | None) -> AsyncStore:
    """Open a store for an async host."""
    if url.get_backend_name() == "sqlite":
        from habitkit.backends.sqlalchemy.threaded import open_threaded  # noqa: PLC0415

        expect_driver(url, "pysqlite", "aiosqlite")
        return await open_threaded(url.set(drivername="sqlite"))
    import_module("greenlet")  # where it is missing, SQLAlchemy's own error does not name it
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore  # noqa: PLC0415

    expect_driver(url, "psycopg", "asyncpg")
    engine: AsyncEngine = create_async_engine(with_driver(url, or_asyncpg=True))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(check, schema)
    except BaseException:
        await engine.dispose()
        raise
    store = AsyncSqlStore(engine, schema=schema)
    store.tables.checked = True
    return store


def parsed_url(url: str) -> URL:
    """Read a URL of a database that has a backend here.

    Raises:
        ConfigurationError: If it cannot be read.
        UnknownScheme: If it is of another database.
    """
    parsed = None
    with suppress(exc.ArgumentError, ValueError):  # whose messages hold the password
        parsed = make_url(url)
        parsed = parsed.set(drivername=parsed.drivername.lower())
    if parsed is None or "@" in (parsed.host or ""):  # part of a password with an unescaped @
        msg = (
            "cannot parse the database URL; expected for example sqlite:///habits.db or "
            "postgresql://user@host/database, with an @ in the password written as %40"
        )
        raise ConfigurationError(msg)
    if parsed.get_backend_name() not in _BACKENDS:
        raise UnknownScheme(parsed.get_backend_name(), _BACKENDS)
    if parsed.get_backend_name() == "sqlite":
        _expect_no_host(parsed)
    return parsed


def _expect_no_host(url: URL) -> None:
    """Refuse a SQLite URL with a host: it is a file name with a slash missing before it."""
    if not (url.host or url.port or url.username or url.password):
        return
    file = "/".join(part for part in (url.host, url.database) if part) or "habits.db"
    msg = (
        f"expected three slashes before a relative path to an SQLite file, as in sqlite:///{file}, "
        "or four before an absolute path, got two"
    )
    raise ConfigurationError(msg)


def with_driver(url: URL, *, or_asyncpg: bool = False) -> URL:
    """Name psycopg where a PostgreSQL URL names no driver.

    Args:
        url: The URL.
        or_asyncpg: Whether to name asyncpg where only that is installed.
    """
    if "+" in url.drivername:
        return url
    asyncpg = or_asyncpg and not _can_import("psycopg") and _can_import("asyncpg")
    return url.set(drivername=f"postgresql+{'asyncpg' if asyncpg else 'psycopg'}")


def _can_import(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


def expect_driver(url: URL, *drivers: str) -> None:
    """Refuse a driver that this kind of kit cannot use.

    Raises:
        ConfigurationError: If it is none of the drivers.
    """
    _, _, driver = url.drivername.partition("+")
    if driver and driver not in drivers:
        help_ = f"write {url.get_backend_name()}://"
        if url.drivername in _ASYNC_ALONE:
            help_ += f", or use AsyncHabitKit, which alone works with {driver}"
        msg = f"expected the driver {' or '.join(drivers)} here, got {url.drivername!r}; {help_}"
        raise ConfigurationError(msg)
