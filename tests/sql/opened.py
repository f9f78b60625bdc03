"""An async kit with the pool of its connections at hand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, sqlite_engine, threaded_sqlite
from habitkit.testing import FakeClock
from tests.sql.support import LIMIT_SECONDS

ASYNC_POSTGRES = [pytest.param(name, marks=pytest.mark.postgres) for name in ("psycopg", "asyncpg")]


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
        self.kit = AsyncHabitKit(self.store, clock=FakeClock(), reactions=reactions)

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
