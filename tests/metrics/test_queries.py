"""Queries on a store: what they read, how far they may go, several instants, results."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import UsageError
from habitkit.metrics.domain.expressions import Expression
from habitkit.metrics.domain.functions import (
    count,
    increase,
    last,
    maximum,
    mean,
    metric,
    now,
    quantile,
    rate,
    total,
)
from habitkit.metrics.domain.matchers import ALL
from habitkit.metrics.domain.vectors import Matrix, Row, Sample, Vector
from habitkit.metrics.errors import (
    InvalidMetric,
    QueryError,
    QueryTooLarge,
    QueryTooSlow,
    UnknownMetric,
)
from habitkit.metrics.port import KnownSeries, Point, Reading
from habitkit.metrics.queries import QueryLimits, query_all, query_range
from habitkit.workflow import drive, drive_async
from tests.metrics.series_values import (
    T,
    Value,
    ask,
    counter,
    distribution,
    gauge,
    one,
    plain,
    stored,
)

RUN: Any = None  # no step is a transaction
ZONES = ("eu", "us")


class Watched:
    """A store that notes how it is called."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.tiers, self.name, self.shared = store.tiers, store.name, store.shared
        self.reads: list[tuple[int, int, int | None]] = []
        self.asked: list[Collection[str]] = []

    def series(self, metrics: Collection[str]) -> Sequence[KnownSeries]:
        self.asked.append(metrics)
        found: Sequence[KnownSeries] = self._store.series(metrics)
        return found

    def read(
        self, series: Collection[int], start: int, end: int, now: int, coarsest: int | None = None
    ) -> Reading:
        assert len(set(series)) == len(series) > 0
        self.reads.append((start - T, end - T, coarsest))
        found: Reading = self._store.read(series, start, end, now, coarsest)
        return found


class AsyncWatched(Watched):
    """The same for an async host."""

    async def series(self, metrics: Collection[str]) -> Sequence[KnownSeries]:  # type: ignore[override]
        return super().series(metrics)

    async def read(self, *args: Any) -> Reading:  # type: ignore[override]
        return super().read(*args)


def some_values(seconds: int = 600) -> list[Value]:
    """Return values of a counter, a gauge and a distribution in two zones."""
    return [
        value
        for at in range(0, seconds, 10)
        for zone in ZONES
        for value in (
            Value(counter(zone=zone), at, 1, at % 7 + (zone == "us")),
            Value(gauge(zone=zone), at, 1, at),
            Value(distribution(zone=zone), at, 1, at % 11 + 0.5),
        )
    ]


def ranged(store: Any, expression: Any, start: int, end: int, step: Any, **options: Any) -> Matrix:
    now = T + options.pop("now", end)
    options.setdefault("elapsed", lambda: 0.0)
    found: Matrix = drive(
        query_range(store, expression, T + start, T + end, step, now, **options), RUN
    )
    return found


def test_a_span_is_read_once_for_all_expressions():
    store: Any = Watched(stored(some_values()))
    errors = rate("requests", where={"zone": "eu"}) / rate("requests") > 0.1
    expressions: list[Any] = [
        errors,
        increase("requests"),
        quantile(0.9, "load"),
        last("queue"),
        metric("queue"),
    ]
    expressions += [quantile(0.9, "load", "2m").ago("5m"), now() - 1, "queue"]

    alone = [plain(one(store, it, at=600)) for it in expressions]
    store.reads.clear()
    store.asked.clear()
    together = ask(store, *expressions, at=600)

    assert [plain(it) for it in together] == alone
    assert sorted(store.reads, key=str) == [(180, 300, None), (300, 600, None), (540, 600, 10)]
    assert store.asked == [["load", "queue", "requests"]]
    assert (together[0].start, together[0].end) == (T + 300, T + 600)
    assert (together[6].start, together[6].end) == (T + 600, T + 600)


def test_nothing_is_read_for_no_series():
    store: Any = Watched(stored(some_values()))

    assert [it.samples for it in ask(store, rate("requests", where={"zone": "mars"}), at=600)] == [
        ()
    ]
    assert ask(store, now(), at=600)[0].value == T + 600
    assert ask(store, at=600) == []
    assert not store.reads
    assert store.asked == [["requests"]]


def test_an_unknown_metric_is_an_error_or_has_no_samples():
    store: Any = Watched(stored(some_values()))
    expressions = [rate("request") / rate("requests", "9m") > 1, rate("zzz"), increase("requests")]
    steps = query_all(store, expressions, T + 600, T + 600, elapsed=lambda: 0.0, unknown="error")
    near, far, good = drive(steps, RUN)

    assert store.reads == [(300, 600, None)]
    assert isinstance(near, UnknownMetric)
    assert near.nearest == "requests"
    assert "did you mean 'requests'?" in str(near)
    assert isinstance(far, UnknownMetric)
    assert far.nearest is None
    assert isinstance(good, Vector)
    assert [len(it.samples) for it in ask(store, *expressions, at=600)] == [0, 0, 1]
    with pytest.raises(UnknownMetric):
        ranged(store, rate("zzz"), 0, 600, "1m")


