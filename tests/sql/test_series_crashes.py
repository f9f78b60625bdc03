"""Processes that write and roll up time series, and are killed in the middle of it."""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from habitkit.backends.sqlalchemy import SqlStore
from habitkit.backends.sqlalchemy.series import SqlSeries
from habitkit.metrics.domain.points import decode_increase
from habitkit.testing.contracts._processes import Worker
from tests.sql.series_worker import (
    SERIES,
    THREADS,
    TIERS,
    T,
    batch,
    cut_off,
    now_since,
    rolling,
    writing,
)
from tests.sql.support import wait_until

PROCESSES = 4
IDS = [it.id for it in SERIES]
FEW = 4
MANY = pytest.param(80, marks=[pytest.mark.slow, pytest.mark.timeout(600)])


def amounts(store: SqlSeries, now: int) -> int:
    """Return the sum of all amounts, which each series has in its own measure."""
    found = dict.fromkeys(IDS, 0)
    for point in store.read(IDS, T, now - now % 10 + 10, now).points:
        found[point.series] += int(decode_increase(point.data))
    first = found[IDS[0]]
    assert list(found.values()) == [first, 2 * first, 3 * first], "a batch is whole, or not there"
    return first


def is_rolled_up(store: SqlSeries, now: int) -> bool:
    """Return whether the process that rolls up has done so."""
    return any(it.step > TIERS[0].step_seconds for it in store.read(IDS, T, now, now).points)


class Fleet:
    """Processes that write, each with a log of its own, and one that rolls up."""

    def __init__(self, url: str, folder: Path, chance: random.Random) -> None:
        self._url, self._started, self._chance = url, str(time.time()), chance
        self._first = 0
        self.logs = [folder / f"log{n}" for n in range(PROCESSES)]
        self._workers = [self._writer(n, again=False) for n in range(PROCESSES)]
        self._workers.append(Worker(rolling, url, self._started))

    def now(self) -> int:
        return now_since(self._started)

    def wait_for(self, more: int) -> None:
        """Wait until the logs have so many bytes more."""
        enough = self._size() + more
        wait_until(lambda: self._size() >= enough)

    def kill_one(self) -> None:
        """Kill any one, and start another in its place."""
        place = self._chance.randrange(PROCESSES + 1)
        self._workers[place].kill()
        self._workers[place].close()
        if place == PROCESSES:
            self._workers[place] = Worker(rolling, self._url, self._started)
        else:
            self._workers[place] = self._writer(place, again=self._chance.random() < 0.5)

    def close(self) -> None:
        """Kill them all."""
        for worker in self._workers:
            worker.close()

    def _size(self) -> int:
        return sum(log.stat().st_size for log in self.logs if log.exists())

    def _writer(self, place: int, *, again: bool) -> Worker:
        self._first += THREADS
        path = str(self.logs[place])
        return Worker(writing, self._url, self._started, path, str(self._first), "again" * again)


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_nothing_that_was_flushed_is_lost_or_doubled_by_processes_that_are_killed(
    engine: Engine, tmp_path: Path, kills: int
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    chance = random.Random(kills)
    store = SqlSeries(SqlStore(engine), TIERS)
    with closing(Fleet(url, tmp_path, chance)) as fleet:
        for _ in range(kills):
            fleet.wait_for(chance.randrange(500, 4000))
            amounts(store, fleet.now())
            fleet.kill_one()
        wait_until(lambda: is_rolled_up(store, fleet.now()))
    done, tried = dict[tuple[int, int], int](), dict[tuple[int, int], int]()
    for log in fleet.logs:
        for word, *row in (line.split() for line in log.read_text().splitlines()):
            slot, writer, amount = map(int, row)
            (done if word == "done" else tried)[slot, writer] = amount

    now = fleet.now()
    least, most = sum(done.values()), sum(tried.values())
    assert least > 0
    assert least <= amounts(store, now) <= most
    for slot, writer, amount in (it for log in fleet.logs for it in cut_off(log, now)):
        for _ in range(2):
            store.write(batch(slot, writer, amount), SERIES, now)
        done[slot, writer] = amount
    before = amounts(store, now)
    assert sum(done.values()) <= before <= most, "they differ by what is too old to be repeated"
    while store.roll(now + 700, 10).more:
        pass
    for later in (now + 700, now + 10_000):
        while store.prune(later, 1000).more:
            pass
        assert amounts(store, now - now % 600 + 590) == before
