"""A SQLite file that the limits or the cache of several processes share."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from habitkit.errors import StoreError

PREPARE = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
_opened: list[sqlite3.Connection] = []  # one from before a fork must never be closed after it


class SharedFile:
    """One connection, used by one thread at a time; in SQL, ``now()`` is the clock."""

    def __init__(
        self,
        path: str,
        prepare: str,
        ticks: Callable[[], int],
        unavailable: Callable[[str, str], StoreError],
    ) -> None:
        """Open the file and prepare it."""
        self._path, self._prepare = path, PREPARE + prepare
        self._ticks, self._unavailable = ticks, unavailable
        self.open()

    def open(self) -> None:
        """Open the file; again in a forked process."""
        self._lock = threading.Lock()
        self._file = sqlite3.connect(self._path, 5, 0, None, check_same_thread=False)
        self._file.create_function("now", 0, self._ticks)
        self._file.executescript(self._prepare)
        _opened.append(self._file)

    def close(self) -> None:
        """Close the connection."""
        self._file.close()

    @contextmanager
    def step(self, *first: str) -> Iterator[sqlite3.Connection]:
        """Do what is in the block as one transaction, after the statements given."""
        try:
            with self._lock, self._file as file:  # which commits or rolls back
                for statement in first:
                    file.execute(statement)
                yield file
        except sqlite3.OperationalError as error:
            raise self._unavailable("sqlite3", str(error)) from error


def path_of(url: str) -> str:
    """Return the path of ``sqlite3:///file``."""
    return unquote(urlsplit(url).path)[1:]
