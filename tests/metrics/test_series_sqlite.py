"""Time series in SQLite pass the contracts: in a file, in memory, and in an async host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, threaded_sqlite, upgrade
from habitkit.backends.sqlalchemy.series import AsyncSqlSeries, SqlSeries
from habitkit.testing.contracts import AsyncSeriesContract, SeriesContract
from habitkit.testing.contracts._series_base import (
    RUNS,
    SeriesBase,
    T,
    point,
    roll_all,
    total,
)
from habitkit.testing.contracts._series_writing import WithId
from tests.conftest import do_not_sync


@pytest.fixture
def sqlite(tmp_path: Path, ready_sqlite: Callable[[Engine], None]) -> Iterator[Engine]:
    """An engine on a file with the tables of the kit."""
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'series.db'}")
    ready_sqlite(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def reopened(sqlite: Engine) -> Iterator[Callable[[], Engine]]:
    """A function that opens another engine on the same file."""
    opened = []

    def opener() -> Engine:
        engine = sqlite_engine(sqlite.url)
        event.listen(engine, "connect", do_not_sync)
        opened.append(engine)
        return engine

    yield opener
    for engine in opened:
        engine.dispose()


class TestSqlSeriesOnSqlite(SeriesContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def series_store(self, sqlite: Engine) -> SqlSeries:
        return SqlSeries(SqlStore(sqlite), self.tiers)

    @pytest.fixture
    def series_store_again(self, reopened: Callable[[], Engine]) -> SqlSeries:
        return SqlSeries(SqlStore(reopened()), self.tiers)


class TestSqlSeriesOnSqliteInMemory(SeriesContract):
    @pytest.fixture
    def series_store(self) -> Iterator[SqlSeries]:
        engine = sqlite_engine("sqlite://")
        upgrade(engine)
        yield SqlSeries(SqlStore(engine), self.tiers)
        engine.dispose()


class TestAsyncSqlSeriesOnSqlite(AsyncSeriesContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def open_series_store(self, reopened: Callable[[], Engine]) -> Callable[[], AsyncSqlSeries]:
        def opener() -> AsyncSqlSeries:
            series = AsyncSqlSeries(threaded_sqlite(reopened()), self.tiers)
            series._owned = True  # the contract closes the store together with it
            return series

        return opener

    @pytest.fixture
    def open_series_store_again(self, open_series_store: Any) -> Any:
        return open_series_store


def test_points_stay_while_a_newer_slot_of_the_same_coarser_one_is_to_be_rolled_up_again(sqlite):
    store = SqlSeries(SqlStore(sqlite), SeriesBase.tiers)
    store.write([point(RUNS, at, 1) for at in range(0, 600, 10)], [RUNS], T)
    roll_all(store, T + 640)
    store.write([point(RUNS, 590, 1000, writer=2)], [RUNS], T + 640)
    now = T + 1200 + 300  # half of what the coarser slot is computed from is no longer kept

    assert store.prune(now, 1000).count == 9 * 6, "finer points of what is rolled up"

    assert roll_all(store, now) == 2
    assert total(store, RUNS, (0, 600), now) == 1060


def test_a_series_is_not_seen_because_another_one_has_its_id(sqlite):
    store = SqlSeries(SqlStore(sqlite))
    store.write([], [RUNS], T)

    assert store.write([], [WithId("intruder", "counter", forced=RUNS.id)], T + 5) == [RUNS.id]

    assert [it.seen for it in store.series([])] == [T]
