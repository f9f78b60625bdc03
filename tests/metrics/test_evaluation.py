"""What expressions return, against values computed one by one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.metrics.domain.evaluation import samples_of
from habitkit.metrics.domain.expressions import Aggregate, Expression, Number, as_expression
from habitkit.metrics.domain.functions import (
    absent,
    count,
    fraction,
    increase,
    last,
    maximum,
    mean,
    metric,
    minimum,
    now,
    quantile,
    rate,
    topk,
    total,
)
from habitkit.metrics.domain.matchers import ALL, not_
from habitkit.metrics.domain.series import Labels
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.tiers import SeriesTier
from habitkit.metrics.errors import InvalidMetric
from tests.metrics.series_values import (
    T,
    Value,
    ask,
    by_label,
    counter,
    distribution,
    gauge,
    last_of,
    one,
    plain,
    stored,
)

INF, NAN = math.inf, math.nan
TIERS = (SeriesTier(10, 600), SeriesTier(60, 7200), SeriesTier(600, 86_400))
LABELS = [{"zone": "eu", "o": "a"}, {"zone": "eu", "o": "b"}, {"zone": "us", "o": "a"}, {"o": "c"}]


def numbers(of: Any) -> list[float]:
    return [it.value for it in of]


FUNCTIONS: dict[str, tuple[Callable[..., Aggregate], Callable[[list[Value], int], float]]] = {
    "increase": (increase, lambda it, _: sum(numbers(it))),
    "rate": (rate, lambda it, covered: sum(numbers(it)) / covered),
    "total": (total, lambda it, _: sum(numbers(it))),
    "count": (count, lambda it, _: len(it)),
    "mean": (mean, lambda it, _: sum(numbers(it)) / len(it) if it else NAN),
    "minimum": (minimum, lambda it, _: min(numbers(it), default=NAN)),
    "maximum": (maximum, lambda it, _: max(numbers(it), default=NAN)),
    "last": (last, lambda it, _: last_of(it)),
}


def values_of(series: list[Any], amounts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Value]]:
    value = st.builds(
        Value, st.sampled_from(series), st.integers(0, 1799), st.integers(1, 3), amounts
    )
    # Of a slot one writer's values, in order of time: two at one instant have no order.
    return st.lists(value, max_size=40, unique_by=lambda it: (it.series, it.at, it.writer))


@st.composite
def cases(draw: Any) -> tuple[str, list[Any], list[Value]]:
    """Draw a function, the known series, and what was recorded."""
    kind = draw(st.sampled_from(["counter", "gauge", "distribution"]))
    if kind == "counter":
        series = [counter(**it) for it in LABELS]
        amounts: st.SearchStrategy[Any] = st.integers(0, 2**70)
        names = ["increase", "rate"]
    elif kind == "gauge":
        across = draw(st.sampled_from(["last", "sum", "min", "max", "mean"]))
        series = [gauge(across=across, **it) for it in LABELS]
        amounts, names = st.integers(-100, 100), ["mean", "minimum", "maximum", "last", "last"]
    else:
        series = [distribution(**it) for it in LABELS]
        amounts = st.integers(-50, 10_000)
        names = ["total", "count", "mean", "minimum", "maximum"]
    return draw(st.sampled_from(names)), series, draw(values_of(series, amounts))


def close(found: dict[Labels, float], expected: dict[Labels, float]) -> bool:
    return found.keys() == expected.keys() and all(
        found[it] == pytest.approx(expected[it], rel=1e-12, nan_ok=True) for it in found
    )


@settings(max_examples=200)
@given(
    cases(),
    st.sampled_from([None, ("zone",), ALL]),
    st.sampled_from([None, {"zone": "eu"}, {"zone": not_("eu")}]),
    st.integers(0, 1900),
    st.sampled_from([0, 13, 700, 4000]),
    st.sampled_from([60, 90, 600, 1500]),
    st.booleans(),
)
def test_a_function_of_a_window_returns_what_its_values_give(
    case, by, where, at, later, over, rolled
):
    function, known, values = case
    store = stored(values, known, TIERS)
    if rolled:
        store.roll(T + 1900, 10_000)
    make, compute = FUNCTIONS[function]
    expression = make(
        known[0].metric,
        60 if function == "last" else over,
        where=where,
        by=by,
    )
    (found,) = ask(store, expression, at=at, now=at + later)
    if isinstance(found, Exception):
        assert isinstance(found, InvalidMetric)
        assert "the slots that are kept of that time" in str(found)
        assert later
        assert over <= 90
        return
    start, end = found.start - T, found.end - T
    if not later and over <= 600 and function != "last":
        assert (start, end) == (-(-(at - over) // 10) * 10, at // 10 * 10)
    assert at - 2 * 60 - 59 <= start if function == "last" else at - over <= start
    assert end <= at

    wanted = [
        it
        for it in known
        if where is None or ((dict(it.attributes).get("zone") == "eu") is (where == {"zone": "eu"}))
    ]
    inside = [it for it in values if start <= it.at < end and it.series in wanted]
    groups = by_label(inside, None if by is ALL else by or ())
    if known[0].kind != "gauge" and start < end:  # those without values count too
        for it in by_label([Value(it, 0, 0, 0) for it in wanted], None if by is ALL else by or ()):
            groups.setdefault(it, [])

    assert close(plain(found), {it: compute(of, end - start) for it, of in groups.items()})
    if function in {"increase", "count", "total"}:
        assert all(type(it.value) is int for it in found.samples)


@settings(max_examples=60)
@given(
    values_of([distribution(**it) for it in LABELS], st.floats(0.001, 1e5) | st.integers(-9, 9)),
    st.floats(0, 1),
    st.floats(-10, 2e5),
    st.booleans(),
)
def test_quantiles_and_fractions_are_off_by_less_than_two_percent(values, q, below, rolled):
    store = stored(values, [distribution()], TIERS)
    if rolled:
        store.roll(T + 1900, 10_000)
    expressions = quantile(q, "load", 1800), fraction("load", 1800, below=below)
    found, part = (it.value for it in ask(store, *expressions, at=1800))

    ordered = sorted(numbers(values))
    if not ordered:
        assert math.isnan(found)
        assert math.isnan(part)
        return
    exact = ordered[math.floor(q * (len(ordered) - 1))]
    assert abs(found - exact) <= 0.010832 * abs(exact)
    off = [sum(it < below - d * abs(it) for it in ordered) for d in (0.010832, -0.010832)]
    assert off[0] <= part * len(ordered) + 1e-9
    assert part * len(ordered) - 1e-9 <= off[1]


def test_a_known_counter_without_points_is_zero_until_idle_for_a_week():
    store = stored([], [counter(zone="eu"), distribution(), gauge()])
    week = 7 * 86_400
    idle = (increase("requests") == 0, count("load"), mean("load"), metric("queue"), mean("queue"))

    silent, none, nothing, *gauges = ask(store, *idle, at=3600)
    assert plain(silent) == {(): 0}
    assert none.value == 0
    assert math.isnan(nothing.value)
    assert not any(it.samples for it in gauges)
    assert one(store, increase("requests"), at=week).samples
    assert not one(store, increase("requests"), at=week + 1).samples


def test_a_window_before_all_that_is_kept_has_no_samples():
    store = stored([Value(counter(), 5, 1, 1)])

    assert not one(store, increase("requests").ago("1w"), at=3600).samples
    assert one(store, absent(increase("requests").ago("1w")), at=3600).value == 1


def test_a_window_that_is_partly_kept_is_divided_by_what_is_covered():
    day = 86_400
    store = stored([Value(counter(), at, 1, 1) for at in range(0, 7200, 10)])
    store.roll(T + 7300, 10_000)
    found = one(store, rate("requests", "1d"), at=7200, now=7200 + day - 3600)

    assert (found.start, found.end) == (T + 3600, T + 7200)
    assert found.value == 0.1


def test_a_window_shorter_than_the_slots_of_that_time_is_refused():
    store = stored([Value(counter(), 5, 1, 1)])

    assert one(store, increase("requests", "10s"), at=10).value == 1
    for over, at, now_, expected in (
        ("5s", 10, 10, "at least 10s: the slots that are kept of that time are this long"),
        ("10s", 15, 15, "at least 20s: the slots that are kept of that time are half as long"),
        ("30s", 60, 7200, "at least 1m"),
    ):
        with pytest.raises(InvalidMetric, match=f"over: expected {expected}"):
            one(store, increase("requests", over), at=at, now=now_)


def test_values_after_the_present_are_not_waited_for():
    store = stored([Value(counter(), at, 1, 1) for at in range(0, 100, 10)])

    found = one(store, rate("requests", "1m"), at=130, now=103)
    assert (found.start, found.end, found.value) == (T + 70, T + 100, 0.1)
    assert not one(store, rate("requests", "1m"), at=500, now=103).samples


def test_the_last_value_of_a_gauge_holds_for_a_minute_and_longer_if_asked():
    eu, us = gauge(zone="eu"), gauge(zone="us")
    store = stored(
        [
            *(Value(eu, 0, 1, 5), Value(eu, 1, 1, 3), Value(eu, 45, 2, 4)),
            *(Value(us, 20, 1, 10), Value(us, 2, 2, 20)),
        ]
    )
    held, longer = last("queue", by=("zone",)), last("queue", "10m", by=("zone",))
    by_zone = {"eu": (("zone", "eu"),), "us": (("zone", "us"),)}

    assert plain(one(store, held, at=60)) == {by_zone["eu"]: 7, by_zone["us"]: 30}
    assert plain(one(store, held, at=71)) == {by_zone["eu"]: 4, by_zone["us"]: 10}
    assert plain(one(store, held, at=99)) == {by_zone["eu"]: 4}
    assert plain(one(store, longer, at=99)) == {by_zone["eu"]: 4, by_zone["us"]: 10}
    assert one(store, last("queue", "10m"), at=600).value == 14
    assert not one(store, longer, at=700).samples
    store.roll(T + 200, 100)  # the slots of a minute are of all writers together
    assert one(store, last("queue", "10m"), at=600).value == 14
    assert one(store, last("queue", "2h"), at=7000, now=7000).value == 37
    assert one(store, metric("queue", {"zone": "eu"}), at=60, now=7000).value == 7


def test_a_rolled_value_is_left_out_if_there_is_a_newer_one():
    values = [Value(gauge(), 5, 1, 3), Value(gauge(), 6, 2, 3), Value(gauge(), 25, 1, 4)]
    store = stored(values, tiers=(SeriesTier(10, 60), SeriesTier(20, 3600), SeriesTier(60, 7200)))
    assert store.roll(T + 200, 1).more

    assert one(store, last("queue"), at=60, now=200).value == 4
    assert one(store, last("queue"), at=20, now=200).value == 6


def test_a_metric_that_changed_its_kind_is_read_as_what_it_is_now():
    store = stored([Value(distribution("x"), 5, 1, 8)])
    store.write([], [gauge("x")], T + 20)

    assert not one(store, mean("x"), at=60).samples
    assert one(store, total("x"), at=60).value == 8
    store.write([], [distribution("x")], T + 30)
    assert one(store, mean("x"), at=60).value == 8
    with pytest.raises(
        InvalidMetric, match=r"a counter for rate; or use .*total.*got 'x, a distrib"
    ):
        one(store, rate("x"), at=60)


def test_a_distribution_with_too_many_buckets_says_so():
    wide = [Value(distribution(), 5, 1, 2.0 ** (it / 16 - 60)) for it in range(1500)]
    found = one(stored(wide), quantile(0.5, "load"), at=60)

    assert found.collapsed
    assert found.to_dict()["collapsed"] is True
    assert "quantiles at the low end" in found.table()
    assert not one(stored(wide[:9]), quantile(0.5, "load"), at=60).collapsed


# -- operators ---------------------------------------------------------------------------------


class Fixed:
    """A frame that has given samples for metrics."""

    def __init__(self, **samples: dict[str, float]) -> None:
        self._samples = samples
        self.asked: list[tuple[str, int, int]] = []

    def samples(self, leaf: Aggregate, at: int, shift: int) -> dict[Labels, float]:
        self.asked.append((leaf.of.name, at, shift))
        of = self._samples[leaf.of.name]
        return {(("l", label),) if label else (): value for label, value in of.items()}


def result(expression: Expression, **samples: Any) -> dict[str, float]:
    found = samples_of(expression, 1000, Fixed(**samples))
    return {labels[0][1] if labels else "": value for labels, value in found.items()}


a, b = as_expression(metric("a")), as_expression(metric("b"))
A = {"x": 1, "y": 2, "z": 3}
B = {"y": 2, "z": 5, "w": 7}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (a + b, {"y": 4, "z": 8}),
        (a - b, {"y": 0, "z": -2}),
        (10 - a, {"x": 9, "y": 8, "z": 7}),
        (a * 2.5, {"x": 2.5, "y": 5.0, "z": 7.5}),
        (6 / a, {"x": 6.0, "y": 3.0, "z": 2.0}),
        (a == b, {"y": 2}),
        (a != b, {"z": 3}),
        (a < b, {"z": 3}),
        (a <= b, {"y": 2, "z": 3}),
        (a > 1, {"y": 2, "z": 3}),
        (b >= a, {"y": 2, "z": 5}),
        (2 > a, {"x": 1}),  # noqa: SIM300 - Python turns it round
        (now() > a * 400, {"x": 400, "y": 800}),
        (Number(3) < now(), {"": 3}),
        (now() < 3, {}),
        (now() - 1, {"": 999}),
        (a & b, {"y": 2, "z": 3}),
        (a | b, {"x": 1, "y": 2, "z": 3, "w": 7}),
        (a.unless(b), {"x": 1}),
        (a.unless(b > 3), {"x": 1, "y": 2}),
        (topk(2, a), {"z": 3, "y": 2}),
        (topk(9, a) & b, {"y": 2, "z": 3}),
        (absent(a), {}),
        (absent(a > 5), {"": 1}),
        (absent(absent(a)), {"": 1}),
    ],
)
def test_operators_match_equal_labels_one_to_one(expression, expected):
    found = result(expression, a=A, b=B)

    assert found == expected
    assert {it: type(value) for it, value in found.items()} == {
        it: type(value) for it, value in expected.items()
    }


def test_samples_are_sorted_by_labels_and_those_of_topk_by_value():
    values = {"x": 1.0, "n": NAN, "b": 5.0, "a": 5.0, "i": -INF}

    assert [*result(a, a=values)] == ["a", "b", "i", "n", "x"]
    assert [*result(topk(9, a), a=values)] == ["a", "b", "x", "i", "n"]
    assert [*result(a | b, a={"y": 1}, b={"x": 1})] == ["x", "y"]


@pytest.mark.parametrize(
    ("left", "right", "quotient"),
    [
        *((0, 0, NAN), (0.0, -0.0, NAN), (NAN, 0, NAN), (INF, INF, NAN)),
        *((1, 0, INF), (-1, 0, -INF), (1, 0.0, INF), (1, -0.0, -INF), (-2.5, -0.0, INF)),
        *((INF, 0, INF), (3, 2, 1.5), (4, 2, 2.0), (1, INF, 0.0), (10**400, 10**399, 10.0)),
        *((10**400, 1, INF), (-(10**400), 2.0, -INF), (1, 10**400, 0.0)),
    ],
)
def test_a_quotient_is_that_of_ieee_754(left, right, quotient):
    (found,) = result(a / b, a={"": left}, b={"": right}).values()

    assert found == quotient or (math.isnan(found) and math.isnan(quotient))
    assert not result((a / b > 5) | (a / b < 5) | (a / b == 5), a={"": 0}, b={"": 0})
    assert result(a / b != 5, a={"": 0}, b={"": 0})


def test_whole_numbers_stay_whole_and_what_is_too_large_is_infinite():
    large = 2**70 + 1

    assert result(a * a - 1, a={"": large}) == {"": large**2 - 1}
    power = a
    for _ in range(4):
        power = power * power
    assert result(power, a={"": large}) == {"": INF}
    assert result(a * b, a={"": 2**900}, b={"": -(2**900)}) == {"": -INF}
    assert result(a * 1.5, a={"": 10**400}) == {"": INF}


def test_times_ago_add_up_and_move_the_present():
    frame = Fixed(a={"": 1})
    expression = (a.ago("1h") + now()).ago(60) + now()

    assert samples_of(expression, 10_000, frame) == {(): 1 + 9940 + 10_000}
    assert frame.asked == [("a", 10_000, 3660)]
    assert samples_of(topk(1, absent((a > 5).ago(7)).ago(8)), 100, frame) == {(): 1}
    assert frame.asked[1:] == [("a", 100, 15)]


def test_increases_of_floats_are_summed_without_loss():
    amounts = [0.1] * 10 + [1e300, 3.0]
    values = [Value(counter(), at * 10, 1, it) for at, it in enumerate(amounts[:10])]
    assert one(stored(values), increase("requests"), at=100).value == 1.0
    huge = [Value(counter(), at, 1, 1.7e308) for at in (0, 10, 20)]
    assert one(stored(huge), increase("requests"), at=100).value == INF


def test_sketches_of_the_store_are_not_changed_by_a_query():
    values = [Value(distribution(zone=zone), at, 1, at + 1) for zone in "ab" for at in (0, 10, 20)]
    store = stored(values)
    first = ask(store, quantile(0.5, "load"), count("load"), count("load", by=ALL), at=60)

    assert first == ask(store, quantile(0.5, "load"), count("load"), count("load", by=ALL), at=60)
    assert [it.value for it in first[2].samples] == [3, 3]
    assert first[1].value == 6
    assert Sketch().count == 0
