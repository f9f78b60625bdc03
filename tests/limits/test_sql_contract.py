"""Limits in SQL pass the contracts, on each database and by each driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import (
    AsyncSqlLimits,
    AsyncSqlStore,
    SqlLimits,
    SqlStore,
    sqlite_engine,
    threaded_sqlite,
    upgrade,
)
from habitkit.testing.contracts import AsyncLimiterContract, LimiterContract
from habitkit.testing.contracts._async_limiter import TaskCancellationCases, TaskCases
from tests.conftest import do_not_sync
from tests.sql.limits_support import Wall


@pytest.fixture
def sqlite(tmp_path: Path, ready_sqlite: Callable[[Engine], None]) -> Iterator[Engine]:
    """An engine on a file with the tables of the kit."""
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'limits.db'}")
    ready_sqlite(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(ready_postgres_url: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database with the tables of the kit."""
    engine = create_engine(ready_postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The clock by which limits in SQLite are charged; it stands still unless a test moves it."""
    clock = Wall()
    monkeypatch.setattr("habitkit.clock.wall_ns", clock)
    return clock


class OnSqlite:
    """A clock that moves only when a test moves it."""

    @pytest.fixture
    def advance(self, wall: Any) -> Callable[[int], object]:
        advance: Callable[[int], object] = wall.advance
        return advance


class TestSqlLimitsOnSqlite(OnSqlite, LimiterContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def limits(self, sqlite: Engine) -> SqlLimits:
        return SqlLimits(SqlStore(sqlite))

    @pytest.fixture
    def limits_again(self, sqlite: Engine) -> Iterator[SqlLimits]:
        engine = sqlite_engine(sqlite.url)
        event.listen(engine, "connect", do_not_sync)
        yield SqlLimits(SqlStore(engine))
        engine.dispose()


class TestSqlLimitsOnSqliteInMemory(OnSqlite, LimiterContract):
    @pytest.fixture
    def limits(self) -> Iterator[SqlLimits]:
        engine = sqlite_engine("sqlite://")
        upgrade(engine)
        yield SqlLimits(SqlStore(engine))
        engine.dispose()


class TestSqlLimitsOnPostgres(LimiterContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def limits(self, postgres: Engine) -> SqlLimits:
        return SqlLimits(SqlStore(postgres))

    @pytest.fixture
    def limits_again(self, postgres: Engine) -> Iterator[SqlLimits]:
        engine = create_engine(postgres.url)
        yield SqlLimits(SqlStore(engine))
        engine.dispose()


class TestAsyncSqlLimitsOnSqlite(OnSqlite, AsyncLimiterContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def open_limits(self, sqlite: Engine) -> Iterator[Callable[[], AsyncSqlLimits]]:
        opened = []

        def opener() -> AsyncSqlLimits:
            engine = sqlite_engine(sqlite.url)
            event.listen(engine, "connect", do_not_sync)
            opened.append(engine)
            return owned(AsyncSqlLimits(threaded_sqlite(engine)))

        yield opener
        for engine in opened:
            engine.dispose()

    @pytest.fixture
    def open_limits_again(self, open_limits: Any) -> Any:
        return open_limits


class TestAsyncSqlLimitsByAsyncpg(AsyncLimiterContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def open_limits(self, postgres: Engine) -> Callable[[], AsyncSqlLimits]:
        return partial(opened, postgres, "asyncpg")

    @pytest.fixture
    def open_limits_again(self, open_limits: Any) -> Any:
        return open_limits


class TestAsyncSqlLimitsByPsycopg(TaskCases, TaskCancellationCases):
    """What a driver can break by itself."""

    @pytest.fixture
    def open_limits(self, postgres: Engine) -> Callable[[], AsyncSqlLimits]:
        return partial(opened, postgres, "psycopg")


def opened(database: Engine, driver: str) -> AsyncSqlLimits:
    """Return limits that reach a PostgreSQL database by an async driver."""
    url = database.url.set(drivername=f"postgresql+{driver}")
    return owned(AsyncSqlLimits(AsyncSqlStore(create_async_engine(url))))


def owned(limits: AsyncSqlLimits) -> AsyncSqlLimits:
    """Have the contract close the store together with the limits."""
    limits._owned = True
    return limits
