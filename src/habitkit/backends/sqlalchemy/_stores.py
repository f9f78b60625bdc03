"""The ports of one open SQL transaction, and how a transaction begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define
from sqlalchemy import delete, exc, false

from habitkit.backends.sqlalchemy import _failures
from habitkit.backends.sqlalchemy._coins import Coins
from habitkit.backends.sqlalchemy._habits import Habits, Streaks
from habitkit.backends.sqlalchemy._journal import Answers, Events, Inbox, Outbox, Owners
from habitkit.backends.sqlalchemy._prepared import Link
from habitkit.backends.sqlalchemy.tables import owners
from habitkit.errors import HostTransactionLost, HostTransactionUnsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection
    from sqlalchemy.engine import NestedTransaction

    from habitkit.store import Stores

__all__ = [
    "CAPABILITIES",
    "ROOMS",
    "Attempt",
    "SqlStores",
    "in_transaction",
    "run_inside",
    "run_own",
]

R = TypeVar("R")

ROOMS = frozenset({"habits", "streaks", "coins"})
CAPABILITIES = frozenset({"shared", "host_transactions"})

_TAKE_THE_WRITE_LOCK = delete(owners).where(false())


class SqlStores:
    """All ports on one connection."""

    def __init__(self, connection: Connection, schema: str | None) -> None:
        """Take the connection's cursor."""
        link = Link(connection, schema)
        self.connection = connection
        self.owners = Owners(link)
        self.events = Events(link)
        self.outbox = Outbox(link)
        self.inbox = Inbox(link)
        self.answers = Answers(link)
        self.habits = Habits(link)
        self.streaks = Streaks(link)
        self.coins = Coins(link)
        self.close = link.close

    def savepoint(self) -> NestedTransaction:
        """Undo the writes of the block, and only they, when it ends by an exception."""
        return self.connection.begin_nested()


@define
class Attempt:
    """How far an attempt of our own transaction has come."""

    committing: bool = False


def run_own(
    connection: Connection,
    schema: str | None,
    work: Callable[[Stores], R],
    attempt: Attempt,
    *,
    write: bool,
) -> R:
    """Run ``work`` in a transaction of our own on a fresh connection, and commit.

    Raises:
        sqlalchemy.exc.DBAPIError: What the database said, for ``_failures`` to judge.
    """
    connection.begin()  # what runs on the cursor itself begins nothing for SQLAlchemy
    if _is_sqlite(connection):
        _begin_sqlite(connection, schema, write=write)
    stores = SqlStores(connection, schema)
    result = work(stores)
    stores.close()
    attempt.committing = True
    connection.commit()
    return result


def run_inside(
    connection: Connection, schema: str | None, work: Callable[[Stores], R], *, write: bool
) -> R:
    """Run ``work`` in a savepoint of the host's transaction; never commit, never repeat.

    Theory of operation. SQLite's default driver mode sends no BEGIN before SAVEPOINT, and releasing
    an outermost savepoint commits: the work would survive the host's rollback. So the transaction
    is begun first, with BEGIN IMMEDIATE, because one that begins by reading cannot always be
    upgraded to write. Where the host has begun already, a write that touches no row takes the
    write lock before anything is read.

    Raises:
        HostTransactionStale: If SQLite cannot upgrade the host's transaction.
        HostTransactionLost: If the database itself has ended the host's transaction.
        HostTransactionUnsupported: If the host's connection is in autocommit mode.
    """
    try:
        _begin_for_sqlalchemy(connection)
        if write and _is_sqlite(connection):
            _begin_sqlite(connection, schema, write=True)
        savepoint = connection.begin_nested()
    except exc.DBAPIError as error:
        meant = _failures.at_the_beginning(error)
        if meant is error:
            raise
        raise meant from error
    try:
        stores = SqlStores(connection, schema)
        result = work(stores)
        stores.close()
        savepoint.commit()
    except BaseException as error:
        _leave(connection, savepoint, error)
        raise
    return result


def _begin_for_sqlalchemy(connection: Connection) -> None:
    """Begin where the host has not: an event of its engine may send BEGIN by that.

    Raises:
        HostTransactionUnsupported: If nothing that the host can roll back is begun by it.
    """
    begun = None if connection.in_transaction() else connection.begin()
    driver: Any = connection.connection.driver_connection
    if _is_sqlite(connection):
        by_itself = driver.isolation_level is None or getattr(driver, "autocommit", None) is True
        autocommit = by_itself and not driver.in_transaction
    else:
        autocommit = getattr(connection.connection.dbapi_connection, "autocommit", False)
    if autocommit:
        if begun is not None:
            begun.rollback()
        msg = "expected a connection in a transaction, got one in autocommit mode"
        raise HostTransactionUnsupported(msg)


def _leave(connection: Connection, savepoint: NestedTransaction, error: BaseException) -> None:
    """Undo a failed action and nothing else.

    Raises:
        HostTransactionLost: If there is no transaction left to go on with.
    """
    lost = _is_sqlite(connection) and not in_transaction(connection)
    if not lost:
        try:
            savepoint.rollback()
        except exc.DBAPIError:
            lost = True
    if lost or connection.invalidated:
        connection.invalidate()
        raise HostTransactionLost from error


def _begin_sqlite(connection: Connection, schema: str | None, *, write: bool) -> None:
    """Begin on SQLite, or take the write lock of a transaction that was begun elsewhere."""
    if in_transaction(connection):
        if write:
            options = {"schema_translate_map": {None: schema}} if schema else {}
            connection.execute(_TAKE_THE_WRITE_LOCK, execution_options=options)
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def in_transaction(connection: Connection) -> bool:
    """Ask SQLite's driver whether a transaction is open."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.in_transaction)
