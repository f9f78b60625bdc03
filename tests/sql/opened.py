"""An async kit with the pool of its connections at hand, and a way to cancel what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, sqlite_engine, threaded_sqlite
from habitkit.testing import FakeClock
from tests.sql.support import LIMIT_SECONDS

ASYNC_POSTGRES = [pytest.param(name, marks=pytest.mark.postgres) for name in ("psycopg", "asyncpg")]


MOST_AWAITS = 200


class Opened:
    """An async kit and the pool of its connections."""

    def __init__(self, database: Engine, driver: str, reactions: tuple[Any, ...]) -> None:
        if driver == "threads":
            self.engine: Any = sqlite_engine(database.url)
            self.store: Any = threaded_sqlite(self.engine)
        else:
            url = database.url.set(drivername=f"postgresql+{driver}")
            self.engine = create_async_engine(url, pool_size=2, max_overflow=0, pool_timeout=5)
            self.store = AsyncSqlStore(self.engine)
        self.pool = self.engine.pool
        self.clock = FakeClock()
        self.kit = AsyncHabitKit(self.store, clock=self.clock, reactions=reactions)

    async def forget_connections(self) -> None:
        """Let the next action connect anew."""
        closed = self.engine.dispose()
        if closed is not None:
            await closed
        self.pool = self.engine.pool

    async def all_are_back(self) -> None:
        """Wait until the pool has all its connections back."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.pool.checkedout():  # noqa: ASYNC110 - a pool tells nobody
                await asyncio.sleep(0.001)


class CancelledAt:
    """Awaits something and cancels the task that does from the n-th time it has to wait on."""

    def __init__(self, work: Awaitable[Any], n: int, times: int) -> None:
        self.work = work
        self.when = range(n, n + times)
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.work.__await__()
        step = inner.send
        value: Any = None
        while True:
            try:
                waiting_for = step(value)
            except StopIteration as end:
                return end.value
            self.waits += 1
            if self.waits in self.when:
                task: Any = asyncio.current_task()
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                value = yield waiting_for
            except BaseException as error:  # noqa: BLE001 - passed on
                step, value = inner.throw, error
            else:
                step = inner.send


async def cancelled_at(n: int, opened: Opened, work: Awaitable[Any], times: int = 1) -> bool:
    """Await something, cancelled at its n-th wait and maybe the next; tell if it came to that."""

    async def run() -> int:
        at = CancelledAt(work, n, times)
        await at
        return at.waits

    task = asyncio.create_task(run())
    done, _ = await asyncio.wait([task], timeout=LIMIT_SECONDS)
    assert done, "cancelling it has no end"
    await opened.all_are_back()  # while the task still holds what it held
    return task.cancelled() or task.result() >= n
