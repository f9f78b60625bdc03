"""A store for habitkit on the standard library's sqlite3 alone: an example of a backend.

This module opens the database and runs transactions. ``_journal`` holds the ports that every store
has, ``_habits`` those of habits and streaks, ``_coins`` those of the ledger.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

from habitkit.backends.threaded import ThreadedStore
from habitkit.coins.store import COINS, HOLDS, LEDGER
from habitkit.errors import NotSupportedByStore, StoreBusy
from habitkit.habits.store import HABITS, STREAKS

from ._coins import Coins, Holds, Ledger
from ._habits import Habits, Streaks
from ._journal import Events, IdempotencyKeys, Inbox, Outbox, Owners
from ._rows import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitkit.ports import AsyncStore, Store, Stores
    from habitkit.store import Port

__all__ = ["Sqlite3Store", "open_url"]

R = TypeVar("R")
T = TypeVar("T")

BUSY_SECONDS = 30.0


class Sqlite3Store:
    """Keeps the facts of habits and coins in one SQLite file.

    This process has one connection, which one transaction at a time uses. Several processes may
    open one file (``shared``), but SQLite lets one of them write at a time (no
    ``concurrent_writers``).
    """

    name = "sqlite3"
    modules = frozenset({"habits", "coins"})  # without the audit, which is optional
    capabilities = frozenset({"shared"})

    def __init__(self, path: str) -> None:
        """Open a file, and create the tables in it where they are missing."""
        self._one_at_a_time = threading.Lock()
        self._connection = sqlite3.connect(  # we begin and end transactions, one at a time
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row  # columns by name
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)
        self._stores = _Stores(self._connection)

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Commit if the work returns, undo all of it if it raises; repeat nothing.

        A writer takes SQLite's write lock at once: after a read it may be too late.
        """
        del keyed
        with self._one_at_a_time:
            try:
                self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            except sqlite3.OperationalError as error:
                raise StoreBusy(attempts=1) from error
            try:
                result = work(self._stores)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return result

    def close(self) -> None:
        """Close the connection."""
        with self._one_at_a_time:
            self._connection.close()


class _Stores:
    """All ports on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.owners = Owners(connection)
        self.events = Events(connection)
        self.outbox = Outbox(connection)
        self.inbox = Inbox(connection)
        self.idempotency = IdempotencyKeys(connection)
        self._ports: dict[Port[Any], Any] = {
            HABITS: Habits(connection),
            STREAKS: Streaks(connection),
            COINS: Coins(connection),
            HOLDS: Holds(connection),
            LEDGER: Ledger(connection),
        }

    def port(self, port: Port[T]) -> T:
        """Return a module's port."""
        if port not in self._ports:
            raise NotSupportedByStore(port.name, Sqlite3Store.name)
        return cast("T", self._ports[port])

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the writes of the block, and only they, when it ends by an exception."""
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK TO part")
            raise
        finally:
            self.connection.execute("RELEASE part")


def open_url(url: str, *, asynchronous: bool) -> Store | AsyncStore:
    """Open ``sqlite3:///file`` or ``sqlite3:////absolute/file``: the package's entry point."""
    store = Sqlite3Store(unquote(urlsplit(url).path)[1:])
    return ThreadedStore(store) if asynchronous else store
