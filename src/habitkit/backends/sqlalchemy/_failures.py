"""What a database's errors mean, and what is to be done about them.

| error | own transaction | the host's transaction |
|---|---|---|
| serialization failure, deadlock, SQLite busy | again, bounded, then ``StoreBusy`` | unchanged |
| connection lost before COMMIT was sent | again, bounded | ``HostTransactionLost`` |
| connection lost around COMMIT | again if keyed, else ``OutcomeUnknown`` | the host's own COMMIT |
| unique key taken | ``Duplicate`` | ``Duplicate`` |
| another constraint | ``IntegrityError`` | ``IntegrityError`` |
| no such table | ``SchemaMissing`` | ``SchemaMissing`` |
| SQLite has read before another writer | cannot happen | ``HostTransactionStale`` |
| anything else | unchanged | unchanged |
"""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy import exc

from habitkit.errors import (
    ConfigurationError,
    Duplicate,
    HostTransactionLost,
    HostTransactionStale,
    IntegrityError,
    OutcomeUnknown,
    SchemaMissing,
    StoreBusy,
)

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

__all__ = [
    "UPGRADE_COMMAND",
    "at_the_beginning",
    "lost_connection",
    "may_repeat",
    "meaning",
    "pause_seconds",
    "when_opening",
]

UPGRADE_COMMAND = "python -m habitkit upgrade URL"

_MAX_ATTEMPTS = 10
_SERIALIZATION_OR_DEADLOCK = {"40001", "40P01"}
_UNIQUE_VIOLATION = "23505"
_UNDEFINED_TABLE = "42P01"
_SQLITE_BUSY_OR_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_NO_DATABASE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB}


def meaning(error: exc.DBAPIError, kind: str) -> Exception:
    """Return habitkit's error where a database's error means one, else the error itself."""
    if isinstance(error, exc.IntegrityError):
        if _sqlstate(error) == _UNIQUE_VIOLATION or _sqlite_code(error) in {
            sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
            sqlite3.SQLITE_CONSTRAINT_UNIQUE,
            sqlite3.SQLITE_CONSTRAINT_ROWID,
        }:
            return Duplicate(kind)
        return IntegrityError(str(error.orig))
    if _sqlstate(error) == _UNDEFINED_TABLE or "no such table: " in str(error.orig):
        return SchemaMissing(UPGRADE_COMMAND)
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


def may_repeat(
    error: exc.DBAPIError, attempt: int, *, lost: bool, committing: bool, keyed: bool
) -> bool:
    """Decide whether an action of our own transaction is to be done again.

    Args:
        error: What the database said.
        attempt: Which attempt this was, from 1.
        lost: True if the connection is gone.
        committing: True if COMMIT had been sent.
        keyed: True if the action carries an idempotency key.

    Raises:
        OutcomeUnknown: If it may have been committed and repeating could do it twice.
        StoreBusy: If it was tried often enough.
    """
    if lost and committing and not keyed:
        raise OutcomeUnknown from error
    if lost or is_conflict(error):
        if attempt >= _MAX_ATTEMPTS:
            raise StoreBusy(attempt) from error
        return True
    return False


def is_conflict(error: exc.DBAPIError) -> bool:
    """Tell whether other writers were in the way."""
    code = _sqlite_code(error)
    if code is not None:
        return code & 0xFF in _SQLITE_BUSY_OR_LOCKED
    return _sqlstate(error) in _SERIALIZATION_OR_DEADLOCK


def lost_connection(error: exc.DBAPIError, connection: Connection) -> bool:
    """Tell whether the connection is gone."""
    if error.connection_invalidated or connection.invalidated or connection.closed:
        return True
    orig = error.orig
    if not isinstance(orig, connection.dialect.loaded_dbapi.Error):
        return False
    return connection.dialect.is_disconnect(orig, connection.connection.dbapi_connection, None)


def pause_seconds(attempt: int) -> float:
    """Return how long to wait before the next attempt: up to 2, 4, 8 ... 100 ms, at random."""
    return random.uniform(0.0, min(0.001 * 2**attempt, 0.1))  # noqa: S311 - spreads, hides nothing


def _sqlstate(error: exc.DBAPIError) -> str | None:
    """Return PostgreSQL's five-letter code, or None."""
    orig = error.orig
    code = getattr(orig, "sqlstate", None) or getattr(orig, "pgcode", None)
    return code if isinstance(code, str) else None


def _sqlite_code(error: exc.DBAPIError) -> int | None:
    """Return SQLite's extended result code, or None."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code if isinstance(code, int) else None
