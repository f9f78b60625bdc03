"""Flushing: what is written, kept, released, dropped and counted, whatever fails in between."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import timedelta
from typing import Any

import pytest

from habitkit.backends.memory.series import MemorySeries
from habitkit.kit_metrics import KitMetrics
from habitkit.metrics import AsyncMetrics, Metrics, increase, last, metric
from habitkit.metrics.domain.points import encode_increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.domain.tiers import SeriesTier
from habitkit.metrics.domain.totals import Total
from habitkit.metrics.port import Exports, Point
from habitkit.testing import FakeClock


class Failing(MemorySeries):
    """A store that cannot be reached at times."""

    is_away = False

    def write(self, points: Any, series: Any, now: int) -> Any:
        if self.is_away:
            raise ConnectionError
        return super().write(points, series, now)


def make(series: Any = None, start: str = "2026-01-01T08:00:05Z") -> tuple[Metrics, FakeClock]:
    clock = FakeClock(start)
    return Metrics(series, ticks=clock.ticks, wall_ns=clock.ticks), clock


def total(metrics: Metrics, name: str) -> Any:
    return next(it.value for it in metrics.totals() if it.series.metric == name)


def dropped(metrics: Metrics) -> dict[tuple[str, str], Any]:
    return {
        (labels["metric"], labels["reason"]): it.value
        for it in metrics.totals()
        if it.series.metric == "habitkit_metrics_dropped"
        for labels in [dict(it.series.attributes)]
    }


def flush_failing(metrics: Metrics, series: Failing) -> None:
    series.is_away = True
    with pytest.raises(ConnectionError):
        metrics.flush()
    series.is_away = False


@pytest.mark.parametrize("second", [5, 0])
def test_a_slot_that_was_written_before_it_ended_is_let_go_when_it_has_ended(second: int) -> None:
    metrics, clock = make(start=f"2026-01-01T08:00:0{second}Z")
    counter, gauge = metrics.counter("runs"), metrics.gauge("waiting").bind()
    for _ in range(70):
        counter.add(1)
        gauge.set(1)
        metrics.flush()
        clock.advance(seconds=10)
    metrics.flush()
    assert dropped(metrics) == {}
    assert total(metrics, "runs") == 70
    assert metrics.query(increase("runs", "12m")).value == 70
    assert len(counter.bind()._slots) + len(gauge._slots) <= 2  # held memory


def test_values_of_two_hours_may_be_recorded_at_once_and_survive_a_flush_that_fails() -> None:
    series = Failing([SeriesTier(10, 3 * 3600), SeriesTier(60, 6 * 3600)])
    metrics, clock = make(series)
    counter = metrics.counter("runs")
    for turn in range(2):
        for n in range(719):
            counter.add(1, at=clock.now() - timedelta(seconds=10 * n + 1))
        if not turn:
            flush_failing(metrics, series)
    metrics.flush()
    assert dropped(metrics) == {}
    assert total(metrics, "runs") == 2 * 719
    assert metrics.query(increase("runs", "3h")).value == 2 * 718  # the present slot is not over


def test_a_slot_that_was_stored_in_part_and_then_dropped_is_not_replaced_by_less() -> None:
    series = Failing()
    metrics, clock = make(series)
    counter = metrics.counter("runs")
    early = clock.now()
    counter.add(100)
    metrics.flush()
    counter.add(1)
    assert total(metrics, "runs") == 101  # which folds it into the first slot
    for _ in range(60):
        clock.advance(seconds=10)
        counter.add(1)
        flush_failing(metrics, series)
    counter.add(1000, at=early)
    clock.advance(seconds=10)
    metrics.flush()
    assert dropped(metrics)["runs", "not_stored"] == 1
    assert metrics.query(increase("runs", "15m")).value == 100 + 60 + 1000
    assert total(metrics, "runs") == 100 + 61 + 1000


def test_late_values_that_wait_for_too_long_are_dropped_and_counted() -> None:
    series = Failing()
    metrics, clock = make(series)
    counter = metrics.counter("runs")
    for _ in range(62):
        counter.add(1, at=clock.now() - timedelta(minutes=1))
        flush_failing(metrics, series)
    clock.advance(seconds=10)
    metrics.flush()
    assert dropped(metrics) == {("runs", "not_stored"): 2}
    assert metrics.query(increase("runs", "5m")).value == 60


def test_values_whose_slot_is_no_longer_kept_when_they_are_flushed_are_counted() -> None:
    metrics, clock = make()
    metrics.flush()
    metrics.counter("runs").add(1)
    total(metrics, "runs")
    metrics.counter("rides").add(1, at=clock.now() - timedelta(minutes=40))
    clock.advance(hours=4)  # as if the machine had slept
    metrics.flush()
    found = dropped(metrics)
    assert found["runs", "not_stored"] == found["rides", "not_stored"] == 1


def test_a_late_value_of_a_gauge_is_not_that_of_another_process() -> None:
    metrics, clock = make()
    gauge = metrics.gauge("waiting", across="sum")
    gauge.set(5)
    metrics.flush()
    clock.advance(seconds=15)
    metrics.flush()
    for turn in (2, 1):
        gauge.set(4, at=clock.now() - timedelta(seconds=15 + turn))
        metrics.flush()
    assert metrics.query("waiting").value == 5
    clock.advance(seconds=120)
    metrics.series.roll(metrics.now(), 100)
    metrics.flush()
    at = clock.now() - timedelta(seconds=75)
    assert metrics.query(last("waiting"), at).value == 5


def test_a_gauge_stays_what_it_was_set_to_when_the_clock_is_set_back() -> None:
    metrics, clock = make()
    gauge, other = metrics.gauge("waiting", across="sum"), metrics.gauge("rooms", across="sum")
    gauge.set(5)
    other.set(3)
    for seconds in (10, 10, -3600, 10, 10):
        clock.advance(seconds=seconds)
        metrics.flush()
    assert metrics.query("rooms").value == 3
    gauge.set(1)
    gauge.add(1)
    gauge.add(2)
    for _ in range(8):
        clock.advance(seconds=5)
        metrics.flush()
        assert total(metrics, "waiting").last == 4
    assert metrics.query("waiting").value == 4
    assert metrics.query("rooms").value == 3


def test_a_series_whose_id_another_one_has_is_never_written_as_that_one() -> None:
    series = MemorySeries()
    metrics, clock = make(series)
    counter = metrics.counter("runs")
    series.write([], [taken := Series("rides", "counter")], metrics.now())
    counter.bind().series.__dict__["id"] = taken.id  # as if the hashes were equal
    series.write([Point(taken.id, 10, metrics.now() // 10 * 10, 1, encode_increase(7))], [], 0)
    for _ in range(3):
        counter.add(1)
        counter.add(1, at=clock.now() - timedelta(minutes=1))
        metrics.flush()
        clock.advance(seconds=10)
    assert metrics.query(increase(metric("rides"), "5m")).value == 7
    assert dropped(metrics).keys() == {("runs", "id_taken")}


class Held(MemorySeries):
    """A store whose first write waits for the test in its thread."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go_on = threading.Event(), threading.Event()

    def write(self, points: Any, series: Any, now: int) -> Any:
        if not self.began.is_set():
            self.began.set()
            assert self.go_on.wait(10)
        return super().write(points, series, now)


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_thread_of_a_cancelled_flush_replaces_nothing_that_a_later_one_has_written() -> (
    None
):
    series, clock = Held(), FakeClock("2026-01-01T08:00:05Z")
    metrics = AsyncMetrics(series, wall_ns=clock.ticks)
    metrics.counter("runs").add(1)
    first = asyncio.create_task(metrics.flush())
    await asyncio.to_thread(series.began.wait, 10)
    await cancelled(first)
    metrics.counter("runs").add(10)
    asyncio.get_running_loop().call_later(0.1, series.go_on.set)
    await metrics.flush()
    series.go_on.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    clock.advance(seconds=20)
    metric_ids = [it.series.id for it in series.series(["runs"])]
    points = series.read(metric_ids, metrics.now() - 600, metrics.now(), metrics.now()).points
    assert [it.data for it in points] == [encode_increase(11)]


