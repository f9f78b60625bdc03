"""Time series in SQL when the database fails, is busy or partitioned, or holds what is damaged."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, exc, update
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import HabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, sqlite_engine, threaded_sqlite
from habitkit.backends.sqlalchemy._series_tables import points
from habitkit.backends.sqlalchemy.series import AsyncSqlSeries, SqlSeries
from habitkit.errors import ConfigurationError, NestedTransaction, SchemaMissing
from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.domain.tiers import TIERS, SeriesTier
from habitkit.metrics.errors import SeriesUnavailable
from habitkit.metrics.port import Point, Rolled
from habitkit.testing.contracts._threads import spawn
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.proxy import proxy_to
from tests.sql.support import LIMIT_SECONDS

T = 1_800_000_000
DAY = 86_400
RUNS, RIDES = Series("runs", "counter"), Series("rides", "counter")

BY_DAY = f"""
DROP TABLE habitkit_metric_points;
CREATE TABLE habitkit_metric_points (
    series BIGINT NOT NULL, step BIGINT NOT NULL, slot BIGINT NOT NULL, writer BIGINT NOT NULL,
    data BYTEA NOT NULL, PRIMARY KEY (series, step, slot, writer)
) PARTITION BY RANGE (slot);
CREATE INDEX habitkit_metric_points_slot ON habitkit_metric_points (step, slot);
CREATE TABLE habitkit_metric_points_before PARTITION OF habitkit_metric_points
    FOR VALUES FROM (MINVALUE) TO ({T + 60});
CREATE TABLE habitkit_metric_points_after PARTITION OF habitkit_metric_points
    FOR VALUES FROM ({T + 60}) TO ({T + DAY});
CREATE TABLE habitkit_metric_points_other PARTITION OF habitkit_metric_points DEFAULT;
"""


def point(series: Series, slot: int, amount: int, writer: int = 1) -> Point:
    return Point(series.id, 10, slot, writer, encode_increase(amount))


def write(store: SqlSeries, slot: int = T, amount: int = 1) -> None:
    written = [point(RUNS, slot, amount), point(RIDES, slot, amount)]
    assert not store.write(written, [RUNS, RIDES], slot)


def total(store: SqlSeries, start: int, end: int, series: Series = RUNS) -> float:
    found = store.read([series.id], start, end, end).points
    return sum(decode_increase(it.data) for it in found)


@pytest.fixture
def store(engine: Engine) -> SqlSeries:
    """Time series as a kit keeps them."""
    return SqlSeries(SqlStore(engine))


@pytest.fixture
def nowhere() -> str:
    """The address of a server that is not there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"ada:s3cret-word@127.0.0.1:{found.getsockname()[1]}/db"


def test_a_server_that_is_not_there_is_an_error_without_the_password(nowhere):
    store = SqlSeries(SqlStore(create_engine(f"postgresql+psycopg://{nowhere}")))

    for call in (write, lambda it: it.read([], T, T, T), lambda it: it.roll(T, 1)):
        with pytest.raises(SeriesUnavailable, match="in postgresql are unavailable: ") as caught:
            call(store)
        assert "s3cret" not in str(caught.value)
        assert isinstance(caught.value.__cause__, exc.OperationalError)


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
def test_an_async_host_without_its_server_gets_the_same_error(nowhere, driver):
    async def main() -> None:
        engine = create_async_engine(f"postgresql+{driver}://{nowhere}")
        await AsyncSqlSeries(AsyncSqlStore(engine)).roll(T, 1)

    with pytest.raises(SeriesUnavailable):
        asyncio.run(main())


def test_a_database_without_the_tables_is_a_mistake_that_stays_visible(tmp_path):
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(SchemaMissing):
        write(SqlSeries(SqlStore(engine)))
    engine.dispose()


