"""The cache in a SQL database: SQLite and PostgreSQL, through a store of the kit."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sqlalchemy import delete, exc, literal_column

from habitkit.backends.sqlalchemy import engines
from habitkit.backends.sqlalchemy._cache import cache_rows_of
from habitkit.backends.sqlalchemy._error_mapping import is_conflict
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._resident import Resident, expect_async_store, expect_store
from habitkit.backends.sqlalchemy.tables import cache as table
from habitkit.cache.errors import CacheUnavailable
from habitkit.clock import stopwatch
from habitkit.errors import InvalidInput, StoreBusy, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from habitkit.backends.sqlalchemy._cache import CacheRows
    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.backends.sqlalchemy._stores import SqlStores
    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore
    from habitkit.backends.sqlalchemy.store import SqlStore
    from habitkit.backends.threaded import ThreadedStore
    from habitkit.cache.port import Item
    from habitkit.store import Stores

__all__ = ["AsyncSqlCache", "SqlCache", "open_url"]

R = TypeVar("R")

_MOST_CLEANED = 256
_TIMEOUT_SECONDS = 1.0
_LONGEST_TIMEOUT_SECONDS = 60
_LOCK = Prepared(lambda _: delete(table).where(table.c.name == literal_column("''")), only="sqlite")
"""Takes the lock for writing, and does nothing: no name is empty."""


class SqlCache(Resident):
    """Keeps the values of a cache in a SQL database, in ``habitkit_cache``.

    For hosts that have a database and no cache server. Each call is a transaction of its own, by
    the clock of the PostgreSQL server, or of the machine for SQLite; inside a transaction of a kit
    it is refused. There are no messages: other processes notice a change when they ask again, which
    they do after the cache's ``local_seconds``.

    The kit itself caches nothing here. What the host caches is the host's: neither ``forget`` nor
    ``export`` of a kit knows whose it is, so the host deletes what it has cached of an owner.

    Args:
        store: A ``SqlStore``, such as the kit's own; it stays open.
        timeout_seconds: How long a call waits for other writers of SQLite. A commit waits for
            readers too if the file's journal is no write-ahead log, by the timeout of its
            connection. On PostgreSQL set ``lock_timeout`` in the options of the engine.
    """

    def __init__(self, store: SqlStore, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        """Work through a store.

        Raises:
            ConfigurationError: If it is no ``SqlStore``.
            InvalidInput: If the timeout is not acceptable.
        """
        expect_store(store)
        self._timeout = _checked(timeout_seconds)
        super().__init__(store, CacheUnavailable)

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        return self._run(lambda rows: rows.read(names), write=False)

    def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before."""
        self._run(lambda rows: rows.write(items))
        self._clean(len(items))

    def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not."""
        self._run(lambda rows: rows.delete(names))

    def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        is_stored = self._run(lambda rows: rows.add(item))
        self._clean(is_stored)
        return is_stored

    def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it."""
        is_held = self._run(partial(_end_lease, name, token, item))
        self._clean(is_held)
        return is_held

    def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0; return its value."""
        count = self._run(lambda rows: rows.count(name, by, ttl_ms))
        self._clean(1)
        return count

    def close(self) -> None:
        """Close the store if it was opened for this."""
        if self._owned:
            self._store.close()

    def _run(self, work: Callable[[CacheRows], R], *, write: bool = True) -> R:
        """Run work in a transaction."""
        call = _Call(work, self._timeout, write=write)
        with _busy_as_unavailable(self.name), self._errors():
            return self._store.run(call, write=write and self.name != "sqlite", keyed=False)  # type: ignore[no-any-return]

    def _clean(self, written: int) -> None:
        """Delete some rows that are over, if it is time to."""
        if self._is_cleaning_due(written):
            with suppress(StoreError):  # the next call will find the same
                self._run(lambda rows: rows.clean(_MOST_CLEANED))


class AsyncSqlCache(Resident):
    """The same for async hosts: see ``SqlCache``.

    Args:
        store: An ``AsyncSqlStore``, or a ``ThreadedStore`` around a ``SqlStore``; it stays open.
        timeout_seconds: As for ``SqlCache``.
    """

    def __init__(
        self, store: AsyncSqlStore | ThreadedStore, *, timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        """Work through a store.

        Raises:
            ConfigurationError: If it is no such store.
            InvalidInput: If the timeout is not acceptable.
        """
        expect_async_store(store)
        self._timeout = _checked(timeout_seconds)
        super().__init__(store, CacheUnavailable)

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        return await self._run(lambda rows: rows.read(names), write=False)

    async def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before."""
        await self._run(lambda rows: rows.write(items))
        await self._clean(len(items))

    async def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not."""
        await self._run(lambda rows: rows.delete(names))

    async def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        is_stored = await self._run(lambda rows: rows.add(item))
        await self._clean(is_stored)
        return is_stored

    async def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it."""
        is_held = await self._run(partial(_end_lease, name, token, item))
        await self._clean(is_held)
        return is_held

    async def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0; return its value."""
        count = await self._run(lambda rows: rows.count(name, by, ttl_ms))
        await self._clean(1)
        return count

    async def close(self) -> None:
        """Close the store if it was opened for this."""
        if self._owned:
            await self._store.close()

    async def _run(self, work: Callable[[CacheRows], R], *, write: bool = True) -> R:
        """Run work in a transaction."""
        call = _Call(work, self._timeout, write=write)
        with _busy_as_unavailable(self.name), self._errors():
            return await self._store.run(call, write=write and self.name != "sqlite", keyed=False)  # type: ignore[no-any-return]

    async def _clean(self, written: int) -> None:
        """Delete some rows that are over, if it is time to."""
        if self._is_cleaning_due(written):
            with suppress(StoreError):
                await self._run(lambda rows: rows.clean(_MOST_CLEANED))


def open_url(url: str, *, asynchronous: bool) -> SqlCache | Awaitable[AsyncSqlCache]:
    """Open the store of a URL and return the cache in it; closing it closes the store.

    Args:
        url: ``sqlite:///path``, ``postgresql://user@host/database``, ...
        asynchronous: For an async host.

    Raises:
        StoreError: As for a store.
    """
    opened: Any = engines.open_url(url, asynchronous=asynchronous)
    if asynchronous:
        return _open_async(opened)
    cache = SqlCache(opened)
    cache._owned = True  # noqa: SLF001 - whoever opens a store closes it
    return cache


async def _open_async(opened: Awaitable[Any]) -> AsyncSqlCache:
    cache = AsyncSqlCache(await opened)
    cache._owned = True  # noqa: SLF001 - as above
    return cache


@contextmanager
def _busy_as_unavailable(name: str) -> Iterator[None]:
    """Raise that other writers were in the way as what a cache can go on without."""
    try:
        yield
    except StoreBusy as error:
        raise CacheUnavailable(name, str(error)) from error


class _Call(Generic[R]):
    """What a call does in a transaction, and for how long it waits for other writers of SQLite.

    The transaction begins without a lock, so that not the store waits for it, by the timeout of the
    host's connection, but the first statement here. The connection gets its timeout back.

    Args:
        work: Works on the rows.
        timeout_seconds: How long it may wait, over all attempts.
        write: Whether it writes.
    """

    def __init__(
        self, work: Callable[[CacheRows], R], timeout_seconds: float, *, write: bool
    ) -> None:
        self._work = work
        self._timeout = timeout_seconds
        self._write = write
        self._seconds = stopwatch()

    def __call__(self, stores: Stores) -> R:
        """Do it.

        Raises:
            CacheUnavailable: If the database is still locked when the time is over.
        """
        link = cast("SqlStores", stores).link
        rows = cache_rows_of(link)
        if link.dialect.name != "sqlite":
            return self._work(rows)
        before = _number(link, "PRAGMA busy_timeout")
        left_ms = max(0, round((self._timeout - self._seconds()) * 1000))
        _number(link, f"PRAGMA busy_timeout = {left_ms}")
        try:
            if self._write:
                link.run(_LOCK, {})
            return self._work(rows)
        except exc.DBAPIError as error:
            if not is_conflict(error) or self._seconds() < self._timeout:
                raise
            reason = f"the database is still locked after {self._timeout} seconds"
            raise CacheUnavailable(link.dialect.name, reason) from error
        finally:
            _number(link, f"PRAGMA busy_timeout = {before}")


def _number(link: Link, pragma: str) -> int:
    """Run a pragma on the cursor itself, which is several times as fast, and return its number."""
    cursor = link._cursor  # noqa: SLF001 - see above
    cursor.execute(pragma)
    ((number,),) = cursor.fetchall()
    return int(number)


def _checked(seconds: object) -> float:
    """Return a timeout.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if type(seconds) in {int, float} and 0 < cast("float", seconds) <= _LONGEST_TIMEOUT_SECONDS:
        return float(cast("float", seconds))
    expected = f"a number of seconds above 0, up to {_LONGEST_TIMEOUT_SECONDS}"
    raise InvalidInput("timeout_seconds", given=seconds, expected=expected)


def _end_lease(name: str, token: bytes, item: Item | None, rows: CacheRows) -> bool:
    """Delete a lease and store what was loaded under it, or change nothing."""
    if not rows.end(name, token):
        return False
    if item is not None:
        rows.write([item])
    return True
