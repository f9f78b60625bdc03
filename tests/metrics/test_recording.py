"""Recording: what reaches the slots and totals, what is dropped, threads and forks."""

import asyncio
import math
import os
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import ConfigurationError
from habitkit.metrics import InvalidMetric, MetricConflict, Metrics
from habitkit.metrics.domain.points import decode_gauge, decode_increase
from habitkit.metrics.domain.sketch import Sketch
from habitkit.testing import FakeClock


def make(clock=None, **options):
    clock = clock or FakeClock("2026-01-01T00:00:05Z")
    return Metrics(ticks=clock.ticks, wall_ns=clock.ticks, **options)


def total(metrics, name, **attributes):
    found = [
        it.value
        for it in metrics.totals()
        if it.series.metric == name and dict(it.series.attributes) == attributes
    ]
    assert len(found) <= 1
    return found[0] if found else None


def dropped(metrics):
    return {
        (dict(it.series.attributes)["metric"], dict(it.series.attributes)["reason"]): it.value
        for it in metrics.totals()
        if it.series.metric == "habitkit_metrics_dropped"
    }


def test_a_name_asked_for_again_gives_the_same_instrument():
    metrics = make()
    assert metrics.counter("check_ins") is metrics.counter("check_ins")
    assert metrics.gauge("queue") is metrics.gauge("queue")
    assert metrics.distribution("load", unit="seconds") is metrics.distribution(
        "load", unit="seconds"
    )


@pytest.mark.parametrize(
    "ask",
    [
        lambda it: it.gauge("check_ins"),
        lambda it: it.counter("check_ins", unit="bytes"),
        lambda it: it.gauge("queue", across="sum"),
        lambda it: it.gauge("queue", read=lambda: 1),
    ],
)
def test_another_kind_unit_or_way_to_combine_is_a_conflict(ask):
    metrics = make()
    metrics.counter("check_ins")
    metrics.gauge("queue")
    with pytest.raises(MetricConflict, match="and was asked for as"):
        ask(metrics)


@pytest.mark.parametrize(
    "name", ["", "A", "9a", "a-b", "a" * 101, "x_total", "habitkit_x", None, 5, "ä"]
)
def test_a_bad_name_is_refused_at_once(name):
    with pytest.raises(InvalidMetric, match="name"):
        make().counter(name)


@pytest.mark.parametrize("unit", ["Seconds", None, "1", "a b"])
def test_a_bad_unit_is_refused_at_once(unit):
    with pytest.raises(InvalidMetric, match="unit"):
        make().counter("x", unit=unit)


@pytest.mark.parametrize("description", [None, 1, b"Runs", "\ud800", "a\0"])
def test_a_bad_description_is_refused_at_once(description):
    with pytest.raises(InvalidMetric, match="description"):
        make().counter("x", description=description)


def test_ints_and_bools_become_texts_and_stay_two_series():
    metrics = make()
    counter = metrics.counter("x")
    counter.add(1, {"ok": 1})
    counter.add(2, {"ok": True})
    counter.add(4, {"ok": "1"})
    counter.add(8, {"ok": "true"})
    assert total(metrics, "x", ok="1") == 5
    assert total(metrics, "x", ok="true") == 10


def test_the_order_of_attributes_makes_no_other_series():
    metrics = make()
    counter = metrics.counter("x")
    for attributes in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}) * 2:
        counter.add(1, attributes)
    assert total(metrics, "x", a="1", b="2") == 4


BAD_VALUES = [
    (math.nan, "not_finite"),
    (math.inf, "not_finite"),
    (-1, "negative"),
    ("1", "not_a_number"),
    (None, "not_a_number"),
    (Decimal(1), "not_a_number"),
    (Fraction(1, 2), "not_a_number"),
    (10**400, "not_finite"),
    ([], "not_a_number"),
]


@pytest.mark.parametrize(("value", "reason"), BAD_VALUES)
def test_a_bad_amount_is_dropped_and_counted_and_the_others_stay(value, reason):
    metrics = make()
    counter = metrics.counter("x")
    for amount in (1, value, 2):
        counter.add(amount)
    assert total(metrics, "x") == 3
    assert dropped(metrics) == {("x", reason): 1}


