"""Metrics of several processes on one database: killed ones, and a database that is away."""

from __future__ import annotations

import os
import re
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

from habitkit.backends.sqlalchemy import SqlSeries, SqlStore
from habitkit.errors import StoreError
from habitkit.metrics import Metrics, SeriesUnavailable
from habitkit.metrics.domain.points import decode_increase
from habitkit.metrics.domain.sketch import Sketch
from habitkit.testing import FakeClock
from habitkit.testing.contracts._processes import Worker
from tests.sql.metrics_worker import recording
from tests.sql.series_worker import TIERS
from tests.sql.support import wait_until


def stored(store: SqlSeries, name: str) -> list[bytes]:
    """Return all points of a metric."""
    now = int(time.time())
    ids = [it.series.id for it in store.series([name])]
    return [it.data for it in store.read(ids, now - 1200, now + 10 - now % 10, now + 10).points]


def flushed_and_recorded(log: Path) -> tuple[int, int]:
    """Return how many values a process knows to be stored, and how many it may have recorded."""
    text = log.read_bytes().decode() if log.exists() else ""
    totals = [int(it) for it in re.findall(r"\n(\d+)\n", text)]
    return max(totals, default=0), text.count("r")


@pytest.mark.parametrize(
    ("processes", "kills"),
    [(2, 3), pytest.param(4, 20, marks=[pytest.mark.slow, pytest.mark.timeout(300)])],
)
def test_a_killed_process_loses_only_what_it_had_not_flushed_and_nothing_is_doubled(
    engine: Engine, tmp_path: Path, processes: int, kills: int
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    logs: list[Path] = []

    def start() -> tuple[Worker, Path]:
        logs.append(tmp_path / f"log{len(logs)}")
        return Worker(recording, url, str(logs[-1])), logs[-1]

    running = [start() for _ in range(processes)]
    store, before = SqlSeries(SqlStore(engine), TIERS), 0.0
    for n in range(kills + processes):
        worker, log = running.pop(0)
        wait_until(lambda log=log: flushed_and_recorded(log)[0] > 200)  # type: ignore[misc]
        worker.kill()
        worker.close()
        if n < kills:
            running.append(start())
        store.roll(int(time.time()), 100)
        found = sum(decode_increase(it) for it in stored(store, "runs"))
        assert found >= before
        before = found
    counts = [flushed_and_recorded(log) for log in logs]

    found = sum(decode_increase(it) for it in stored(store, "runs"))
    loads = [Sketch.decode(it) for it in stored(store, "load")]

    assert sum(flushed for flushed, _ in counts) <= found <= sum(most for _, most in counts)
    assert found > 0
    assert sum(it.sum for it in loads) == 2 * sum(it.count for it in loads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_that_are_forked_from_one_add_up(sqlite: Engine) -> None:
    metrics = Metrics(SqlSeries(SqlStore(sqlite)), wall_ns=lambda: 1_800_000_000 * 10**9)
    counter = metrics.counter("runs")
    for _ in range(4):
        child = os.fork()
        if not child:
            try:
                counter.add(1)
                metrics.flush()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    metrics.close()
    reading = metrics.series.read(
        [it.series.id for it in metrics.series.series(["runs"])],
        metrics.now() - 100,
        metrics.now() + 100,
        metrics.now() + 100,
    )
    assert [decode_increase(it.data) for it in reading.points] == [1] * 4


@pytest.mark.postgres
def test_what_is_recorded_while_the_database_is_away_arrives_when_it_is_back(postgres) -> None:
    is_away = False
    text = postgres.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def connect() -> psycopg.Connection:
        port = 1 if is_away else postgres.url.port  # at 1 nobody listens
        return psycopg.connect(text, port=port)

    engine = create_engine(postgres.url, creator=connect)
    clock = FakeClock()
    clock.set("2026-01-01T08:00Z")
    with closing(Metrics(SqlSeries(SqlStore(engine)), wall_ns=clock.ticks)) as metrics:
        counter = metrics.counter("runs")
        for turn in range(9):  # three of them before, three while it is away, three after
            is_away = turn in {3, 4, 5}
            engine.dispose()
            counter.add(10**turn)
            if is_away:
                with pytest.raises(SeriesUnavailable):
                    metrics.flush()
            else:
                metrics.flush()
            clock.advance(seconds=10)
        ids = [it.series.id for it in metrics.series.series(["runs"])]
        now = metrics.now()
        points = metrics.series.read(ids, now - 300, now, now).points

    assert sorted(decode_increase(it.data) for it in points) == [10**turn for turn in range(9)]
    engine.dispose()


def test_closing_metrics_whose_database_is_gone_raises_and_ends() -> None:
    engine = create_engine("postgresql+psycopg://a:b@127.0.0.1:1/c")
    metrics = Metrics(SqlSeries(SqlStore(engine)))
    metrics.counter("runs").add(1)
    with pytest.raises(StoreError):
        metrics.close()
    metrics.close()
