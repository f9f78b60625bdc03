"""What processes do that record with ``Metrics`` until they are killed."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from habitkit.metrics import Metrics
from habitkit.metrics.errors import SeriesUnavailable
from habitkit.testing._race_worker import Channel
from tests.sql.series_worker import series_in

THREADS = 2


def recording(channel: Channel, url: str, path: str) -> None:
    """Record in some threads and flush all the time.

    Args:
        channel: To the test.
        url: Of the database.
        path: The log: ``r`` before each value, and a line with the flushed total after each flush.
    """
    metrics = Metrics(series_in(url))
    counter, load = metrics.counter("runs"), metrics.distribution("load")
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def work(zone: str) -> None:
        bound = counter.bind({"zone": zone})
        while True:
            os.write(log, b"r")
            bound.add(1)
            load.record(2, {"zone": zone})

    channel.say("ready")
    for n in range(THREADS):
        threading.Thread(target=work, args=(str(n),), daemon=True).start()
    while True:
        recorded = sum(it.value for it in metrics.totals() if it.series.metric == "runs")  # type: ignore[misc]
        with suppress(SeriesUnavailable):
            metrics.flush()
            os.write(log, f"\n{recorded}\n".encode())
