"""Time series in PostgreSQL pass the contracts, by each driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore
from habitkit.backends.sqlalchemy.series import AsyncSqlSeries, SqlSeries
from habitkit.metrics.domain.tiers import SeriesTier
from habitkit.testing.contracts import SeriesContract
from habitkit.testing.contracts._async_series import SeriesTaskCases
from habitkit.testing.contracts._series_pruning import PruneCases
from habitkit.testing.contracts._series_races import SharedSeriesCases
from habitkit.testing.contracts._series_rolling import RollCases
from habitkit.testing.contracts._series_writing import KnownSeriesCases, WriteCases


class TestSqlSeriesOnPostgres(SeriesContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def series_store(self, postgres: Engine) -> SqlSeries:
        return SqlSeries(SqlStore(postgres), self.tiers)

    @pytest.fixture
    def series_store_again(self, postgres: Engine) -> Iterator[SqlSeries]:
        engine = create_engine(postgres.url)
        yield SqlSeries(SqlStore(engine), self.tiers)
        engine.dispose()


class TestAsyncSqlSeriesByAsyncpg(
    SeriesTaskCases, WriteCases, KnownSeriesCases, RollCases, PruneCases, SharedSeriesCases
):
    """The contract without random histories: which points are read is no matter of the driver."""

    capabilities = frozenset({"shared"})

    @pytest.fixture
    def open_series_store(self, postgres: Engine) -> Callable[[], AsyncSqlSeries]:
        return partial(opened, postgres, "asyncpg", self.tiers)

    @pytest.fixture
    def open_series_store_again(self, open_series_store: Any) -> Any:
        return open_series_store


class TestAsyncSqlSeriesByPsycopg(SeriesTaskCases):
    """What a driver can break by itself."""

    @pytest.fixture
    def open_series_store(self, postgres: Engine) -> Callable[[], AsyncSqlSeries]:
        return partial(opened, postgres, "psycopg", self.tiers)


def opened(database: Engine, driver: str, tiers: Sequence[SeriesTier]) -> AsyncSqlSeries:
    """Return time series in a PostgreSQL database by an async driver; they close their store."""
    url = database.url.set(drivername=f"postgresql+{driver}")
    series = AsyncSqlSeries(AsyncSqlStore(create_async_engine(url)), tiers)
    series._owned = True
    return series
