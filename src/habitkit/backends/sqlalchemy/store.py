"""The SQL store: SQLite and PostgreSQL through SQLAlchemy, for sync hosts."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import URL, Connection, Engine, exc
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.pool import Pool, StaticPool

from habitkit._fork import call_after_fork
from habitkit.backends.sqlalchemy._host_handles import (
    connection_of,
    is_in_memory,
    tables_behind,
    used_by_one,
)
from habitkit.backends.sqlalchemy._host_transactions import run_inside, watch_savepoints
from habitkit.backends.sqlalchemy._retry import Attempts, Conflict
from habitkit.backends.sqlalchemy._shared_connection import one_at_a_time, shares_connection
from habitkit.backends.sqlalchemy._stores import CAPABILITIES, MODULES, run_own
from habitkit.backends.sqlalchemy._version import Tables
from habitkit.errors import ConfigurationError, HostTransactionUnsupported

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from habitkit.backends.sqlalchemy.series import SqlSeries
    from habitkit.store import Stores

__all__ = [
    "LOCK_TIMEOUT_SECONDS",
    "HostSqlStore",
    "SqlStore",
    "capabilities_of",
    "expect_engine",
    "leave_to_parent",
    "lock_timeout_of",
]

R = TypeVar("R")

LOCK_TIMEOUT_SECONDS = 30.0
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.001, 86_400.0
_OF_PARENTS: list[Pool] = []
_HELP = (
    "for an AsyncEngine there is AsyncHabitKit(AsyncSqlStore(engine)); for a URL HabitKit.open(url)"
)


class SqlStore:
    """Keeps the facts of every module in a SQL database.

    Each action is one transaction: BEGIN IMMEDIATE on SQLite, READ COMMITTED on PostgreSQL under
    the owner's row lock. Conflicts with other writers are repeated a bounded number of times.
    """

    modules = MODULES

    def __init__(
        self,
        engine: Engine,
        *,
        schema: str | None = None,
        lock_timeout_seconds: float | None = LOCK_TIMEOUT_SECONDS,
    ) -> None:
        """Work with an engine of the host's; the tables must be there.

        The first action or query checks that they exist and have the expected version. In a forked
        process the engine gets connections of its own.

        Args:
            engine: An SQLAlchemy engine for SQLite or PostgreSQL.
            schema: The database schema the tables are in; the connection's own by default.
            lock_timeout_seconds: How long an action waits on PostgreSQL for the lock of an owner,
                before it raises ``StoreBusy``: at least a millisecond, at most a day. A shorter
                ``lock_timeout`` of the connection stays in force. None to wait as long as that
                says. On SQLite the engine's busy timeout bounds the wait.

        Raises:
            ConfigurationError: If the engine is not a sync one, or the timeout is out of range.
        """
        expect_engine("SqlStore", engine, Engine, _HELP)
        self._engine = engine
        self.tables = Tables(schema, lock_timeout_of(lock_timeout_seconds))
        self._one_at_a_time = _lock_of(engine, lock_timeout_seconds)
        self.name = engine.dialect.name
        self.capabilities = capabilities_of(engine)
        watch_savepoints(engine)
        call_after_fork(self)

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Run ``work`` in one transaction of our own."""
        attempts = Attempts(write, keyed)
        while True:
            try:
                with self._one_at_a_time(), self._engine.connect() as connection:
                    try:
                        return run_own(connection, self.tables, work, attempts)
                    except exc.DBAPIError as error:
                        raise Conflict(error, connection) from error
            except (Conflict, exc.DBAPIError) as failure:
                pause_seconds = attempts.again(failure)
            time.sleep(pause_seconds)

    def on(self, handle: object) -> HostSqlStore:
        """Return a store that works inside the transaction of a connection or session.

        Raises:
            HostTransactionUnsupported: If it is neither ``Connection``, ``Session`` nor
                ``scoped_session``.
        """
        if isinstance(handle, Connection | Session | scoped_session):
            return HostSqlStore(self, handle)
        msg = f"expected an SQLAlchemy Connection, Session or scoped_session, got {handle!r}"
        raise HostTransactionUnsupported(msg)

    def time_series(self) -> SqlSeries:
        """Return what keeps time series in the same database."""
        from habitkit.backends.sqlalchemy.series import SqlSeries  # noqa: PLC0415 - if it is used

        return SqlSeries(self)

    def close(self) -> None:
        """Close the engine's connections."""
        self._engine.dispose()

    def after_fork(self) -> None:
        """Leave, in the child of a fork, the parent's connections to the parent."""
        leave_to_parent(self._engine)


class HostSqlStore:
    """A SQL store inside one transaction of the host."""

    modules = MODULES

    def __init__(
        self, store: SqlStore, handle: Connection | Session | scoped_session[Session]
    ) -> None:
        """Keep the handle; its connection is asked for at each action."""
        self.name = store.name
        self.capabilities = store.capabilities
        self._handle = handle
        self._engine = store._engine  # noqa: SLF001 - of the same file
        self._tables = store.tables

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:  # noqa: ARG002
        """Run ``work`` in a savepoint of the host's transaction."""
        with used_by_one(self._handle):
            connection = connection_of(self._handle, self._engine, write=write)
            tables = tables_behind(self._handle, connection, self._tables)
            return run_inside(connection, tables, work, write=write)

    def close(self) -> None:
        """Do nothing: the host opened it."""


def expect_engine(store: str, engine: object, kind: type, help_: str) -> None:
    """Refuse what a store cannot work with; a URL is not shown, as it may hold a password.

    Raises:
        ConfigurationError: If it is not an engine of this kind.
    """
    if not isinstance(engine, kind):
        given = "a URL" if isinstance(engine, str | URL) else repr(engine)
        msg = f"{store}: expected an SQLAlchemy {kind.__name__}, got {given}; {help_}"
        raise ConfigurationError(msg)


def leave_to_parent(engine: Engine) -> None:
    """Give an engine, in the child of a fork, connections of its own.

    The parent's are kept, as to delete one could end its session. A database in memory was copied.
    """
    if not is_in_memory(engine):
        _OF_PARENTS.append(engine.pool)
        engine.dispose(close=False)


def lock_timeout_of(seconds: float | None) -> str | None:
    """Return a wait as PostgreSQL's ``lock_timeout`` takes it.

    Raises:
        ConfigurationError: If it is no number between a millisecond and a day.
    """
    if seconds is None:
        return None
    given: object = seconds
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (is_number and _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS):
        msg = f"lock_timeout_seconds: expected 0.001 to 86400 seconds or None, got {seconds!r}"
        raise ConfigurationError(msg)
    return f"{round(seconds * 1000)}ms"


def _lock_of(engine: Engine, seconds: float | None) -> Callable[[], AbstractContextManager[None]]:
    """Return what keeps those apart that share one connection."""
    return partial(one_at_a_time, engine, seconds) if shares_connection(engine) else nullcontext


def capabilities_of(engine: Engine) -> frozenset[str]:
    """Return what a store on this engine can do."""
    if isinstance(engine.pool, StaticPool):
        return CAPABILITIES - {"shared"}
    if engine.dialect.name == "postgresql":
        return CAPABILITIES | {"concurrent_writers"}
    return CAPABILITIES
