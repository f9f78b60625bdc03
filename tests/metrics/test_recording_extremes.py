"""Recording under odd conditions: slots, clocks that are set back, values and attributes."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from habitkit.metrics import Metrics, increase, maximum
from habitkit.metrics.domain.points import GaugePoint
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from habitkit.metrics.port import Exports

BIG = 10**308


class Zone(str, Enum):  # noqa: UP042 - hosts have such ones
    EU = "eu"


class Size(IntEnum):
    SMALL = 1


class Raising:
    """Raises at everything that a sum or a message asks of it."""

    def __radd__(self, other: object) -> object:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


class Undated(datetime):
    """Is a datetime and has none, such as ``pandas.NaT``."""

    def utcoffset(self) -> None:
        raise ValueError


def make(at: str = "2026-01-01T12:00:05Z", **options: Any) -> tuple[FakeClock, Metrics]:
    clock = FakeClock(at)
    return clock, Metrics(ticks=clock.ticks, wall_ns=clock.ticks, **options)


def totals(metrics: Metrics, name: str) -> dict[tuple[tuple[str, str], ...], Any]:
    return {it.series.attributes: it.value for it in metrics.totals() if it.series.metric == name}


def dropped(metrics: Metrics) -> dict[str, float]:
    found = totals(metrics, "habitkit_metrics_dropped")
    return {dict(labels)["reason"]: value for labels, value in found.items()}


def test_slots_that_were_written_before_they_ended_are_let_go_when_they_have() -> None:
    clock, metrics = make()
    counter, gauge = metrics.counter("runs"), metrics.gauge("queue")
    gauge.set(1)
    for _ in range(70):
        counter.add(1)
        metrics.flush()
        clock.advance(seconds=10)
    assert dropped(metrics) == {}
    assert metrics.query(increase("runs", "20m")).value == 70
    assert metrics.query("queue").value == 1


def test_a_value_in_a_slot_for_which_there_is_no_place_stays_in_the_total() -> None:
    clock, metrics = make()
    counter = metrics.counter("runs")
    for _ in range(70):
        counter.add(1)
        metrics.totals()  # which folds it into the present slot
        clock.advance(seconds=10)
    assert totals(metrics, "runs") == {(): 70}
    assert dropped(metrics) == {"not_stored": 10}


@given(st.lists(st.sampled_from([BIG, -BIG, 1e308, -1e308, 0.5, 1]), min_size=1, max_size=50))
@example([BIG] * 20 + [0.5])
@settings(max_examples=40, deadline=None)
def test_sums_beyond_the_doubles_raise_nothing(values: list[float]) -> None:
    clock, metrics = make()
    for value in values:
        metrics.counter("c").add(abs(value))
        metrics.gauge("g").set(value)
        metrics.gauge("sums").add(value)
        metrics.distribution("d").record(value)
        metrics.totals()
    metrics.flush()
    clock.advance(seconds=10)
    metrics.flush()
    assert math.isclose(float(metrics.query(maximum("g", "1m")).value), max(values))
    assert totals(metrics, "d")[()].count == len(values)
    assert dropped(metrics) == {}


def test_objects_that_raise_whatever_is_done_with_them_are_dropped() -> None:
    _, metrics = make()
    counter = metrics.counter("runs")
    bad: Any = Raising()
    for value in (1, bad, 2):
        counter.add(value)
    counter.add(1, {"zone": bad})
    counter.add(1, at=Undated(2026, 1, 1))
    assert totals(metrics, "runs") == {(): 3}
    assert dropped(metrics) == {"not_a_number": 1, "attributes": 1, "not_an_instant": 1}


@pytest.mark.parametrize("warm", [{}, {"zone": "eu", "size": "1"}])
def test_members_of_enums_are_recorded_under_the_value_that_they_equal(
    warm: dict[str, str],
) -> None:
    _, metrics = make()
    counter = metrics.counter("runs")
    counter.add(1, warm)
    counter.add(1, {"zone": Zone.EU, "size": Size.SMALL})
    counter.add(1, {"zone": "eu", "size": "1"})
    assert totals(metrics, "runs")[("size", "1"), ("zone", "eu")] == 2 + bool(warm)


@given(
    st.dictionaries(
        st.one_of(st.text(max_size=3), st.sampled_from(["zone", "le", "user_id"]), st.integers()),
        st.one_of(
            st.text(max_size=3), st.integers(), st.booleans(), st.floats(), st.binary(), st.none()
        ),
        max_size=3,
    )
)
@example({"zone": 10**5000})
@example({"zone": -(10**300)})
@settings(max_examples=60, deadline=None)
def test_whatever_the_attributes_are_a_value_is_recorded_or_counted(
    attributes: dict[Any, Any],
) -> None:
    _, metrics = make()
    for _ in range(2):
        metrics.counter("runs").add(1, attributes)
    found = totals(metrics, "runs")
    assert sum(found.values()) + dropped(metrics).get("attributes", 0) == 2
    assert all(len(value) <= 200 for labels in found for _, value in labels)


def test_a_gauge_goes_on_where_it_was_when_the_clock_is_set_back() -> None:
    clock, metrics = make()
    level, queue = metrics.gauge("level"), metrics.gauge("queue", across="sum")
    for n in range(12):
        level.add(1)
        queue.set(7 + n % 2)
        metrics.flush()
        clock.advance(seconds=5)
    clock.advance(seconds=-50)
    for n in range(8):
        level.add(1)
        queue.set(5)
        assert totals(metrics, "level")[()].last == 13 + n
        metrics.flush()
        clock.advance(seconds=10)
        metrics.flush()
        assert metrics.query("queue").value == 5
        assert metrics.query("level").value == 13 + n


def test_a_late_value_of_a_gauge_is_not_exported_as_its_present_one() -> None:
    exported: list[float] = []

    class Exporter:
        name = "kept"
        cumulative = False

        def export(self, exports: Exports) -> None:
            gauges = (it.value for it in exports.series if it.series.metric == "queue")
            exported.extend(it.last for it in gauges if isinstance(it, GaugePoint))

        def close(self) -> None: ...

    clock, metrics = make(exporters=[Exporter()])
    gauge = metrics.gauge("queue")
    gauge.set(5)
    metrics.flush()
    gauge.set(4, at=clock.now() - timedelta(minutes=1))
    metrics.flush()
    assert exported == [5, 5]


def test_what_was_folded_can_be_asked_for_while_another_thread_folds() -> None:
    _, metrics = make(max_values=1)
    reports: list[Any] = []
    metrics._recorder.folded = lambda *_: reports.extend(metrics.dropped())
    for user in "ab":
        metrics.counter("runs").add(1, {"user": user})
    assert [(it.metric, it.attribute, it.count) for it in reports] == [("runs", "user", 1)]
