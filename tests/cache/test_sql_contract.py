"""A cache in SQL passes the contracts, on each database and by each driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import (
    AsyncSqlCache,
    AsyncSqlStore,
    SqlCache,
    SqlStore,
    sqlite_engine,
    threaded_sqlite,
    upgrade,
)
from habitkit.testing.contracts import CacheContract
from habitkit.testing.contracts._async_cache import CacheCancellationCases, CacheTaskCases
from habitkit.testing.contracts._cache_races import CacheRaces
from habitkit.testing.contracts._cache_values import ValueCases
from tests.conftest import do_not_sync
from tests.sql.limits_support import Wall

BUSY_SECONDS = 60
"""Writers of SQLite wait for each other in no order, and a machine may be slow."""


@pytest.fixture
def sqlite(tmp_path: Path, ready_sqlite: Callable[[Engine], None]) -> Iterator[Engine]:
    """An engine on a file with the tables of the kit."""
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'cache.db'}")
    ready_sqlite(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(ready_postgres_url: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database with the tables of the kit."""
    engine = create_engine(ready_postgres_url)
    yield engine
    engine.dispose()


class OnSqlite:
    """A clock that moves only when a test moves it."""

    @pytest.fixture
    def advance(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], object]:
        clock = Wall()
        monkeypatch.setattr("habitkit.clock.wall_ns", clock)
        return clock.advance


class TestSqlCacheOnSqlite(OnSqlite, CacheContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def cache(self, sqlite: Engine) -> SqlCache:
        return SqlCache(SqlStore(sqlite), timeout_seconds=BUSY_SECONDS)

    @pytest.fixture
    def cache_again(self, sqlite: Engine) -> Iterator[SqlCache]:
        engine = sqlite_engine(sqlite.url)
        event.listen(engine, "connect", do_not_sync)
        yield SqlCache(SqlStore(engine), timeout_seconds=BUSY_SECONDS)
        engine.dispose()


class TestSqlCacheOnSqliteInMemory(OnSqlite, CacheRaces):
    """What threads that share one connection can break."""

    @pytest.fixture
    def cache(self) -> Iterator[SqlCache]:
        engine = sqlite_engine("sqlite://")
        upgrade(engine)
        yield SqlCache(SqlStore(engine), timeout_seconds=BUSY_SECONDS)
        engine.dispose()


class TestSqlCacheOnPostgres(CacheContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def cache(self, postgres: Engine) -> SqlCache:
        return SqlCache(SqlStore(postgres))

    @pytest.fixture
    def cache_again(self, postgres: Engine) -> Iterator[SqlCache]:
        engine = create_engine(postgres.url)
        yield SqlCache(SqlStore(engine), timeout_seconds=BUSY_SECONDS)
        engine.dispose()


class DriverCases(CacheTaskCases, CacheCancellationCases, ValueCases):
    """What a driver can break by itself."""


class TestAsyncSqlCacheOnSqlite(OnSqlite, DriverCases):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def open_cache(self, sqlite: Engine) -> Iterator[Callable[[], AsyncSqlCache]]:
        opened = []

        def opener() -> AsyncSqlCache:
            engine = sqlite_engine(sqlite.url)
            event.listen(engine, "connect", do_not_sync)
            opened.append(engine)
            return owned(AsyncSqlCache(threaded_sqlite(engine), timeout_seconds=BUSY_SECONDS))

        yield opener
        for engine in opened:
            engine.dispose()

    @pytest.fixture
    def open_cache_again(self, open_cache: Any) -> Any:
        return open_cache


class TestAsyncSqlCacheByAsyncpg(DriverCases):
    @pytest.fixture
    def open_cache(self, postgres: Engine) -> Callable[[], AsyncSqlCache]:
        return partial(opened, postgres, "asyncpg")


class TestAsyncSqlCacheByPsycopg(DriverCases):
    @pytest.fixture
    def open_cache(self, postgres: Engine) -> Callable[[], AsyncSqlCache]:
        return partial(opened, postgres, "psycopg")


def opened(database: Engine, driver: str) -> AsyncSqlCache:
    """Return a cache that reaches a PostgreSQL database by an async driver."""
    url = database.url.set(drivername=f"postgresql+{driver}")
    return owned(AsyncSqlCache(AsyncSqlStore(create_async_engine(url))))


def owned(cache: AsyncSqlCache) -> AsyncSqlCache:
    """Have the contract close the store together with the cache."""
    cache._owned = True
    return cache