def test_an_expression_that_fails_does_not_disturb_the_others():
    wrong = [rate("queue"), increase("load"), increase("requests", "1s"), "Bad", 5.5j, None]
    *errors, good = ask(stored(some_values()), *wrong, count("load"), at=600)

    assert [type(it) for it in errors] == [InvalidMetric] * len(wrong)
    assert good.value == 60
    assert str(errors[0]) == (
        "metric: expected a counter for rate; or use mean, last, minimum, maximum, got 'queue, a gauge'"
    )
    with pytest.raises(InvalidMetric, match="a counter for rate"):
        ranged(stored(some_values()), rate("queue"), 0, 600, "1m")


def test_a_point_that_cannot_be_read_fails_what_reads_it_alone():
    store: Any = stored(some_values())
    series = counter("strange")
    store.write([Point(series.id, 10, T + 590, 1, b"\xff")], [series], T + 600)
    strange, good = ask(store, increase("strange"), increase("requests"), at=600)

    assert type(strange) is QueryError
    assert str(strange).startswith("a stored point cannot be read: ")
    assert good.samples


def test_what_is_too_large_or_too_slow_is_refused():
    store: Any = stored(some_values())
    limits = QueryLimits(steps=10, series=2)
    both = increase("requests") + total("load")
    steps = query_all(
        store, [both, increase("requests")], T + 600, T + 600, elapsed=lambda: 0.0, limits=limits
    )
    large, good = drive(steps, RUN)

    assert isinstance(large, QueryTooLarge)
    assert str(large) == "the query reads 4 series, and 2 are allowed; narrow it down with where"
    assert isinstance(good, Vector)
    assert len(ranged(store, "queue", 0, 540, "1m", limits=limits).instants) == 10
    with pytest.raises(QueryTooLarge, match="the query has 11 steps, and 10 are allowed"):
        ranged(store, "queue", 0, 600, "1m", limits=limits)
    with pytest.raises(QueryTooLarge, match="reads 4 series"):
        ranged(store, both, 0, 540, "1m", limits=limits)
    with pytest.raises(InvalidMetric, match="end: expected an instant at or after start"):
        ranged(store, both, 10, 0, "1m")
    with pytest.raises(InvalidMetric, match="step: expected a duration"):
        ranged(store, both, 0, 10, 0)


@pytest.mark.parametrize("calls", [0, 1, 3, 7])
def test_time_is_looked_at_between_reads_and_while_computing(calls):
    store: Any = Watched(stored(some_values()))
    seen = 0

    def elapsed() -> float:
        nonlocal seen
        seen += 1
        return 10.0 if seen <= calls else 10.1

    with pytest.raises(QueryTooSlow, match="took longer than 10 s; ask for a shorter time"):
        ranged(store, "queue", 0, 600, "10s", elapsed=elapsed)
    assert len(store.reads) == min(calls, 1)
    seen = 0
    steps = query_all(store, ["queue", count("load")], T + 600, T + 600, elapsed=elapsed)
    found = drive(steps, RUN)
    assert isinstance(found[-1], QueryTooSlow)
    assert isinstance(found[0], QueryTooSlow if calls < 5 else Vector)


EXPRESSIONS: list[Expression | str] = [
    increase("requests", 200),
    rate("requests", 70, by=ALL) / rate("requests", 200),
    quantile(0.9, "load", 90, by=("zone",)),
    mean("load", 60),
    maximum("queue", 60),
    last("queue"),
    last("queue", "5m", by=ALL),
    total("load", 30).ago("1m"),
    (rate("requests") > 0.8) | (now() > 0),
    "queue",
]


@settings(max_examples=40)
@given(
    st.sampled_from(EXPRESSIONS),
    st.lists(st.sampled_from(range(900)), min_size=1, max_size=30, unique=True),
    st.integers(-50, 950),
    st.sampled_from([10, 30, 60, 37]),
    st.integers(0, 25),
    st.booleans(),
)
def test_a_range_has_what_queries_at_its_instants_return(
    expression, times, start, step, count_, rolled
):
    kinds = (counter, gauge, distribution)
    values = [
        Value(
            kinds[at % 3]({0: "requests", 1: "queue", 2: "load"}[at % 3], zone=ZONES[at % 2]),
            at,
            1,
            at,
        )
        for at in times
    ]
    known = [kind(zone=zone) for kind in kinds for zone in ZONES]
    store: Any = Watched(stored(values, known))
    if rolled:
        store._store.roll(T + 1000, 1000)
    end = start + step * count_ + step - 1
    matrix = ranged(store, expression, start, end, step, now=1000)

    assert len(store.reads) == len({*store.reads})
    assert matrix.instants == tuple(T + start + step * it for it in range(count_ + 1))
    found = {
        (row.labels, at): value
        for row in matrix.rows
        for at, value in zip(matrix.instants, row.values, strict=True)
    }
    expected = {
        (labels, at): value
        for at in matrix.instants
        for labels, value in plain(one(store, expression, at - T, now=1000)).items()
    }
    assert {it: value for it, value in found.items() if value is not None} == pytest.approx(
        expected, nan_ok=True
    )


