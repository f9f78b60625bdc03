"""A cache in a SQLite file, which several processes may share."""
# ruff: noqa: D102 - the port, habitkit.cache.port.CacheBackend, describes the methods

import time
from collections.abc import Callable, Sequence

from habitkit.cache import CacheUnavailable
from habitkit.cache.port import Item
from habitkit.errors import ConfigurationError
from habitkit_sqlite3._file import SharedFile, path_of

PREPARE = """CREATE TABLE IF NOT EXISTS cache (name PRIMARY KEY, value, expires_at);
CREATE INDEX IF NOT EXISTS expired_values ON cache (expires_at)"""
CHANGE = "BEGIN IMMEDIATE", "DELETE FROM cache WHERE expires_at <= now()"
READ = "SELECT value FROM cache WHERE name = ? AND expires_at > now()"
VALUES = "INTO cache VALUES (?, ?, 1000000 * ? + now())"
INCR = f"INSERT {VALUES} ON CONFLICT DO UPDATE SET value = value + excluded.value RETURNING value"
DELETE = "DELETE FROM cache WHERE name = ?"


class Sqlite3Cache:
    """Keeps values as BLOBs and counters as integers; the clock shows nanoseconds since 1970."""

    name = "sqlite3"

    def __init__(self, path: str, ticks: Callable[[], int] = time.time_ns) -> None:
        self._file = SharedFile(path, PREPARE, ticks, CacheUnavailable)
        self.close, self.after_fork = self._file.close, self._file.open

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        with self._file.step("BEGIN") as file:
            return [(file.execute(READ, [name]).fetchone() or [None])[0] for name in names]

    def set_many(self, items: Sequence[Item]) -> None:
        with self._file.step(*CHANGE) as file:
            file.executemany(f"REPLACE {VALUES}", items)

    def delete_many(self, names: Sequence[str]) -> None:
        with self._file.step(*CHANGE) as file:
            file.executemany(DELETE, zip(names))

    def add(self, item: Item) -> bool:
        with self._file.step(*CHANGE) as file:
            return file.execute(f"INSERT OR IGNORE {VALUES}", item).rowcount == 1

    def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        with self._file.step(*CHANGE) as file:
            is_held = file.execute(f"{DELETE} AND value = ?", [name, token]).rowcount == 1
            if is_held and item is not None:
                file.execute(f"REPLACE {VALUES}", item)
            return is_held

    def incr(self, name: str, by: int, ttl_ms: int) -> int:
        with self._file.step(*CHANGE) as file:
            return int(file.execute(INCR, [name, by, ttl_ms]).fetchone()[0])


def open_url(url: str, *, asynchronous: bool) -> Sqlite3Cache:
    """Open ``sqlite3:///file``: the package's entry point for caches."""
    if asynchronous:
        raise ConfigurationError("cache: sqlite3:// is for sync hosts; use redis:// or memory://")
    return Sqlite3Cache(path_of(url))