async def test_a_cancelled_close_is_cancelled_and_the_next_one_closes() -> None:
    series = Held()
    exporter = Exporter()
    metrics = AsyncMetrics(series, exporters=[exporter])
    metrics.counter("runs").add(1)
    closing = asyncio.create_task(metrics.close())
    await asyncio.to_thread(series.began.wait, 10)
    await cancelled(closing)
    series.go_on.set()
    await metrics.close()
    await metrics.close()
    assert [exporter.sum_of("runs"), exporter.closed] == [1, 1]


def test_a_flush_that_is_interrupted_does_not_keep_the_next_one_waiting() -> None:
    series = Failing()
    metrics, _ = make(series)
    metrics.counter("runs").add(1)
    series.write = _interrupted  # type: ignore[method-assign,assignment]
    try:
        metrics.flush()
    except KeyboardInterrupt:
        del series.write
        metrics.close()  # while the traceback holds the frames of the flush
    assert len(series.series(["runs"])) == 1


def _interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


class Exporter:
    """Keeps what it is given; may be told what to do first."""

    cumulative = False

    def __init__(self, name: str = "kept", first: Any = None) -> None:
        self.name = name
        self.given: list[Total] = []
        self.closed = 0
        self._first = first

    def export(self, exports: Exports) -> None:
        if self._first is not None:
            self._first()
        self.given += exports.series

    def close(self) -> None:
        self.closed += 1

    def sum_of(self, name: str) -> Any:
        return sum(it.value for it in self.given if it.series.metric == name)


def test_exporters_are_given_what_was_recorded_while_the_store_is_away() -> None:
    series, exporter = Failing(), Exporter()
    metrics = Metrics(series, exporters=[exporter])
    for n in (1, 2):
        metrics.counter("runs").add(n)
        flush_failing(metrics, series)
        assert exporter.sum_of("runs") == 2 * n - 1
    metrics.counter("runs").add(4)
    metrics.flush()
    assert exporter.sum_of("runs") == 7


async def test_a_flush_that_is_cancelled_in_one_exporter_takes_nothing_from_another() -> None:
    began, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        go_on.wait(10)

    second = Exporter("second")
    metrics = AsyncMetrics(exporters=[Exporter("first", wait), second])
    metrics.counter("runs").add(1)
    flush = asyncio.create_task(metrics.flush())
    await asyncio.to_thread(began.wait, 10)
    await cancelled(flush)
    go_on.set()
    metrics.counter("runs").add(10)
    await metrics.flush()
    assert second.sum_of("runs") == 11


def test_a_forked_process_does_not_wait_for_a_thread_that_was_making_the_metrics_of_a_kit() -> None:
    made = KitMetrics()
    with made._lock:
        child = os.fork()
        if not child:
            threading.Thread(target=made.get, daemon=True).start()
            for thread in threading.enumerate():
                if thread is not threading.current_thread():
                    thread.join(5)
            os._exit(0 if made.made is not None else 1)
        assert os.waitpid(child, 0)[1] == 0
