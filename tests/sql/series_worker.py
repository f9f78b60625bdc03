"""What processes do that write and roll up the same time series until they are killed.

Their time goes faster, so that slots end, are rolled up and pruned while the test runs.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event

from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.backends.sqlalchemy.series import SqlSeries
from habitkit.metrics.domain.points import encode_increase
from habitkit.metrics.domain.series import Series, labels_of
from habitkit.metrics.domain.tiers import SeriesTier, slot_of
from habitkit.metrics.errors import SeriesUnavailable
from habitkit.metrics.port import Point
from habitkit.testing._race_worker import Channel

T = 1_800_000_000
SPEED = 200
THREADS = 2
LATE_SECONDS = 1200
TIERS = (SeriesTier(10, 2400), SeriesTier(60, 6000), SeriesTier(600, 600_000))
SERIES = [Series("runs", "counter", attributes=labels_of({"n": str(n)})) for n in range(3)]


def series_in(url: str) -> SqlSeries:
    """Return time series in a database."""
    if not url.startswith("sqlite"):
        return SqlSeries(SqlStore(create_engine(url)), TIERS)
    engine = sqlite_engine(url)
    event.listen(engine, "connect", _do_not_sync)
    return SqlSeries(SqlStore(engine), TIERS)


def now_since(started: str) -> int:
    """Return the time of the series; it began when the test did."""
    return T + int((time.time() - float(started)) * SPEED)


def batch(slot: int, writer: int, amount: int) -> list[Point]:
    """Return one point of each series, which are as 1 to 2 to 3."""
    return [
        Point(series.id, 10, slot, writer, encode_increase(amount * (1 + n)))
        for n, series in enumerate(SERIES)
    ]


def cut_off(log: Path, now: int) -> list[tuple[int, int, int]]:
    """Return the batches that were tried, and not said to be done: slot, writer and amount.

    Those of long ago are left out, as a flush would not be repeated any more.
    """
    last: dict[str, tuple[str, ...]] = {}
    lines = log.read_text().splitlines() if log.exists() else []
    for word, slot, writer, amount in (line.split() for line in lines):
        last[writer] = (word, slot, writer, amount)
    cut = [tuple(map(int, row)) for word, *row in last.values() if word == "try"]
    return [(slot, writer, amount) for slot, writer, amount in cut if slot > now - LATE_SECONDS]


def writing(channel: Channel, url: str, started: str, path: str, first: str, again: str) -> None:
    """Write batches in some threads, each a writer of its own, until killed.

    Args:
        channel: To the test.
        url: Of the database.
        started: When the test began.
        path: The log: a line before each batch, and one after it.
        first: The number of the first writer.
        again: Whether to repeat first what was cut off.
    """
    store, log = series_in(url), os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(slot: int, writer: int, amount: int) -> None:
        now = now_since(started)
        os.write(log, f"try {slot} {writer} {amount}\n".encode())
        while True:
            with suppress(SeriesUnavailable):
                assert not store.write(batch(slot, writer, amount), SERIES, now)
                break
        os.write(log, f"done {slot} {writer} {amount}\n".encode())

    def work(writer: int) -> None:
        amount, at = 0, 0
        while True:
            slot = slot_of(now_since(started), 10)
            amount, at = (amount + 1 if slot == at else 1), slot
            write(slot, writer, amount)

    channel.say("ready")
    if again:
        for each in cut_off(Path(path), now_since(started)):
            write(*each)
    threads = [threading.Thread(target=work, args=(int(first) + n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rolling(channel: Channel, url: str, started: str) -> None:
    """Roll up and prune, until killed."""
    store = series_in(url)
    channel.say("ready")
    while True:
        with suppress(SeriesUnavailable):
            store.roll(now_since(started), 3)
            store.prune(now_since(started), 50)


def _do_not_sync(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
