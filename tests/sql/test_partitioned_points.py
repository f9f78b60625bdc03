"""The page on partitions of metrics: its own statements, and the contract of time series on them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

from habitkit.backends.sqlalchemy import SqlSeries, SqlStore, upgrade
from habitkit.backends.sqlalchemy._series_tables import marks, points, series
from habitkit.errors import SchemaUnversioned
from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.port import Point, Rolled
from habitkit.testing.contracts._series_base import T, roll_all
from habitkit.testing.contracts._series_pruning import PruneCases
from habitkit.testing.contracts._series_reading import ReadCases
from habitkit.testing.contracts._series_rolling import RollCases
from habitkit.testing.contracts._series_writing import KnownSeriesCases, WriteCases
from tests.architecture.source import ROOT
from tests.services import PostgresServer
from tests.sql import test_partitions, test_plans

Run = Callable[[str], list[tuple[Any, ...]]]

DAY, HOUR = 86_400, 3600
MIDNIGHT = T - T % DAY + DAY
TODAY, TOMORROW = "20270115", "20270116"
RUNS = Series("runs", "counter")

SHAPE, KIND = (
    sql.replace("habitkit_entries", "habitkit_metric_points")
    for sql in (test_partitions.SHAPE, test_partitions.KIND)
)
ALL = "SELECT * FROM habitkit_metric_points ORDER BY 1, 2, 3, 4"
EMPTY = "".join(f"{table.delete()};" for table in (points, marks, series))
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits ORDER BY 1"

blocks = partial(test_partitions.blocks, page=ROOT / "docs" / "how-to" / "partition-the-metrics.md")


def make(at: int) -> str:
    return f"CALL make_metric_days(to_timestamp({at}))"


def drop(at: int) -> str:
    return f"CALL drop_metric_days(to_timestamp({at}))"


def convert(run: Run) -> None:
    """Go through the page until the table is partitioned: its transaction is one message."""
    statements = blocks("Convert")
    (begin,) = (at for at, block in enumerate(statements) if block.startswith("BEGIN;"))
    for block in (*statements[:begin], "".join(statements[begin:-1]), statements[-1]):
        run(block)


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[tuple[Engine, Run]]:
    """An engine on a database whose points are partitioned, and how to run statements on it."""
    with postgres_server.fresh_database() as url:
        engine = create_engine(url)
        upgrade(engine)
        with test_partitions.running(engine) as run:
            convert(run)
            yield engine, run
        engine.dispose()


@pytest.fixture
def run(database: tuple[Engine, Run]) -> Run:
    """Run statements on that database, which has no points, and the days of the tests."""
    _, run = database
    run(EMPTY)
    run(make(T))
    return run


@pytest.fixture
def engine(database: tuple[Engine, Run], run: Run) -> Engine:
    """An engine on it."""
    del run  # it empties the tables
    return database[0]


@pytest.fixture
def store(engine: Engine) -> SqlSeries:
    """Time series with the default tiers."""
    return SqlSeries(SqlStore(engine))


def write(store: SqlSeries, slots: range) -> None:
    """Write an increase of 1 into each slot."""
    new = [Point(RUNS.id, 10, slot, 1, encode_increase(1)) for slot in slots]
    assert not store.write(new, [RUNS], slots[-1])


def total(store: SqlSeries, start: int, end: int, now: int) -> float:
    return sum(decode_increase(it.data) for it in store.read([RUNS.id], start, end, now).points)


def days_of(step: int, run: Run) -> list[str]:
    """Return the days, of those of the tests, that have a partition for a step."""
    names = [re.fullmatch(rf".*_{step}_(\d+)", name) for (name,) in run(PARTITIONS)]
    return [found[1] for found in names if found and found[1] >= TODAY]


class TestSqlSeriesByDay(WriteCases, KnownSeriesCases, ReadCases, RollCases, PruneCases):
    """The contract without races: which partition a row is in is no matter of who waits for whom."""

    @pytest.fixture
    def series_store(self, engine: Engine) -> SqlSeries:
        return SqlSeries(SqlStore(engine), self.tiers)


def test_the_page_on_partitions_of_metrics_does_what_it_says(fresh_postgres_url):
    engine = create_engine(fresh_postgres_url)
    upgrade(engine)
    store = SqlSeries(SqlStore(engine))
    now = int(time.time()) // 10 * 10
    write(store, range(now - 600, now, 10))
    roll_all(store, now + 2 * DAY)
    with test_partitions.running(engine) as run:
        run("DROP ROLE IF EXISTS viewer; CREATE ROLE viewer")
        run("GRANT SELECT, INSERT ON habitkit_metric_points TO viewer")
        plain, kind, rows = run(SHAPE), run(KIND), run(ALL)

        convert(run)

        assert (run(SHAPE), run(KIND), run(ALL)) == (plain, [("p", *kind[0][1:])], rows)
        each_day, counts = blocks("Each day")
        run(each_day)
        found = dict(run(counts))
        assert sum(found.values()) == len(rows)
        assert "habitkit_metric_points_other" not in found
        made = [name for (name,) in run(PARTITIONS) if re.search(r"_points_(10|60)_\d{8}$", name)]
        assert len(made) in {2 * 10 - 1, 2 * 10 - 2}, "the job drops days that are over"

        upgrade(engine)
        run("DROP TABLE habitkit_schema_version")
        with pytest.raises(SchemaUnversioned, match="adopt=True"):
            upgrade(engine)
        upgrade(engine, adopt=True)

        leave, end = blocks("Go back")
        (rights,) = (block for block in blocks("Convert") if block.startswith("DO "))
        run(leave + rights.replace("habitkit_metric_points_old", "habitkit_metric_points_days"))
        run(end)
        assert (run(SHAPE), run(KIND), run(ALL)) == (plain, kind, rows)
        assert run(PARTITIONS) == []
        run("DROP OWNED BY viewer; DROP ROLE viewer")
    engine.dispose()


@pytest.fixture
def explained(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlSeries]:
    """Time series that ask for the plans of their statements."""
    explaining = test_plans.explaining
    monkeypatch.setattr(psycopg, "RawCursor", explaining(psycopg.RawCursor))
    asking = create_engine(engine.url, connect_args={"cursor_factory": explaining(psycopg.Cursor)})
    yield SqlSeries(SqlStore(asking))
    asking.dispose()


def partitions_read(work: Callable[[], object]) -> set[str]:
    """Return the partitions in the plans of the statements of a call."""
    test_plans.plans.clear()
    work()
    plans = "\n".join(test_plans.plans.values())
    return set(re.findall(r" on habitkit_metric_points_(\d+_\d{8}|coarse|other)\b", plans))


def test_a_window_reads_no_partitions_but_those_of_its_days(explained):
    write(explained, range(MIDNIGHT - 600, MIDNIGHT + 600, 10))

    def window(start: int, end: int) -> set[str]:
        return partitions_read(lambda: total(explained, start, end, end))

    assert window(MIDNIGHT - 300, MIDNIGHT) == {f"10_{TODAY}"}
    assert window(MIDNIGHT - 300, MIDNIGHT + 10) == {f"10_{TODAY}", f"10_{TOMORROW}"}
    now = MIDNIGHT + 600
    roll_all(explained, now + 30)
    assert window(MIDNIGHT, now) == {f"60_{TOMORROW}"}
    assert window(MIDNIGHT - 2 * HOUR, MIDNIGHT) == {"coarse"}
    write(explained, range(now, now + 60, 10))
    assert partitions_read(lambda: explained.roll(now + 90, 1)) == {f"10_{TOMORROW}"}


def test_the_sweep_looks_for_old_points_in_old_partitions_of_their_tier_alone(explained, run):
    write(explained, range(MIDNIGHT - 600, MIDNIGHT, 10))
    roll_all(explained, MIDNIGHT + 30)
    now = MIDNIGHT + 3 * HOUR

    touched = partitions_read(lambda: explained.prune(now, 9))

    assert {name for name in touched if name >= f"10_{TODAY}"} == {f"10_{TODAY}", "other"}
    assert {name for name in touched if not name.startswith("10_")} == {"other"}
    assert explained.prune(now, 99) == Rolled(60 - 9)
    assert run("SELECT min(step) FROM habitkit_metric_points") == [(60,)]


def test_a_day_is_dropped_when_it_is_over_and_nothing_in_it_is_to_be_rolled_up(store, run):
    write(store, range(MIDNIGHT - 600, MIDNIGHT + 600, 10))
    roll_all(store, MIDNIGHT)
    over = {10: MIDNIGHT + 4 * HOUR, 60: MIDNIGHT + 49 * HOUR}
    run(drop(over[10]))
    assert days_of(10, run)[0] == TODAY, "its last minutes are not rolled up"
    roll_all(store, over[10])
    windows = [(MIDNIGHT - HOUR, MIDNIGHT), (MIDNIGHT - 540, MIDNIGHT + 540)]
    sums = [total(store, *window, over[10]) for window in windows]
    assert sums == [60, 108]

    run(drop(over[10] - 1))
    assert days_of(10, run)[0] == TODAY
    run(drop(over[10]))

    assert (days_of(10, run)[0], days_of(60, run)[0]) == (TOMORROW, TODAY)
    assert [total(store, *window, over[10]) for window in windows] == sums
    later = store.prune(over[10] - 2 * DAY, 1000), store.prune(over[10], 1000)
    assert later == (Rolled(0), Rolled(60)), "of tomorrow's"
    run(drop(over[60]))
    assert (days_of(10, run)[0], days_of(60, run)[0]) == ("20270117", TOMORROW)
    assert total(store, *windows[0], over[60]) == 60


def test_points_of_a_day_that_was_not_made_in_time_are_kept_elsewhere(store, run):
    late = MIDNIGHT + 20 * DAY
    write(store, range(late, late + 120, 10))
    assert run("SELECT count(*) FROM habitkit_metric_points_other") == [(12,)]

    run(make(late))

    day, following = "20270205", "20270206"
    assert (day in days_of(10, run), following in days_of(10, run)) == (False, True)
    assert day in days_of(60, run)
    roll_all(store, late + HOUR)
    assert total(store, late, late + 120, late + HOUR) == 12
    assert store.prune(late + 4 * HOUR, 100) == Rolled(12)
    run(make(late))
    assert day in days_of(10, run)