@pytest.mark.parametrize(("value", "reason"), [it for it in BAD_VALUES if it[1] != "negative"])
def test_a_bad_value_of_a_gauge_or_a_distribution_is_dropped(value, reason):
    metrics = make()
    for amount in (1, value, 2):
        metrics.gauge("g").set(amount)
        metrics.distribution("d").record(amount)
    assert total(metrics, "g").last == 2
    assert total(metrics, "d").count == 2
    assert dropped(metrics) == {("g", reason): 1, ("d", reason): 1}


@pytest.mark.parametrize(
    "attributes",
    [
        {"le": "1"},
        {"quantile": "1"},
        {"A": "1"},
        {1: "1"},
        {"a": 1.5},
        {"a": None},
        {"a": []},
        [("a", "b")],
        "a",
        7,
        {"a": "x" * 201},
        {"a": "\x00"},
        {"a": "\ud800"},
    ],
)
def test_bad_attributes_are_dropped_and_a_strict_one_raises(attributes):
    metrics = make()
    metrics.counter("x").add(1, attributes)
    assert dropped(metrics) == {("x", "attributes"): 1}
    with pytest.raises(InvalidMetric):
        make(strict=True).counter("x").add(1, attributes)
    with pytest.raises(InvalidMetric):
        metrics.counter("x").bind(attributes)


def test_a_strict_one_raises_at_the_call():
    metrics = make(strict=True)
    with pytest.raises(InvalidMetric, match="x: expected an amount of at least 0, got -1"):
        metrics.counter("x").add(-1)
    with pytest.raises(InvalidMetric, match="finite"):
        metrics.distribution("d").record(math.nan)
    metrics.counter("x").add(3)
    assert total(metrics, "x") == 3


@given(
    st.lists(
        st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=2), st.none()),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_recording_never_raises_and_loses_no_good_value(values):
    metrics = make()
    counter, distribution = metrics.counter("x"), metrics.distribution("d")
    for value in values:
        counter.add(value)
        distribution.record(value)
    numbers = [it for it in values if isinstance(it, int | float) and math.isfinite(it)]
    assert (total(metrics, "x") or 0) == pytest.approx(sum(it for it in numbers if it >= 0))
    found = total(metrics, "d")
    assert (found.count if found else 0) == len(numbers)


def test_bind_makes_a_series_known_at_zero():
    metrics = make()
    bound = metrics.counter("x").bind({"zone": "eu"})
    assert total(metrics, "x", zone="eu") == 0
    bound.add(2)
    assert total(metrics, "x", zone="eu") == 2


def test_a_gauge_keeps_last_min_max_sum_and_count():
    metrics = make()
    gauge = metrics.gauge("g")
    gauge.set(5)
    gauge.add(-3)
    gauge.add(4)
    found = total(metrics, "g")
    assert (found.last, found.minimum, found.maximum, found.sum, found.count) == (6, 2, 6, 13, 3)


def test_a_gauge_that_reads_is_read_at_each_scrape_and_a_read_that_raises_is_counted():
    metrics = make()
    values = iter([1, 2])
    metrics.gauge("g", read=lambda: next(values))
    assert [total(metrics, "g").last for _ in range(2)] == [1, 2]
    assert total(metrics, "g").last == 2
    assert dropped(metrics)["g", "read_failed"] == 2  # the scrape above, and this one


def test_an_outside_total_begins_at_its_first_value_and_survives_its_restart():
    metrics = make()
    counter = metrics.counter("x")
    for value in (100, 103, 103, 2, 5):
        counter.observe_total(value)
    assert total(metrics, "x") == 3 + 2 + 3


