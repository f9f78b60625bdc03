"""Flushes that fail, are interrupted, cancelled or come too late: what is lost is counted."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from habitkit.backends.memory.series import MemorySeries
from habitkit.kit_metrics import KitMetrics
from habitkit.metrics import AsyncMetrics, Metrics, increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.errors import InvalidMetric
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.metrics.port import Exports


class Store(MemorySeries):
    """Does something before it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], object] = int

    def write(self, *args: Any) -> Sequence[int]:
        self.before()
        return super().write(*args)


def away() -> None:
    raise ConnectionError


def interrupted() -> None:
    raise KeyboardInterrupt


def make(at: str = "2026-01-01T12:00:05Z", **options: Any) -> tuple[FakeClock, Store, Metrics]:
    clock, store = FakeClock(at), Store()
    return clock, store, Metrics(store, ticks=clock.ticks, wall_ns=clock.ticks, **options)


def dropped(metrics: Metrics | AsyncMetrics) -> dict[tuple[str, str], Any]:
    found = {}
    for it in metrics.totals():
        if it.series.metric == "habitkit_metrics_dropped":
            of = dict(it.series.attributes)
            found[of["metric"], of["reason"]] = it.value
    return found


def stored(clock: FakeClock, metrics: Metrics, name: str) -> float:
    clock.advance(seconds=10)
    return metrics.query(increase(name, "30m")).value


def test_late_values_wait_for_a_store_that_is_away_and_those_that_do_not_fit_are_counted() -> None:
    clock, store, metrics = make()
    counter = metrics.counter("runs")
    counter.add(1)
    metrics.flush()
    clock.advance(seconds=20)
    metrics.flush()
    store.before = away
    for _ in range(70):
        counter.add(1, at=clock.now() - timedelta(seconds=20))
        with pytest.raises(ConnectionError):
            metrics.flush()
    store.before = int
    metrics.flush()
    lost = dropped(metrics)["runs", "not_stored"]
    assert lost == 10
    assert stored(clock, metrics, "runs") == 71 - lost


def test_what_a_store_does_not_take_any_more_is_counted() -> None:
    clock, _, metrics = make()
    metrics.counter("runs").add(1)
    metrics.totals()  # which puts it into its slot
    clock.advance(hours=5)  # such as a machine that sleeps
    metrics.counter("runs").add(2)
    metrics.flush()
    assert dropped(metrics) == {("runs", "not_stored"): 1}
    assert stored(clock, metrics, "runs") == 2


def test_exporters_get_what_was_recorded_while_the_store_is_away() -> None:
    class Exporter:
        name = "kept"
        cumulative = False
        increases: list[float] = []

        def export(self, exports: Exports) -> None:
            self.increases += [it.value for it in exports.series if it.series.metric == "runs"]  # type: ignore[misc]

        def close(self) -> None: ...

    _, store, metrics = make(exporters=[Exporter()])
    store.before = away
    for amount in (1, 2):
        metrics.counter("runs").add(amount)
        with pytest.raises(ConnectionError):
            (metrics.flush if amount == 1 else metrics.close)()
    assert Exporter.increases == [1, 2]


def test_exports_of_a_long_time_that_failed_once_get_another_try() -> None:
    sent: list[float] = []

    class Exporter:
        name = "restarted"
        cumulative = False
        fails = True

        def export(self, exports: Exports) -> None:
            if self.fails:
                raise ConnectionError
            sent.extend(it.value for it in exports.series if it.series.metric == "runs")  # type: ignore[misc]

        def close(self) -> None: ...

    exporter = Exporter()
    clock, _, metrics = make(exporters=[exporter])
    metrics.counter("runs").add(3)
    clock.advance(minutes=15)  # such as a machine that slept
    metrics.flush()
    exporter.fails = False
    clock.advance(minutes=9)
    metrics.flush()
    assert sent == [3]


async def test_what_waits_for_an_exporter_that_hangs_is_bounded_if_flushes_are_cancelled() -> None:
    class Exporter:
        name = "hanging"
        cumulative = False

        def __init__(self) -> None:
            self.began = asyncio.Event()

        async def export(self, _: Exports) -> None:
            self.began.set()
            await asyncio.Event().wait()

        def close(self) -> None: ...

    clock, exporter = FakeClock("2026-01-01T12:00:05Z"), Exporter()
    metrics = AsyncMetrics(ticks=clock.ticks, wall_ns=clock.ticks, exporters=[exporter])
    for _ in range(5):
        exporter.began.clear()
        flush = asyncio.create_task(metrics.flush())
        await exporter.began.wait()
        flush.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flush
        clock.advance(minutes=4)
    assert dropped(metrics) == {("hanging", "not_exported"): 2}