def test_a_range_in_whose_windows_no_slot_lies_is_refused_and_one_with_gaps_is_not():
    store = stored([Value(counter(), at, 1, 1) for at in range(0, 600, 10)])

    with pytest.raises(InvalidMetric, match=r"over: expected at least 20s: .* half as long"):
        ranged(store, increase("requests", "10s"), 105, 305, "10s")
    (row,) = ranged(store, increase("requests", "10s"), 105, 120, "5s").rows
    assert row.values == (None, 1, None, 1)


def test_a_range_reads_slots_that_its_windows_are_made_of():
    store: Any = Watched(
        stored([Value(counter(), at, 1, 1) for at in range(0, 3600, 10)], [gauge()])
    )
    store._store.roll(T + 4000, 1000)

    matrix = ranged(store, increase("requests"), 600, 3600, "5m")
    assert [row.values for row in matrix.rows] == [(30,) * 11]
    ranged(store, increase("requests"), 610, 3600, "5m")
    ranged(store, increase("requests", "30s"), 600, 3600, "5m")
    ranged(store, last("queue", "5m"), 600, 3600, "5m")
    assert store.reads == [
        (300, 3600, 60),
        (310, 3600, 10),
        (570, 3600, 10),
        (540, 3600, 10),
        (300, 3600, 10),
    ]
    store.reads.clear()
    old = ranged(store, increase("requests", "10m"), 610, 3610, "5m", now=3600 * 5)
    assert store.reads == [(60, 3600, 60)]  # the slots of 10 s are gone
    assert [row.values for row in old.rows] == [(54,) * 2 + (54,) * 8 + (54,)]


def test_the_last_value_holds_for_a_minute_in_a_range_too():
    store: Any = stored([Value(gauge(), 5, 1, 7)])

    (short,) = ranged(store, last("queue"), 0, 180, "1m").rows
    assert list(short.values) == [None, 7, None, None]
    (long,) = ranged(store, last("queue", "2m"), 0, 180, "1m").rows
    assert list(long.values) == [None, 7, 7, None]


async def test_an_async_store_is_awaited_and_evaluation_leaves_the_loop():
    store: Any = AsyncWatched(stored(some_values()))
    expressions = [increase("requests", by=ALL), last("queue")]
    steps = query_all(store, expressions, T + 600, T + 600, elapsed=lambda: 0.0)
    found = await drive_async(steps, RUN)
    in_range = query_range(store, "queue", T, T + 600, "5m", T + 600, elapsed=lambda: 0.0)

    assert found == ask(stored(some_values()), *expressions, at=600)
    assert await drive_async(in_range, RUN) == ranged(stored(some_values()), "queue", 0, 600, "5m")
    assert not asyncio.get_running_loop().is_closed()


# -- results -----------------------------------------------------------------------------------


VECTOR = Vector(
    (
        Sample((("page", "a\tb"), ("zone", "eu")), 1234567),
        Sample((("zone", "日本"),), math.nan),
        Sample((), 0.25),
    ),
    *(T, T - 300, T - 10),
)


def test_a_vector_is_shown_as_a_table():
    assert VECTOR.table().splitlines() == [
        "at 2027-01-15 08:00:00Z, from 2027-01-15 07:55:00Z to 2027-01-15 07:59:50Z",
        "page  zone      value",
        "a?b   eu    1,234,567",
        "      日本        nan",
        "                 0.25",
    ]
    assert Vector((), T, T, T).table().splitlines()[1:] == ["no samples"]


def test_results_are_json_objects_without_what_json_lacks():
    assert VECTOR.to_dict()["samples"][1:] == [
        {"labels": {"zone": "日本"}, "value": None},
        {"labels": {}, "value": 0.25},
    ]
    matrix = Matrix(
        (Row((("z", "eu"),), (1, None, math.inf)), Row((), (2.5, 3, 4))), (T, T + 60, T + 120)
    )
    content = json.loads(json.dumps(matrix.to_dict(), allow_nan=False))

    assert content == {
        "instants": [T, T + 60, T + 120],
        "collapsed": False,
        "rows": [
            {"labels": {"z": "eu"}, "values": [1, None, None]},
            {"labels": {}, "values": [2.5, 3, 4]},
        ],
    }
    assert json.loads(json.dumps(VECTOR.to_dict(), allow_nan=False))["start"] == T - 300
    assert matrix.table().splitlines() == [
        "time                  z=eu  value",
        "2027-01-15 08:00:00Z     1    2.5",
        "2027-01-15 08:01:00Z            3",
        "2027-01-15 08:02:00Z   inf      4",
    ]
    assert Matrix((), (T,)).table().splitlines() == ["no samples"]


def test_the_value_of_a_vector_is_that_of_its_only_sample():
    assert Vector(VECTOR.samples[2:], T, T, T).value == 0.25
    for samples, hint in ((VECTOR.samples, "group by fewer"), ((), "no series that it reads")):
        with pytest.raises(UsageError, match=f"one sample, got {len(samples)}; .*{hint}"):
            Vector(samples, T, T, T).value  # noqa: B018 - it raises
