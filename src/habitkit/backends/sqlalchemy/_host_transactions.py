"""Work inside a transaction of the host: in a savepoint, never committed, never repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Engine, event, exc

from habitkit.backends.sqlalchemy import _error_mapping
from habitkit.backends.sqlalchemy._host_handles import NOT_MINE
from habitkit.backends.sqlalchemy._stores import SqlStores, begin_sqlite, driver_of, is_sqlite
from habitkit.errors import HostTransactionLost, HostTransactionUnsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection
    from sqlalchemy.engine import NestedTransaction

    from habitkit.backends.sqlalchemy._version import Tables
    from habitkit.store import Stores

__all__ = ["begin_before_savepoints", "run_inside", "watch_savepoints"]

R = TypeVar("R")

_BEGUN = "habitkit_begun_before_savepoint"
_OUTERMOST_SAVEPOINT = (
    "expected a transaction that was begun before its first savepoint, got a SQLite connection on "
    "which SAVEPOINT came first: releasing it commits, and a rollback undoes nothing; let "
    "SQLAlchemy send BEGIN by two listeners on your engine, such as the db.engine of "
    "Flask-SQLAlchemy, as 'What SQLite needs' shows in the how-to guide 'Use your own "
    "transaction', or make the engine with habitkit.backends.sqlalchemy.sqlite_engine"
)


def run_inside(
    connection: Connection, tables: Tables, work: Callable[[Stores], R], *, write: bool
) -> R:
    """Run ``work`` in a savepoint of the host's transaction; never commit, never repeat.

    Theory of operation. SQLite's default driver mode sends no BEGIN before SAVEPOINT, and releasing
    an outermost savepoint commits: the work would survive the host's rollback. So the transaction
    is begun first, with BEGIN IMMEDIATE, because one that begins by reading cannot always be
    upgraded to write. Where the host has begun already, a write that touches no row takes the
    write lock before anything is read. A query that had to begin ends what it began, so that it
    does not fix the host's snapshot.

    Raises:
        HostTransactionStale: If SQLite cannot upgrade the host's transaction.
        HostTransactionLost: If the database itself has ended the host's transaction.
        HostTransactionUnsupported: If the host's connection is in autocommit mode, its first
            savepoint is its transaction, or another task has ended the transaction meanwhile.
        ConfigurationError: If the tables are not those needed.
    """
    only_for_query, savepoint = _begin(connection, tables, write=write)
    transaction = connection.get_transaction()
    changes = driver_of(connection).total_changes if only_for_query else 0
    try:
        if not tables.checked:
            tables.check(connection)
        stores = SqlStores(connection, tables, inside=True)
        try:
            result = work(stores)
            stores.close()
        finally:
            stores.end()
        savepoint.commit()
    except BaseException as error:
        if connection.closed or connection.get_transaction() is not transaction:
            if isinstance(error, Exception):  # a cancellation stays one
                raise HostTransactionUnsupported(NOT_MINE) from error
            raise
        _leave(connection, savepoint, error)
        if only_for_query and driver_of(connection).in_transaction:
            connection.exec_driver_sql("ROLLBACK")  # to the savepoint is all there was
        raise
    if only_for_query and driver_of(connection).total_changes == changes:
        connection.exec_driver_sql("COMMIT")
    return result


def _begin(
    connection: Connection, tables: Tables, *, write: bool
) -> tuple[bool, NestedTransaction]:
    """Begin what is not begun, and return whether that was for a query only, and a savepoint."""
    only_for_query = False
    try:
        _begin_for_sqlalchemy(connection)
        if is_sqlite(connection):
            only_for_query = not write and not driver_of(connection).in_transaction
            if write or only_for_query:
                begin_sqlite(connection, tables.schema, write=write)
        return only_for_query, connection.begin_nested()
    except exc.DBAPIError as error:
        meant = _error_mapping.at_the_beginning(error)
        if meant is error:
            raise
        raise meant from error


def watch_savepoints(engine: Engine) -> None:
    """Note on each SQLite connection whether a transaction is begun when a savepoint is set."""
    if engine.dialect.name == "sqlite" and not event.contains(engine, "savepoint", _note_savepoint):
        event.listen(engine, "savepoint", _note_savepoint)


def begin_before_savepoints(engine: Engine) -> None:
    """Have a SQLite engine begin before the first savepoint, as the driver does not."""
    event.listen(engine, "savepoint", _begin_before_savepoint)


def _note_savepoint(connection: Connection, _name: str | None) -> None:
    if not connection.in_nested_transaction():
        connection.info[_BEGUN] = bool(driver_of(connection).in_transaction)


def _begin_before_savepoint(connection: Connection, _name: str | None) -> None:
    driver = driver_of(connection)
    if not driver.in_transaction and driver.isolation_level is not None:
        connection.exec_driver_sql("BEGIN")


def _begin_for_sqlalchemy(connection: Connection) -> None:
    """Begin where the host has not: an event of its engine may send BEGIN by that.

    Raises:
        HostTransactionUnsupported: If nothing that the host can roll back is begun by it.
    """
    watch_savepoints(connection.engine)
    begun = None if connection.in_transaction() else connection.begin()
    if is_sqlite(connection):
        driver = driver_of(connection)
        by_itself = driver.isolation_level is None or getattr(driver, "autocommit", None) is True
        autocommit = by_itself and not driver.in_transaction
    else:
        autocommit = getattr(connection.connection.dbapi_connection, "autocommit", False)
    if autocommit:
        if begun is not None:
            begun.rollback()
        msg = "expected a connection in a transaction, got one in autocommit mode"
        raise HostTransactionUnsupported(msg)
    if is_sqlite(connection) and connection.in_nested_transaction():
        _expect_begun_before_savepoint(connection)


def _expect_begun_before_savepoint(connection: Connection) -> None:
    """Refuse a transaction that is nothing but a savepoint.

    Raises:
        HostTransactionUnsupported: If it is, or may be on an engine that is met for the first time.
    """
    begun = connection.info.get(_BEGUN)
    if begun is None:
        driver: Any = driver_of(connection)
        begun = getattr(driver, "autocommit", None) is False or (
            driver.isolation_level is None and bool(connection.engine.dispatch.begin)
        )
    if not begun:
        raise HostTransactionUnsupported(_OUTERMOST_SAVEPOINT)


def _leave(connection: Connection, savepoint: NestedTransaction, error: BaseException) -> None:
    """Undo a failed action and nothing else.

    Raises:
        HostTransactionLost: If there is no transaction left to go on with.
    """
    lost = is_sqlite(connection) and not driver_of(connection).in_transaction
    if not lost:
        try:
            savepoint.rollback()
        except exc.DBAPIError:
            lost = True
    if lost or connection.invalidated:
        connection.invalidate()
        if isinstance(error, Exception):  # a cancellation stays one
            raise HostTransactionLost from error
