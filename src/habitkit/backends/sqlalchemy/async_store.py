"""The SQL store for async hosts: the same work, run by ``run_sync`` on an async connection."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
)

from habitkit._fork import call_after_fork
from habitkit.backends.sqlalchemy._host_handles import connection_of, tables_behind, used_by_one
from habitkit.backends.sqlalchemy._host_transactions import run_inside, watch_savepoints
from habitkit.backends.sqlalchemy._retry import Attempts, Conflict
from habitkit.backends.sqlalchemy._shared_connection import (
    one_at_a_time_async,
    shares_connection,
)
from habitkit.backends.sqlalchemy._stores import CAPABILITIES, MODULES, run_own
from habitkit.backends.sqlalchemy._version import Tables
from habitkit.backends.sqlalchemy.store import (
    LOCK_TIMEOUT_SECONDS,
    capabilities_of,
    expect_engine,
    leave_to_parent,
    lock_timeout_of,
)
from habitkit.errors import HostTransactionUnsupported

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

    from habitkit.backends.sqlalchemy.series import AsyncSqlSeries
    from habitkit.store import Stores

__all__ = ["AsyncHostSqlStore", "AsyncSqlStore", "inside"]

R = TypeVar("R")

_HELP = (
    "for an Engine there is HabitKit(SqlStore(engine)), and AsyncHabitKit(threaded_sqlite(engine)) "
    "on SQLite; for a URL await AsyncHabitKit.open(url)"
)


class AsyncSqlStore:
    """Keeps the facts of every module in a SQL database, on an async engine.

    The event loop is not blocked while an action waits for the database, and cancelling the task
    rolls back and frees the connection. Made for PostgreSQL; for SQLite, ``threaded_sqlite`` is
    several times faster.
    """

    modules = MODULES

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        schema: str | None = None,
        lock_timeout_seconds: float | None = LOCK_TIMEOUT_SECONDS,
    ) -> None:
        """Work with an async engine of the host's; the tables must be there.

        The first action or query checks that they exist and have the expected version. In a forked
        process the engine gets connections of its own.

        Args:
            engine: An SQLAlchemy async engine: psycopg, asyncpg or aiosqlite.
            schema: The database schema the tables are in; the connection's own by default.
            lock_timeout_seconds: As for ``SqlStore``.

        Raises:
            ConfigurationError: If the engine is not an async one, or the timeout is out of range.
        """
        expect_engine("AsyncSqlStore", engine, AsyncEngine, _HELP)
        self._engine = engine
        self.tables = Tables(schema, lock_timeout_of(lock_timeout_seconds))
        self._one_at_a_time = _lock_of(engine.sync_engine, lock_timeout_seconds)
        self.name = engine.dialect.name
        self.capabilities = capabilities_of(engine.sync_engine)
        watch_savepoints(engine.sync_engine)
        call_after_fork(self)

    async def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Run ``work`` in one transaction of our own."""
        attempts = Attempts(write, keyed)

        def once(connection: Connection) -> R:
            try:
                return run_own(connection, self.tables, work, attempts)
            except exc.DBAPIError as error:
                raise Conflict(error, connection) from error
            except asyncio.CancelledError:
                _discard(connection)
                raise

        while True:
            try:
                async with self._one_at_a_time(), self._engine.connect() as connection:
                    return await connection.run_sync(once)
            except (Conflict, exc.DBAPIError, OSError) as failure:  # asyncpg does not wrap OSError
                pause_seconds = attempts.again(failure)
            await asyncio.sleep(pause_seconds)

    def on(self, handle: object) -> AsyncHostSqlStore:
        """Return a store that works inside the transaction of a connection or session.

        Raises:
            HostTransactionUnsupported: If it is neither ``AsyncConnection``, ``AsyncSession`` nor
                ``async_scoped_session``.
        """
        return inside(handle, self.tables, self._engine.sync_engine)

    def time_series(self) -> AsyncSqlSeries:
        """Return what keeps time series in the same database."""
        from habitkit.backends.sqlalchemy.series import AsyncSqlSeries  # noqa: PLC0415

        return AsyncSqlSeries(self)

    async def close(self) -> None:
        """Close the engine's connections."""
        await self._engine.dispose()

    def after_fork(self) -> None:
        """Leave, in the child of a fork, the parent's connections to the parent."""
        leave_to_parent(self._engine.sync_engine)


class AsyncHostSqlStore:
    """A SQL store inside one transaction of an async host."""

    modules = MODULES
    capabilities = CAPABILITIES

    def __init__(
        self,
        handle: AsyncConnection | AsyncSession | async_scoped_session[AsyncSession],
        tables: Tables,
        engine: Engine,
    ) -> None:
        """Keep the handle; its connection is asked for at each action."""
        self.name = "sql"
        self._handle = handle
        self._engine = engine
        self._tables = tables

    async def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:  # noqa: ARG002
        """Run ``work`` in a savepoint of the host's transaction."""

        def within(handle: Connection | Session) -> R:
            connection = connection_of(handle, self._engine, write=write, asynchronous=True)
            tables = tables_behind(handle, connection, self._tables)
            return run_inside(connection, tables, work, write=write)

        handle = self._handle() if isinstance(self._handle, async_scoped_session) else self._handle
        with used_by_one(handle):
            return await handle.run_sync(within)

    async def close(self) -> None:
        """Do nothing: the host opened it."""


def _lock_of(
    engine: Engine, seconds: float | None
) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Return what keeps those apart that share one connection."""
    if shares_connection(engine):
        return partial(one_at_a_time_async, engine, seconds)
    return nullcontext


def _discard(connection: Connection) -> None:
    """Drop a connection whose action was cancelled, where the pool must not have it back.

    asyncpg that is stopped between sending BEGIN and noting that it has begun keeps a transaction
    open unnoticed. The ROLLBACK waits until the server has received the cancellation.
    psycopg that is cancelled twice closes the connection itself.
    """
    if connection.invalidated:
        return
    if connection.dialect.driver != "asyncpg":
        if getattr(connection.connection.driver_connection, "closed", False):
            connection.invalidate()
        return
    driver: Any = connection.connection.dbapi_connection
    try:
        with suppress(Exception):  # it is dropped in any case
            driver.run_async(lambda native: native.execute("ROLLBACK"))
    finally:
        connection.invalidate()


def inside(handle: object, tables: Tables, engine: Engine) -> AsyncHostSqlStore:
    """Return a store inside the transaction of an async connection or session.

    Raises:
        HostTransactionUnsupported: If the handle is neither connection nor session.
    """
    if isinstance(handle, AsyncConnection | AsyncSession | async_scoped_session):
        return AsyncHostSqlStore(handle, tables, engine)
    msg = (
        "expected an SQLAlchemy AsyncConnection, AsyncSession or async_scoped_session, "
        f"got {handle!r}"
    )
    raise HostTransactionUnsupported(msg)