def test_a_timer_times_blocks_functions_and_coroutines():
    clock = FakeClock()
    metrics = make(clock)
    load = metrics.distribution("load", unit="seconds")

    @load.time({"of": "plain"})
    def plain():
        clock.advance(seconds=2)
        return 1

    @load.time({"of": "async"})
    async def coroutine():
        clock.advance(seconds=3)
        raise KeyError

    assert plain() == 1
    with pytest.raises(KeyError):
        asyncio.run(coroutine())
    with load.time({"of": "block"}):
        clock.advance(seconds=4)
    sums = {of: total(metrics, "load", of=of).sum for of in ("plain", "async", "block")}
    assert sums == {"plain": 2, "async": 3, "block": 4}


class TestFlushing:
    def points(self, metrics):
        found: dict[tuple[int, int], list[Any]] = {}
        for point in metrics.series.read(
            [it.series.id for it in metrics.series.series([])], 0, 2**40, metrics.now()
        ).points:
            found.setdefault((point.series, point.slot), []).append(point)
        return found

    def increases(self, metrics, name):
        ids = {it.series.id for it in metrics.series.series([name])}
        found: dict[int, float] = {}
        for (series, slot), points in self.points(metrics).items():
            if series in ids:
                found[slot] = sum(decode_increase(it.data) for it in points)
        return {slot % 86400: it for slot, it in sorted(found.items())}

    def test_a_slot_is_replaced_until_it_ends(self):
        clock = FakeClock("2026-01-01T00:00:05Z")
        metrics = make(clock)
        counter = metrics.counter("x")
        for _ in range(3):
            counter.add(1)
            metrics.flush()
            metrics.flush()
        clock.advance(seconds=10)
        counter.add(5)
        metrics.flush()
        assert self.increases(metrics, "x") == {0: 3, 10: 5}

    def test_a_value_of_an_older_slot_does_not_replace_what_was_written(self):
        clock = FakeClock("2026-01-01T00:01:05Z")
        metrics = make(clock)
        counter = metrics.counter("x")
        counter.add(1)
        metrics.flush()
        clock.advance(seconds=20)
        metrics.flush()
        for _ in range(2):
            counter.add(2, at=datetime(2026, 1, 1, 0, 1, 3, tzinfo=UTC))
            metrics.flush()
            metrics.flush()
        assert self.increases(metrics, "x") == {60: 5}
        assert total(metrics, "x") == 5

    def test_too_late_and_too_early_are_dropped(self):
        clock = FakeClock("2026-01-01T12:00Z")
        metrics = make(clock)
        counter = metrics.counter("x")
        for hours in (-3, 1):
            counter.add(1, at=clock.now() + timedelta(hours=hours))
        counter.add(1, at=datetime(2026, 1, 1))  # noqa: DTZ001 - a naive one
        assert dropped(metrics) == {
            ("x", "too_late"): 1,
            ("x", "too_early"): 1,
            ("x", "not_an_instant"): 1,
        }

    def test_the_clock_set_back_loses_nothing(self):
        clock = FakeClock("2026-01-01T00:30Z")
        metrics = make(clock)
        counter = metrics.counter("x")
        for seconds in (0, 30, 30, -60, 10, 60):
            clock.advance(seconds=seconds)
            counter.add(1)
            metrics.flush()
        clock.advance(seconds=30)
        assert sum(self.increases(metrics, "x").values()) == 6

    def test_a_gauge_is_written_at_each_flush_and_a_counter_only_if_it_changed(self):
        clock = FakeClock("2026-01-01T00:00:05Z")
        metrics = make(clock)
        metrics.gauge("g").set(7)
        metrics.counter("x").add(1)
        for _ in range(3):
            metrics.flush()
            clock.advance(seconds=10)
        (gauge,) = [it.series.id for it in metrics.series.series(["g"])]
        found = [
            decode_gauge(it.data).last
            for (id_, _), points in self.points(metrics).items()
            for it in points
            if id_ == gauge
        ]
        assert found == [7, 7, 7]
        assert self.increases(metrics, "x") == {0: 1}

    def test_what_a_store_refuses_waits_and_the_oldest_of_too_many_slots_is_dropped(self):
        clock = FakeClock("2026-01-01T00:00:05Z")
        metrics = make(clock)
        counter = metrics.counter("x")
        write, metrics.series.write = metrics.series.write, _unreachable
        for _ in range(65):
            counter.add(1)
            with pytest.raises(ConnectionError):
                metrics.flush()
            clock.advance(seconds=10)
        metrics.series.write = write
        metrics.flush()
        assert sum(self.increases(metrics, "x").values()) == 60
        assert dropped(metrics)["x", "not_stored"] == 5
        assert total(metrics, "x") == 65

    def test_slots_that_were_written_in_time_are_let_go_and_not_counted_as_lost(self):
        clock = FakeClock("2026-01-01T00:00:05Z")
        metrics = make(clock)
        counter = metrics.counter("x")
        for _ in range(150):
            counter.add(1)
            metrics.flush()
            clock.advance(seconds=10)
        assert dropped(metrics) == {}
        assert sum(self.increases(metrics, "x").values()) == total(metrics, "x") == 150

    def test_close_flushes(self):
        metrics = make()
        metrics.counter("x").add(1)
        metrics.close()
        metrics.close()
        assert self.increases(metrics, "x") == {0: 1}


