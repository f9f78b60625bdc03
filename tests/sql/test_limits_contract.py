"""Limits in SQL pass the contracts, on each database and by each driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from tests.conftest import do_not_sync
from tests.sql.opened import ASYNC_POSTGRES


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


@pytest.fixture(params=ASYNC_POSTGRES)
def async_driver(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class TestAsyncSqlLimitsOnPostgres(AsyncLimiterContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def open_limits(self, postgres: Engine, async_driver: str) -> Callable[[], AsyncSqlLimits]:
        url = postgres.url.set(drivername=f"postgresql+{async_driver}")
        return lambda: owned(AsyncSqlLimits(AsyncSqlStore(create_async_engine(url))))

    @pytest.fixture
    def open_limits_again(self, open_limits: Any) -> Any:
        return open_limits


def owned(limits: AsyncSqlLimits) -> AsyncSqlLimits:
    """Have the contract close the store together with the limits."""
    limits._owned = True
    return limits
