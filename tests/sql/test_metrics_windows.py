"""Windows of what was recorded with ``Metrics``, against sums over all that was recorded."""

from __future__ import annotations

import os
import random
import signal
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import create_engine

from habitkit.backends.sqlalchemy import SqlSeries, SqlStore, upgrade
from habitkit.backends.sqlalchemy._series_tables import marks, points, series
from habitkit.metrics import (
    InvalidMetric,
    Metrics,
    SeriesUnavailable,
    UnknownMetric,
    increase,
    quantile,
    total,
)
from habitkit.metrics.domain.points import decode_increase
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.tiers import TIERS as DEFAULT
from habitkit.metrics.domain.tiers import SeriesTier, slot_of
from habitkit.testing import FakeClock
from tests.services import PostgresServer

if TYPE_CHECKING:
    from sqlalchemy import Engine

STEP = 10
TIERS = (SeriesTier(STEP, 3 * 3600), SeriesTier(60, 6 * 3600), SeriesTier(600, 86_400))


class Hosts:
    """Two processes that record at random, at a clock that is set back now and then."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = FakeClock("2026-01-01T00:00:00Z")
        self.store = SqlSeries(SqlStore(engine), TIERS if seed % 2 else DEFAULT)
        self.running = [self.started(), self.started()]
        self.recorded: list[tuple[int, str, int]] = []

    def started(self) -> Metrics:
        return Metrics(self.store, ticks=self.clock.ticks, wall_ns=self.clock.ticks)

    def flush(self) -> None:
        for metrics in self.running:
            metrics.flush()

    def act(self) -> None:
        metrics, now = self.random.choice(self.running), self.running[0].now()
        match self.random.choices(range(7), weights=[55, 15, 10, 5, 2, 2, 11])[0]:
            case 0:
                self.record(metrics)
            case 1:
                metrics.flush()
            case 2:
                self.store.roll(now, self.random.choice([1, 3, 1000]))
            case 3:
                self.store.prune(now, self.random.choice([5, 10_000]))
            case 4:
                metrics.flush()
                self.running[self.running.index(metrics)] = self.started()
            case 5:
                self.clock.advance(seconds=-self.random.randint(1, 40))
            case _:
                self.flush()
                self.clock.advance(seconds=self.random.choice([1, 5, 10, 30, 30, 600, 3600]))

    def record(self, metrics: Metrics) -> None:
        amount, zone = self.random.randint(1, 9), self.random.choice("ab")
        late = self.random.choice([None, self.random.randint(0, 7200)])
        at = None if late is None else self.clock.now() - timedelta(seconds=late)
        metrics.counter("runs").add(amount, {"zone": zone}, at=at)
        metrics.distribution("load").record(amount, {"zone": zone}, at=at)
        metrics.totals()  # which puts it into the slot of this moment
        self.recorded.append((int((at or self.clock.now()).timestamp()), zone, amount))

    def compare(self) -> int:
        """Compare a random window with what was recorded in it; return how many results."""
        at = self.running[0].now() - self.random.randint(-20, 10_000)
        over = self.random.randint(STEP, 20_000)
        zone = self.random.choice([None, "a", "b"])
        where = {"zone": zone} if zone else None
        found = 0
        for expression, naive in (
            (increase("runs", over, where=where), sum),
            (total("load", over, where=where), sum),
            (quantile(0.99, "load", over, where=where), p99),
        ):
            try:
                vector = self.running[0].query(expression, datetime.fromtimestamp(at, UTC))
            except (UnknownMetric, InvalidMetric):  # not yet recorded; slots that are too long
                continue
            if vector.samples:
                inside = [
                    amount
                    for second, of, amount in self.recorded
                    if vector.start <= slot_of(second, STEP) < vector.end and zone in (None, of)
                ]
                assert at - over <= vector.start <= vector.end <= at
                assert vector.value == pytest.approx(naive(inside), rel=0, abs=0, nan_ok=True)
                found += 1
        return found


def p99(values: list[int]) -> float:
    """Return the quantile of one sketch of all values."""
    sketch = Sketch()
    sketch.add(values)
    return sketch.quantile(0.99)


@pytest.mark.parametrize(
    "seeds",
    [range(2), pytest.param(range(2, 40), marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_every_window_is_what_was_recorded_in_it_however_it_was_rolled_up(
    engine: Engine, seeds: range
) -> None:
    found = 0
    for seed in seeds:
        with engine.begin() as connection:
            for table in (points, marks, series):
                connection.execute(table.delete())
        hosts = Hosts(engine, seed)
        for turn in range(200):
            hosts.act()
            if not turn % 5:
                hosts.flush()
                found += hosts.compare()
    assert found > 20 * len(seeds)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(120)
def test_a_server_that_crashes_again_and_again_loses_and_doubles_nothing() -> None:
    over = threading.Event()
    counts = [0, 0]
    with PostgresServer() as server:
        url = server.url()
        engine = create_engine(url)
        upgrade(engine)
        with closing(Metrics(SqlSeries(SqlStore(engine)))) as metrics:

            def work(n: int) -> None:
                runs = metrics.counter("runs").bind({"thread": str(n)})
                while not over.wait(0.0005):
                    runs.add(1)
                    counts[n] += 1

            def crash() -> None:
                for _ in range(5):
                    with (
                        suppress(psycopg.Error),
                        psycopg.connect(url.replace("+psycopg", "")) as it,
                    ):
                        os.kill(it.info.backend_pid, signal.SIGKILL)  # ends all others too
                    over.wait(1.5)
                over.set()

            threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
            threads.append(threading.Thread(target=crash))
            for thread in threads:
                thread.start()
            failed = 0
            while not over.is_set():
                try:
                    metrics.flush()
                except SeriesUnavailable:
                    failed += 1
            for thread in threads:
                thread.join()
            metrics.flush()
            now = metrics.now()
            ids = [it.series.id for it in metrics.series.series(["runs"])]
            end = now + 10 - now % 10
            found = metrics.series.read(ids, now - 600, end, now + 10).points
        engine.dispose()
    assert failed
    assert sum(decode_increase(it.data) for it in found) == sum(counts)