def test_what_is_no_store_and_tiers_that_do_not_fit_are_refused(sqlite):
    with pytest.raises(ConfigurationError, match="expected a SqlStore"):
        SqlSeries(sqlite)
    with pytest.raises(ConfigurationError, match="expected an AsyncSqlStore"):
        AsyncSqlSeries(SqlStore(sqlite))  # type: ignore[arg-type]
    for make in (
        lambda: SqlSeries(SqlStore(sqlite), []),
        lambda: AsyncSqlSeries(threaded_sqlite(sqlite), [SeriesTier(10, 20), SeriesTier(15, 200)]),
    ):
        with pytest.raises(ConfigurationError, match="tiers: expected"):
            make()


def test_a_file_that_stays_locked_keeps_a_flush_waiting_and_then_fails_it(sqlite):
    impatient = create_engine(sqlite.url, connect_args={"timeout": 0.01})
    store = SqlSeries(SqlStore(impatient))
    write(store)
    with sqlite.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(SeriesUnavailable):
            write(store, T + 10)
        assert total(store, T, T + 60) == 1
        connection.rollback()
    impatient.dispose()


def test_a_flush_inside_a_transaction_of_a_kit_is_refused_and_beside_it_is_not(engine, store):
    kit: HabitKit = habitkit.testing.kit(store=SqlStore(engine))

    def inside(_: Any) -> Any:
        with pytest.raises(NestedTransaction):
            write(store)
        flushing = spawn(lambda: write(store, T + 10, 5))
        if engine.dialect.name == "postgresql":
            flushing.result(LIMIT_SECONDS)
        return flushing

    kit.run(inside).result(LIMIT_SECONDS)

    assert total(store, T, T + 60) == 5


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_flush_and_a_roll_up_whose_commit_is_cut_are_repeated(postgres, when):
    with proxy_to(postgres.url) as (proxy, url):
        engine = create_engine(url)
        store = SqlSeries(SqlStore(engine))
        write(store)
        proxy.cut(when)
        write(store, T + 10, 10)
        proxy.cut(when)
        store.roll(T + 90, 1)
        assert proxy.cuts == 2
        engine.dispose()
    direct = SqlSeries(SqlStore(postgres))
    while direct.roll(T + 90, 9).more:
        pass
    found = direct.read([RUNS.id], T, T + 60, T + 90).points
    assert [(it.step, decode_increase(it.data)) for it in found] == [(60, 11)]


def test_a_damaged_point_is_left_out_of_a_roll_up_and_logged(engine, store, caplog):
    write(store)
    with engine.begin() as connection:
        connection.execute(update(points).where(points.c.series == RUNS.id).values(data=b"\xff"))

    with caplog.at_level(logging.WARNING, "habitkit"):
        assert store.roll(T + 90, 9) == Rolled(1)

    assert [it.habitkit for it in caplog.records] == [{"series": RUNS.text}]
    assert total(store, T, T + 90, RIDES) == 1


def test_points_may_be_partitioned_by_slot(postgres):
    with postgres.begin() as connection:
        before = connection.exec_driver_sql(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'habitkit_metric_points'"
        ).all()
        connection.exec_driver_sql("CREATE SCHEMA parted; SET LOCAL search_path TO parted, public")
        connection.exec_driver_sql(
            "CREATE TABLE habitkit_metric_points (LIKE public.habitkit_metric_points)"
        )
        connection.exec_driver_sql(BY_DAY)
        after = connection.exec_driver_sql(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'habitkit_metric_points'"
            " AND schemaname = 'parted'"
        ).all()
    assert {_shape(it) for (it,) in before} == {_shape(it) for (it,) in after}
    options = {"options": "-c search_path=parted,public"}
    engine = create_engine(postgres.url, connect_args=options)
    store = SqlSeries(SqlStore(engine))
    for _ in range(2):
        for slot in range(T, T + 180, 10):
            write(store, slot)
    while store.roll(T + 2 * DAY, 9).more:
        pass

    assert total(store, T, T + 180) == 18
    assert total(store, T - T % DAY, T - T % DAY + DAY) == 18
    assert store.prune(T + TIERS[0].keep_seconds + 120, 1000) == Rolled(2 * 12)
    assert total(store, T, T + 180) == 18
    engine.dispose()
    with postgres.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA parted CASCADE")


def _shape(index: str) -> str:
    """Return an index without the name and the kind of its table."""
    return index.replace(" ONLY", "").replace("parted.", "public.")
