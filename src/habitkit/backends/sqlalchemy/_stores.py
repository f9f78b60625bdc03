"""The ports of one open SQL transaction, and how a transaction begins and ends."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, false, select

from habitkit.alerts.store import ALERTS
from habitkit.backends.sqlalchemy import _error_mapping
from habitkit.backends.sqlalchemy._alerts import Alerts
from habitkit.backends.sqlalchemy._audit import Audit
from habitkit.backends.sqlalchemy._clock import SERVER_NOW
from habitkit.backends.sqlalchemy._experiments import Experiments
from habitkit.backends.sqlalchemy._expiring import ExpiringAwards
from habitkit.backends.sqlalchemy._flags import Flags
from habitkit.backends.sqlalchemy._habits import Habits
from habitkit.backends.sqlalchemy._holds import Holds
from habitkit.backends.sqlalchemy._idempotency import IdempotencyKeys
from habitkit.backends.sqlalchemy._inbox import Inbox
from habitkit.backends.sqlalchemy._journal import Events
from habitkit.backends.sqlalchemy._outbox import Outbox
from habitkit.backends.sqlalchemy._owners import Owners
from habitkit.backends.sqlalchemy._postgres_coins import coins_of
from habitkit.backends.sqlalchemy._prepared import Link
from habitkit.backends.sqlalchemy._quest_definitions import Definitions
from habitkit.backends.sqlalchemy._quests import Quests
from habitkit.backends.sqlalchemy._streaks import Streaks
from habitkit.backends.sqlalchemy.tables import owners
from habitkit.coins.store import AUDIT, COINS, EXPIRING, HOLDS, LEDGER
from habitkit.errors import (
    ConfigurationError,
    NotSupportedByStore,
    StoreError,
)
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags.store import FLAGS
from habitkit.habits.store import HABITS, STREAKS
from habitkit.quests.store import DEFINITIONS, QUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from habitkit.backends.sqlalchemy._retry import Attempts
    from habitkit.backends.sqlalchemy._version import Tables
    from habitkit.store import Port, Stores

__all__ = [
    "CAPABILITIES",
    "MODULES",
    "SqlStores",
    "begin_sqlite",
    "driver_of",
    "expect_commits",
    "is_sqlite",
    "run_own",
    "set_isolation",
]

R = TypeVar("R")
T = TypeVar("T")

CAPABILITIES = frozenset({"shared", "host_transactions"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAKE_THE_WRITE_LOCK = delete(owners).where(false())
_HIDDEN = (
    "the database ended this transaction, but the work caught its error and went on; nothing was "
    "written; do not catch database errors, or run what may fail inside tx.stores.savepoint()"
)


_JOURNAL: dict[str, Callable[[Link], object]] = {
    "owners": Owners,
    "events": Events,
    "outbox": Outbox,
    "inbox": Inbox,
    "idempotency": IdempotencyKeys,
}
_PORTS: dict[Port[Any], Callable[[Link], object]] = {
    HABITS: Habits,
    STREAKS: Streaks,
    COINS: coins_of,
    HOLDS: Holds,
    EXPIRING: ExpiringAwards,
    LEDGER: Audit,
    AUDIT: Audit,
    FLAGS: Flags,
    EXPERIMENTS: Experiments,
    QUESTS: Quests,
    DEFINITIONS: Definitions,
    ALERTS: Alerts,
}
MODULES = frozenset({port.module for port in _PORTS} | {AUDIT.name, EXPIRING.name})


class SqlStores:
    """All ports on one connection; each is made when it is first asked for, as few ever are.

    Attributes:
        link: Runs the statements of what keeps its rows here and is no port of a transaction.
    """

    owners: Owners
    events: Events
    outbox: Outbox
    inbox: Inbox
    idempotency: IdempotencyKeys

    def __init__(self, connection: Connection, tables: Tables, *, inside: bool = False) -> None:
        """Take the connection's cursor.

        Args:
            connection: An open connection.
            tables: The tables, and how long to wait for a lock.
            inside: True in a transaction of the host.
        """
        link = Link(connection, tables.schema, lock_timeout=tables.lock_timeout, inside=inside)
        self.connection = connection
        self.whole = True
        self.send = link.send
        self.close = link.close
        self.end = link.end
        self.link = link
        self._tables = tables
        self._ports: dict[Port[Any], Any] = {}

    def __getattr__(self, name: str) -> Any:
        """Make a port of the journal."""
        if name not in _JOURNAL:
            raise AttributeError(name, name=name, obj=self)
        port = _JOURNAL[name](self.link)
        setattr(self, name, port)
        return port

    def port(self, port: Port[T]) -> T:
        """Return a module's port.

        Raises:
            NotSupportedByStore: If this store keeps nothing for it.
        """
        made: Any = self._ports.get(port)
        if made is None:
            if port not in _PORTS:
                raise NotSupportedByStore(port.module, self.connection.dialect.name)
            made = self._ports[port] = _PORTS[port](self.link)
        return made  # type: ignore[no-any-return]

    def check_schema(self) -> None:
        """Read the version of the tables, and refuse another one than is needed."""
        self._tables.check(self.connection)

    def server_now(self) -> datetime | None:
        """Return what PostgreSQL's clock shows; SQLite has none of its own."""
        if self.connection.dialect.name == "sqlite":
            return None
        ((now_ns,),) = self.link.select(select(SERVER_NOW))
        return _EPOCH + timedelta(microseconds=now_ns // 1000)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the writes of the block, and only they, when it ends by an exception."""
        # Sent on the cursor: SQLAlchemy's own savepoints take several times as long. One name is
        # enough, as each is gone again before the one around it ends.
        self.send("SAVEPOINT habitkit")
        whole, self.whole = self.whole, False  # until the block is released or undone
        try:
            yield
        except BaseException:
            self.send("ROLLBACK TO SAVEPOINT habitkit")
            self.send("RELEASE SAVEPOINT habitkit")
            self.whole = whole
            raise
        self.send("RELEASE SAVEPOINT habitkit")
        self.whole = whole


def set_isolation(connection: Connection, *, write: bool) -> None:
    """Choose the isolation level of a transaction of our own, whatever the engine's default is.

    On PostgreSQL actions run at READ COMMITTED and queries at REPEATABLE READ, so that all
    statements of a query see one state. An option of the engine would be set while it connects,
    where SQLAlchemy loses the connection if the task is cancelled.
    """
    if connection.dialect.name == "postgresql":
        level = "READ COMMITTED" if write else "REPEATABLE READ"
        connection.execution_options(isolation_level=level)


def run_own(
    connection: Connection, tables: Tables, work: Callable[[Stores], R], attempts: Attempts
) -> R:
    """Run ``work`` in a transaction of our own on a fresh connection, and commit.

    Raises:
        sqlalchemy.exc.DBAPIError: Whatever the database raised; ``Attempts`` decides about a retry.
        StoreError: If the work has hidden an error after which nothing can be committed.
        ConfigurationError: If the engine's SQLite connections cannot commit, or the tables are not
            those needed.
    """
    set_isolation(connection, write=attempts.write)
    connection.begin()  # what runs on the cursor itself begins nothing for SQLAlchemy
    tables = tables.translated(connection.get_execution_options().get("schema_translate_map"))
    stores = SqlStores(connection, tables)
    if is_sqlite(connection):
        driver = driver_of(connection)
        expect_commits(driver)
        if driver.in_transaction:
            begin_sqlite(connection, tables.schema, write=attempts.write)
        else:
            stores.send("BEGIN IMMEDIATE" if attempts.write else "BEGIN")
    try:
        if not tables.checked:
            tables.check(connection)
        result = work(stores)
        stores.close()
    finally:
        stores.end()
    if _error_mapping.is_over(connection) or not stores.whole:
        raise StoreError(_HIDDEN)
    attempts.committing = True
    connection.commit()
    return result


def begin_sqlite(connection: Connection, schema: str | None, *, write: bool) -> None:
    """Begin on SQLite, or take the write lock of a transaction that was begun elsewhere."""
    if driver_of(connection).in_transaction:
        if write:
            options = {"schema_translate_map": {None: schema}} if schema else {}
            connection.execute(_TAKE_THE_WRITE_LOCK, execution_options=options)
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def is_sqlite(connection: Connection) -> bool:
    """Return whether a connection is to SQLite."""
    return connection.dialect.name == "sqlite"


def expect_commits(driver: Any) -> None:
    """Refuse a SQLite connection in a mode in which ``commit()`` silently does nothing.

    Raises:
        ConfigurationError: If it is in that mode, which exists since Python 3.12.
    """
    if getattr(driver, "autocommit", None) is True:
        msg = "expected an engine that commits, got one with connect_args={'autocommit': True}"
        raise ConfigurationError(msg)


def driver_of(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.driver_connection
