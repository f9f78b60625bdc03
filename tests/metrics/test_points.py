"""Points are bytes that keep whole numbers whole, and merge in any order."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit.metrics.domain.points import (
    GaugePoint,
    combined,
    decode_gauge,
    decode_increase,
    encode_gauge,
    encode_increase,
    merge,
)
from habitkit.metrics.domain.series import Across
from habitkit.metrics.domain.sketch import Sketch

whole = st.integers(-(2**70), 2**70)
numbers = whole | st.floats(allow_nan=False)
gauges = st.builds(
    GaugePoint, numbers, st.integers(-1, 2**62), numbers, numbers, numbers, st.integers(0, 999)
)


@given(numbers, gauges)
def test_a_point_comes_back_as_it_was_and_damage_is_refused(value, gauge):
    increase, encoded = encode_increase(value), encode_gauge(gauge)

    assert repr(decode_increase(increase)) == repr(value)
    assert repr(decode_gauge(encoded)) == repr(gauge)
    cases: list[tuple[Any, bytes]] = [(decode_increase, increase), (decode_gauge, encoded)]
    for decode, data in cases:
        for damaged in (b"", data[:-1], data + b"\0", b"\7" + data[1:], data[:1] + b"\7"):
            with pytest.raises(ValueError, match="is damaged: "):
                decode(damaged)


def test_a_small_increase_takes_few_bytes():
    assert len(encode_increase(63)) == 3
    assert len(encode_increase(0.1)) == 10


@given(st.lists(whole, min_size=1), st.lists(st.lists(st.floats(0, 100)), min_size=1, max_size=5))
def test_increases_are_summed_and_sketches_merged(amounts, batches):
    points = [(n % 2, encode_increase(amount)) for n, amount in enumerate(amounts)]
    total = decode_increase(merge("counter", "last", points))
    assert (total, type(total)) == (sum(amounts), int)

    all_of_them, sketches = Sketch(), []
    for values in batches:
        all_of_them.add(values)
        sketches.append(Sketch())
        sketches[-1].add(values)
    found = Sketch.decode(merge("distribution", "last", [(1, s.encode()) for s in sketches]))
    assert found.sum == pytest.approx(all_of_them.sum)
    found.sum = all_of_them.sum
    assert found == all_of_them


@given(
    st.lists(st.tuples(st.integers(1, 3), gauges), min_size=1, max_size=8),
    st.sampled_from(get_args(Across)),
    st.randoms(use_true_random=False),
)
def test_a_gauge_combines_the_newest_value_of_each_writer(points, across, shuffled):
    order = sorted(points, key=lambda it: (it[1].last_ns, it[1].last))
    newest = list({writer: point for writer, point in order}.values())  # later ones win  # noqa: C416
    last = [point.last for point in newest]
    expected = {
        "last": order[-1][1].last,
        "sum": sum(last),
        "min": min(last),
        "max": max(last),
        "mean": sum(last) / len(last),
    }[across]
    shuffled.shuffle(points)
    merged = decode_gauge(merge("gauge", across, [(w, encode_gauge(p)) for w, p in points]))

    assert merged.last == pytest.approx(expected, nan_ok=True)
    assert combined(across, newest) == pytest.approx(expected, nan_ok=True)
    assert merged.last_ns == order[-1][1].last_ns
    assert merged.minimum == min(point.minimum for _, point in points)
    assert merged.maximum == max(point.maximum for _, point in points)
    assert merged.sum == pytest.approx(sum(point.sum for _, point in points), nan_ok=True)
    assert merged.count == sum(point.count for _, point in points)


def test_huge_whole_sums_become_infinite_where_a_float_is_added():
    points = [(1, encode_increase(2**1024)), (2, encode_increase(0.5))]

    assert decode_increase(merge("counter", "last", points[:1])) == 2**1024
    assert decode_increase(merge("counter", "last", points)) == math.inf
    assert decode_increase(merge("counter", "last", points[::-1])) == math.inf


@pytest.mark.parametrize("kind", ["counter", "gauge", "distribution"])
def test_there_is_something_to_merge(kind):
    with pytest.raises(ValueError, match="expected at least one to merge, got none"):
        merge(kind, "last", [])