def _unreachable(*_):
    raise ConnectionError


@pytest.mark.parametrize("series", [1, 1000])
def test_sums_are_exact_with_eight_threads(series):
    metrics = make()
    counter, distribution, gauge = (
        metrics.counter("x"),
        metrics.distribution("d"),
        metrics.gauge("g"),
    )
    each = 6000

    def work(thread):
        for i in range(each):
            attributes = {"of": str(i % series)}
            counter.add(1, attributes)
            distribution.record(2, attributes)
            gauge.add(1)
            if i % 1000 == thread:
                metrics.flush()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = metrics.totals()
    assert sum(it.value for it in totals if it.series.metric == "x") == 8 * each
    assert sum(it.value.sum for it in totals if it.series.metric == "d") == 16 * each
    assert total(metrics, "g").last == 8 * each


def test_a_fork_with_full_buffers_writes_nothing_twice():
    metrics = make()
    counter = metrics.counter("x")
    for _ in range(100):
        counter.add(1)
    writer = metrics.steps.writer
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            counter.add(3)
            os.write(write, f"{total(metrics, 'x')} {metrics.steps.writer != writer}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"3 True"
    assert total(metrics, "x") == 100


def test_a_user_id_as_attribute_leaves_the_other_attribute_exact():
    metrics = make(max_series=50, max_values=20)
    counter = metrics.counter("x")
    for user in range(500):
        counter.add(1, {"user": str(user), "zone": "eu" if user % 5 else "us"})
    found = [it for it in metrics.totals() if it.series.metric == "x"]
    assert len(found) <= 150
    assert sum(it.value for it in found if ("zone", "us") in it.series.attributes) == 100
    assert sum(it.value for it in found) == 500
    (report,) = metrics.dropped()
    assert (report.metric, report.attribute) == ("x", "user")
    assert len(report.examples) == 5


def test_importing_starts_no_thread_and_loads_no_backend():
    import subprocess
    import sys

    code = "import sys, threading, habitkit.metrics; habitkit.metrics.Metrics; print(threading.active_count(), 'sqlalchemy' in sys.modules, 'asyncio' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1", "False", "False"]


class NamedExporter:
    name = "named"


@pytest.mark.parametrize("exporters", ["x", 5, ["x"], [NamedExporter()], [None], None])
def test_what_is_no_exporter_is_refused_at_once(exporters):
    with pytest.raises(ConfigurationError, match="exporters: expected"):
        Metrics(exporters=exporters)


def test_a_strict_one_does_not_raise_for_slots_that_nobody_flushed():
    clock = FakeClock("2026-01-01T00:00:05Z")
    metrics = make(clock, strict=True)
    counter = metrics.counter("x").bind()
    for _ in range(70):
        counter.add(1)
        clock.advance(seconds=10)
    assert total(metrics, "x") == 70
    assert dropped(metrics) == {("x", "not_stored"): 10}


def test_a_sketch_total_is_a_copy():
    metrics = make()
    metrics.distribution("d").record(1)
    first = total(metrics, "d")
    metrics.distribution("d").record(1)
    assert isinstance(first, Sketch)
    assert first.count == 1
