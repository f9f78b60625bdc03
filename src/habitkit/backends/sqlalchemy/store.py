"""The SQL store: SQLite and PostgreSQL through SQLAlchemy, for sync hosts."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, exc
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.pool import Pool, StaticPool

from habitkit.backends.sqlalchemy._retry import Attempts, Conflict
from habitkit.backends.sqlalchemy._stores import (
    CAPABILITIES,
    MODULES,
    run_inside,
    run_own,
)
from habitkit.backends.sqlalchemy._version import Tables
from habitkit.errors import HostTransactionUnsupported

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from habitkit.store import Stores

__all__ = [
    "HostSqlStore",
    "SqlStore",
    "capabilities_of",
    "connection_of",
    "leave_to_parent",
]

R = TypeVar("R")

_OF_PARENTS: list[Pool] = []


class SqlStore:
    """Keeps the facts of every module in a SQL database.

    Each action is one transaction: BEGIN IMMEDIATE on SQLite, READ COMMITTED on PostgreSQL under
    the owner's row lock. Conflicts with other writers are repeated a bounded number of times.
    """

    modules = MODULES

    def __init__(self, engine: Engine, *, schema: str | None = None) -> None:
        """Work with an engine of the host's; the tables must be there.

        The first action or query checks that they exist and have the expected version.

        Args:
            engine: An SQLAlchemy engine for SQLite or PostgreSQL.
            schema: The database schema the tables are in; the connection's own by default.
        """
        self._engine = engine
        self.tables = Tables(schema)
        self._one_at_a_time = _lock_of(engine)
        self.name = engine.dialect.name
        self.capabilities = capabilities_of(engine)

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Run ``work`` in one transaction of our own."""
        attempts = Attempts(write, keyed)
        while True:
            try:
                with self._one_at_a_time, self._engine.connect() as connection:
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

    def close(self) -> None:
        """Close the engine's connections."""
        self._engine.dispose()

    def after_fork(self) -> None:
        """Leave, in the child of a fork, the parent's connections to the parent."""
        self._one_at_a_time = _lock_of(self._engine)
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
        self._tables = store.tables

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:  # noqa: ARG002
        """Run ``work`` in a savepoint of the host's transaction."""
        return run_inside(connection_of(self._handle, write=write), self._tables, work, write=write)

    def close(self) -> None:
        """Do nothing: the host opened it."""


def leave_to_parent(engine: Engine) -> None:
    """Give an engine, in the child of a fork, connections of its own.

    The parent's are kept, as to delete one could end its session. A database in memory was copied.
    """
    if not isinstance(engine.pool, StaticPool):
        _OF_PARENTS.append(engine.pool)
        engine.dispose(close=False)


def _lock_of(engine: Engine) -> AbstractContextManager[Any]:
    """Return what keeps threads apart that share one connection."""
    return threading.Lock() if isinstance(engine.pool, StaticPool) else nullcontext()


def connection_of(
    handle: Connection | Session | scoped_session[Session], *, write: bool
) -> Connection:
    """Return the connection of a host's handle, with what a session still holds written out."""
    if isinstance(handle, Connection):
        return handle
    session = handle() if isinstance(handle, scoped_session) else handle
    if write:
        session.flush()
    return session.connection()


def capabilities_of(engine: Engine) -> frozenset[str]:
    """Return what a store on this engine can do."""
    if isinstance(engine.pool, StaticPool):
        return CAPABILITIES - {"shared"}
    if engine.dialect.name == "postgresql":
        return CAPABILITIES | {"concurrent_writers"}
    return CAPABILITIES