@pytest.mark.timeout(20)
def test_a_gauge_may_read_what_a_query_returns() -> None:
    clock, _, metrics = make()
    metrics.counter("runs").add(3)
    metrics.flush()
    metrics.gauge("lately", read=lambda: metrics.query(increase("runs", "5m")).value)
    clock.advance(seconds=10)
    metrics.flush()
    assert dropped(metrics) == {}
    clock.advance(seconds=10)
    assert metrics.query("lately").value == 3


def test_a_read_that_fails_takes_no_late_value_from_a_strict_one() -> None:
    clock, _, metrics = make(strict=True)
    metrics.counter("runs").add(1, at=clock.now() - timedelta(seconds=20))
    bad = [float("nan")]
    metrics.gauge("waiting", read=lambda: bad.pop() if bad else 1)
    with pytest.raises(InvalidMetric):
        metrics.flush()
    assert stored(clock, metrics, "runs") == 1


@pytest.mark.timeout(20)
def test_an_interrupted_flush_does_not_block_the_one_at_the_end() -> None:
    clock, store, metrics = make()
    metrics.counter("runs").add(3)

    def interrupt_once() -> None:
        store.before = int
        raise KeyboardInterrupt

    store.before = interrupt_once
    with pytest.raises(KeyboardInterrupt), metrics:
        metrics.flush()
    assert stored(clock, metrics, "runs") == 3


def test_an_interrupted_close_raises_no_other_error_and_can_be_repeated() -> None:
    _, store, metrics = make()
    store.before = interrupted
    metrics.counter("runs").add(3)
    with pytest.raises(KeyboardInterrupt):
        metrics.close()
    store.before = int
    metrics.close()
    assert store.series(["runs"])


def test_a_cancelled_flush_does_not_replace_what_a_later_one_has_written() -> None:
    clock = FakeClock("2026-01-01T12:00:05Z")
    began, go = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go.wait(10)

    async def main() -> float:
        store = Store()
        metrics = AsyncMetrics(store, ticks=clock.ticks, wall_ns=clock.ticks)
        counter = metrics.counter("runs")
        counter.add(1)
        store.before = slow
        first = asyncio.create_task(metrics.flush())
        await asyncio.to_thread(began.wait, 10)
        store.before = int
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        counter.add(1)
        second = asyncio.create_task(metrics.flush())
        await asyncio.wait([second], timeout=0.1)  # it waits for the thread
        go.set()
        await second
        clock.advance(seconds=10)
        return (await metrics.query(increase("runs", "1m"))).value

    assert asyncio.run(main()) == 2


def test_what_a_cancelled_flush_goes_on_sending_is_not_sent_again() -> None:
    began, go = threading.Event(), threading.Event()
    sent: list[float] = []

    class Exporter:
        name = "slow"
        cumulative = False

        def export(self, exports: Exports) -> None:
            began.set()
            go.wait(10)
            sent.extend(it.value for it in exports.series if it.series.metric == "runs")  # type: ignore[misc]

        def close(self) -> None: ...

    async def main() -> None:
        metrics = AsyncMetrics(exporters=[Exporter()])
        metrics.counter("runs").add(1)
        first = asyncio.create_task(metrics.flush())
        await asyncio.to_thread(began.wait, 10)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        metrics.counter("runs").add(2)
        second = asyncio.create_task(metrics.flush())
        await asyncio.wait([second], timeout=0.1)  # it waits for the thread
        go.set()
        await second

    asyncio.run(main())
    assert sent == [1, 2]


async def test_a_block_whose_task_was_cancelled_flushes_at_its_end() -> None:
    metrics = AsyncMetrics()
    async with metrics.flushing(1000) as block:
        metrics.counter("runs").add(1)
        task: Any = block._task
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert metrics.steps.flushed_at is not None


def test_a_series_whose_id_another_one_has_is_counted_and_never_mixed_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = {"first": 1, "second": 1}
    monkeypatch.setattr(Series, "id", property(lambda it: ids.get(it.metric, hash(it.text))))
    clock, store, one = make()
    other = Metrics(store, ticks=clock.ticks, wall_ns=clock.ticks)
    for _ in range(3):
        one.counter("first").add(1)
        one.counter("second").add(100)
        other.counter("second").add(1000)
        one.flush()
        other.flush()
        clock.advance(seconds=10)
    assert dropped(one) == {("second", "id_taken"): 3}
    assert dropped(other) == {("second", "id_taken"): 3}
    assert stored(clock, one, "first") == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_does_not_wait_for_metrics_that_a_thread_is_making() -> None:
    kit_metrics = KitMetrics(given=None)
    with kit_metrics._lock:
        child = os.fork()
        if not child:
            os._exit(0 if kit_metrics._lock.acquire(timeout=5) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
