"""Mapping of database errors to habitkit's errors, and which ones are retried.

| error | own transaction | the host's transaction |
|---|---|---|
| serialization failure, deadlock, SQLite busy | again, bounded, then ``StoreBusy`` | unchanged |
| one after which nothing is committed, hidden by the work | ``StoreError`` | the database's own |
| connection lost before COMMIT was sent | again, bounded | ``HostTransactionLost`` |
| connection lost around COMMIT | again if keyed, else ``OutcomeUnknown`` | the host's own COMMIT |
| unique key taken | ``Duplicate`` | ``Duplicate`` |
| another constraint | ``IntegrityError`` | ``IntegrityError`` |
| no such table | ``SchemaMissing`` | ``SchemaMissing`` |
| SQLite has read before another writer | cannot happen | ``HostTransactionStale`` |
| anything else | unchanged | unchanged |
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from habitkit.backends.sqlalchemy._unversioned import upgrade_command
from habitkit.errors import (
    ConfigurationError,
    Duplicate,
    HostTransactionLost,
    HostTransactionStale,
    IntegrityError,
    SchemaMissing,
    StoreBusy,
)

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

__all__ = [
    "already_exists",
    "at_the_beginning",
    "give_up",
    "is_conflict",
    "is_over",
    "lost_connection",
    "meaning",
    "when_opening",
]

_ABORTED = 3  # libpq's PQTRANS_INERROR
_SERIALIZATION_OR_DEADLOCK = {"40001", "40P01"}
_UNIQUE_VIOLATION = "23505"
_UNDEFINED_TABLE = "42P01"
_DUPLICATES = {"42P07", "42701", "42710"}
_SQLITE_BUSY_OR_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_NO_DATABASE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB}


def meaning(error: exc.DBAPIError, kind: str) -> Exception:
    """Return habitkit's error for a database error, or the error itself if there is none."""
    if isinstance(error, exc.IntegrityError):
        if _sqlstate(error) == _UNIQUE_VIOLATION or _sqlite_code(error) in {
            sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
            sqlite3.SQLITE_CONSTRAINT_UNIQUE,
            sqlite3.SQLITE_CONSTRAINT_ROWID,
        }:
            return Duplicate(kind)
        return IntegrityError(str(error.orig))
    if _sqlstate(error) == _UNDEFINED_TABLE or "no such table: " in str(error.orig):
        return SchemaMissing(upgrade_command("", None))
    return error


def at_the_beginning(error: exc.DBAPIError) -> Exception:
    """Return what an error means that came before an action inside the host's transaction."""
    if _sqlite_code(error) == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return HostTransactionStale()
    if error.connection_invalidated:
        return HostTransactionLost()
    return meaning(error, "row")


def when_opening(error: exc.DBAPIError, url: URL) -> Exception:
    """Return what an error means that came from opening a database."""
    code = _sqlite_code(error)
    if code is not None and code & 0xFF in _SQLITE_NO_DATABASE:
        return ConfigurationError(f"cannot open {url}: {error.orig}")
    return StoreBusy(1) if is_conflict(error) else error


def is_conflict(error: exc.DBAPIError) -> bool:
    """Return whether the error is a conflict with other writers."""
    code = _sqlite_code(error)
    if code is not None:
        return code & 0xFF in _SQLITE_BUSY_OR_LOCKED
    return _sqlstate(error) in _SERIALIZATION_OR_DEADLOCK


def already_exists(error: exc.DBAPIError) -> bool:
    """Return whether a table, column or constraint could not be made because it exists."""
    if _sqlite_code(error) is None:
        return _sqlstate(error) in _DUPLICATES
    return any(words in str(error.orig) for words in ("already exists", "duplicate column"))


def lost_connection(error: exc.DBAPIError, connection: Connection) -> bool:
    """Return whether the connection was lost."""
    if error.connection_invalidated or connection.invalidated or connection.closed:
        return True
    orig = error.orig
    if not isinstance(orig, connection.dialect.loaded_dbapi.Error):
        return False
    if _in_pipeline(connection.connection.driver_connection):
        return True
    return connection.dialect.is_disconnect(orig, connection.connection.dbapi_connection, None)


def _in_pipeline(driver: Any) -> bool:
    """Return whether psycopg could not leave its pipeline mode, which makes a connection useless.

    That happens when the server ends a connection in the middle of ``executemany``; the connection
    does not say that it is broken then.
    """
    status: int = getattr(getattr(driver, "info", None), "pipeline_status", 0)
    return status != 0


def give_up(connection: Connection) -> None:
    """Drop a lost connection, and with it the older ones of its pool.

    What ran on the driver's cursor failed behind SQLAlchemy's back. A statement that fails before
    its eyes lets it replace the other connections too: they rarely survive what ended this one.
    """
    with suppress(exc.DBAPIError):
        if not connection.invalidated:
            connection.exec_driver_sql("SELECT 1")
    connection.invalidate()


def is_over(connection: Connection) -> bool:
    """Tell whether the database has ended a transaction, or will not commit it, as far as it says.

    After a failed statement PostgreSQL replies to COMMIT with a ROLLBACK, which drivers do not
    report.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return not driver.in_transaction
    info = getattr(driver, "info", None)  # psycopg's; asyncpg has none
    return info is not None and int(info.transaction_status) == _ABORTED


def _sqlstate(error: exc.DBAPIError) -> str | None:
    """Return PostgreSQL's five-letter code, or None."""
    orig = error.orig
    code = getattr(orig, "sqlstate", None) or getattr(orig, "pgcode", None)
    return code if isinstance(code, str) else None


def _sqlite_code(error: exc.DBAPIError) -> int | None:
    """Return SQLite's extended result code, or None."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code if isinstance(code, int) else None
