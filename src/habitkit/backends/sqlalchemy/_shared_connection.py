"""Engines that give every caller one connection, as those for SQLite in memory do.

On it there is one transaction at a time. Calls of kits wait for each other. One of the host's cannot
be waited for, as the caller itself may have begun it: to begin and commit would commit it, and to
close would roll it back. So a call is refused before it takes the connection.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy.pool import SingletonThreadPool, StaticPool

from habitkit._fork import call_after_fork
from habitkit.errors import HostTransactionUnsupported, StoreBusy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy import Engine
    from sqlalchemy.pool import Pool

__all__ = ["one_at_a_time", "one_at_a_time_async", "shares_connection"]

_OPEN = (
    "expected no open transaction on the connection that this engine gives to every caller, as for a "
    "database in memory, got one that was begun outside the kit; call kit.on(session) inside it, "
    "end it first, or use a database file, where the kit has a connection of its own"
)


class _Locks:
    """The locks of one pool, for all stores that use it."""

    def __init__(self) -> None:
        self.of_threads = threading.Lock()
        self._of_tasks: tuple[object, asyncio.Lock] | None = None
        call_after_fork(self)

    def of_tasks(self) -> asyncio.Lock:
        """Return the lock of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._of_tasks is None or self._of_tasks[0] is not loop:
            self._of_tasks = loop, asyncio.Lock()
        return self._of_tasks[1]

    def after_fork(self) -> None:
        """Take locks that no other thread holds."""
        self.of_threads = threading.Lock()
        self._of_tasks = None


_locks: WeakKeyDictionary[Pool, _Locks] = WeakKeyDictionary()


def shares_connection(engine: Engine) -> bool:
    """Return whether a connection of the engine may be one that somebody has already."""
    return isinstance(engine.pool, StaticPool | SingletonThreadPool)


@contextmanager
def one_at_a_time(engine: Engine, longest_seconds: float | None) -> Iterator[None]:
    """Keep others from the shared connection while the block uses it.

    Raises:
        StoreBusy: If another call of a kit uses it for longer.
        HostTransactionUnsupported: If a transaction of the host is open on it.
    """
    if isinstance(engine.pool, SingletonThreadPool):  # which gives each thread one
        _expect_no_transaction(engine)
        yield
        return
    lock = _locks_of(engine.pool).of_threads
    if not lock.acquire(timeout=-1 if longest_seconds is None else longest_seconds):
        raise StoreBusy(1)
    try:
        _expect_no_transaction(engine)
        yield
    finally:
        lock.release()


@asynccontextmanager
async def one_at_a_time_async(engine: Engine, longest_seconds: float | None) -> AsyncIterator[None]:
    """Do the same for tasks.

    Raises:
        StoreBusy: If another call of a kit uses it for longer.
        HostTransactionUnsupported: If a transaction of the host is open on it.
    """
    lock = _locks_of(engine.pool).of_tasks()
    try:
        async with asyncio.timeout(longest_seconds):
            await lock.acquire()
    except TimeoutError:
        raise StoreBusy(1) from None
    try:
        _expect_no_transaction(engine)
        yield
    finally:
        lock.release()


def _locks_of(pool: Pool) -> _Locks:
    found = _locks.get(pool)
    return _locks.setdefault(pool, _Locks()) if found is None else found


def _expect_no_transaction(engine: Engine) -> None:
    """Refuse to take a connection on which a transaction is open.

    Raises:
        HostTransactionUnsupported: If one is.
    """
    if engine.dialect.name != "sqlite":
        return
    record: Any = _record_of(engine.pool)
    driver = None if record is None else record.driver_connection
    if driver is None or not driver.in_transaction:
        return
    if getattr(getattr(driver, "_conn", driver), "autocommit", None) is False:
        return  # such a driver begins again at each commit: that it is in one says nothing
    raise HostTransactionUnsupported(_OPEN)


def _record_of(pool: Any) -> Any:
    """Return the pool's record of the connection that the caller would get; None for a new one."""
    if isinstance(pool, SingletonThreadPool):
        current = getattr(pool._conn, "current", None)  # noqa: SLF001 - to ask for it makes one
        return None if current is None else current()
    return vars(pool).get("connection")
