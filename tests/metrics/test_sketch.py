"""A sketch knows quantiles within its bound, whatever was added and in whatever order merged."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.metrics.domain.sketch import (
    MAX_BUCKETS,
    PER_DOUBLING,
    ZERO,
    Sketch,
    bound_of,
    index_of,
)

ERROR = 0.010831
LARGEST = math.nextafter(math.inf, 0)
QS = [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1]

powers = st.builds(math.ldexp, st.sampled_from([1.0, -1.0]), st.integers(-1074, 1023))
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-10, 10),
    st.integers(-(10**20), 10**20),
    powers,
    st.sampled_from([0, 0.0, -0.0, 5e-324, ZERO, -ZERO, math.nextafter(ZERO, 1), LARGEST]),
)
lists = st.lists(numbers, max_size=60)


def sketch_of(*batches: list[float]) -> Sketch:
    sketch = Sketch()
    for values in batches:
        sketch.add(values)
    return sketch


def merged(*sketches: Sketch) -> Sketch:
    sketch = Sketch()
    for other in sketches:
        sketch.merge(other)
    return sketch


def buckets(sketch: Sketch) -> tuple[object, ...]:
    """Return all but the sum, whose rounding depends on the order."""
    return (
        *(sketch.count, sketch.minimum, sketch.maximum, sketch.zeros),
        *(sketch.positive, sketch.negative, sketch.collapsed),
    )


def check_quantiles(sketch: Sketch, values: list[float]) -> None:
    ordered = sorted(values)
    for q in QS:
        exact = ordered[math.floor(q * (len(values) - 1))]
        found = sketch.quantile(q)
        if abs(exact) <= ZERO:
            assert abs(found) <= ZERO
        else:
            assert abs(found - exact) <= ERROR * abs(exact), (q, found, exact)
    assert (sketch.quantile(0), sketch.quantile(1)) == (ordered[0], ordered[-1])


@given(st.lists(numbers, min_size=1, max_size=60), st.data())
def test_quantiles_counts_and_bytes_are_right_for_any_numbers(values, data):
    cut = data.draw(st.integers(0, len(values)))
    sketch = sketch_of(values[:cut], values[cut:])

    check_quantiles(sketch, values)
    assert sketch.count == len(values)
    assert sketch.sum == pytest.approx(reduce(lambda a, b: a + b, values), rel=1e-9, nan_ok=True)
    assert (sketch.minimum, sketch.maximum) == (min(values), max(values))
    assert not sketch.collapsed
    again = Sketch.decode(sketch.encode())
    assert buckets(again) == buckets(sketch)
    assert repr(again.sum) == repr(sketch.sum)  # an int stays an int
    assert again.encode() == sketch.encode()


SHAPES: list[Callable[[random.Random], float]] = [
    lambda r: r.lognormvariate(-3, 1.5),
    lambda r: r.paretovariate(0.5),
    lambda r: r.gauss(0, 1e-3),
    lambda r: r.randrange(-3, 1000),
    lambda r: round(r.expovariate(4), 2),
    lambda r: math.ldexp(r.random(), r.randrange(-9, 9)),
]


def check_merges(seed: int, values_at_once: int) -> None:
    shuffled = random.Random(seed)
    draw = shuffled.choice(SHAPES)
    values = [draw(shuffled) for _ in range(values_at_once)]
    cuts = sorted(shuffled.sample(range(values_at_once), 5))
    parts = [values[a:b] for a, b in zip([0, *cuts], [*cuts, values_at_once], strict=True)]
    sketches = [Sketch.decode(sketch_of(part).encode()) for part in parts]
    shuffled.shuffle(sketches)
    sketch = merged(merged(*sketches[:2]), merged(*sketches[2:]))

    check_quantiles(sketch, values)
    assert buckets(sketch) == buckets(sketch_of(values))


@settings(max_examples=30)
@given(st.integers(0, 10**9))
def test_merged_parts_know_what_one_sketch_would(seed):
    check_merges(seed, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_a_million_merged_values_are_within_the_error(seed):
    check_merges(seed, 10_000)


@given(lists, lists, lists)
def test_merging_is_commutative_and_associative_and_changes_only_the_first(one, two, three):
    a, b, c = sketch_of(one), sketch_of(two), sketch_of(three)
    before = b.copy()

    left, right = merged(merged(a, b), c), merged(c, merged(b, a))
    assert buckets(left) == buckets(right) == buckets(sketch_of(one + two + three))
    assert merged(a, b) == merged(b, a) or math.isnan(merged(a, b).sum)
    assert b == before
    b.merge(sketch_of([1.0, -1.0]))
    assert b != before
    assert before.positive.total() + before.negative.total() + 2 + b.zeros == b.count


@settings(max_examples=25)
@given(st.lists(st.integers(-4000, 30_000), min_size=3, max_size=3), st.integers(0, 1))
def test_too_many_buckets_fold_from_zero_upwards_in_any_order_of_merging(starts, side):
    sign = (1, -1)[side]
    parts = [
        [sign * bound_of(index) * 0.999 for index in range(first, first + 700)] for first in starts
    ]
    a, b, c = map(sketch_of, parts)
    values = [value for part in parts for value in part]

    left, right = merged(merged(a, b), c), merged(c, merged(b, a))
    assert buckets(left) == buckets(right) == buckets(sketch_of(values))
    kept = (left.positive, left.negative)[side]
    indices = sorted({index_of(abs(value)) for value in values})
    assert left.collapsed == (len(indices) > MAX_BUCKETS)
    assert sorted(kept) == indices[-MAX_BUCKETS:]
    assert kept.total() == left.count == 2100
    lowest = min(kept)
    assert kept[lowest] == sum(index_of(abs(value)) <= lowest for value in values)
    assert Sketch.decode(left.encode()) == left
    far = 0.99 if sign > 0 else 0.01
    exact = sorted(values)[math.floor(far * 2099)]
    assert abs(left.quantile(far) - exact) <= ERROR * abs(exact)


def test_powers_of_two_are_upper_bounds_and_buckets_are_disjoint():
    for k in range(-127, 1024):
        assert index_of(2.0**k) == PER_DOUBLING * k
        assert bound_of(PER_DOUBLING * k) == 2.0**k
    for index in range(-4095, 32_768):
        assert index_of(bound_of(index) * (1 - 1e-9)) == index
    assert index_of(math.nextafter(ZERO, 1)) == -4095
    assert index_of(LARGEST) == 32_768
    for sign in (1, -1):
        assert sketch_of([sign * ZERO]).zeros == sketch_of([sign * ZERO / 2]).zeros == 1
    assert bound_of(32_768) == math.inf
    sketch = sketch_of([2.0**k for k in range(-1074, 1024)], [-(2.0**k) for k in range(-127, 1024)])
    assert {*sketch.positive} == {*sketch.negative} == {32 * k for k in range(-127, 1024)}
    assert sketch.zeros == 1074 - 127


@given(lists, powers)
def test_values_up_to_a_power_of_two_are_counted_exactly(values, power):
    values = [v for v in values if not 0 < abs(v / power - 1) < 1e-12]  # within rounding
    sketch = sketch_of(values)
    bound = abs(power)
    if bound > ZERO:
        assert sketch.cumulative_below(bound) == sum(v <= bound for v in values)
        assert sketch.cumulative_below(-bound) == sum(v < -bound for v in values)
    assert sketch.cumulative_below(0) == sum(v <= ZERO for v in values)
    assert sketch.cumulative_below(math.inf) == len(values)
    assert sketch.cumulative_below(-math.inf) == 0


@given(lists, numbers)
def test_other_counts_are_off_by_the_bucket_of_the_limit_at_most(values, limit):
    sketch = sketch_of(values)
    for found in (sketch.count_below(limit), sketch.cumulative_below(limit)):
        near = sum(abs(v - limit) <= max(2.2 * ERROR * abs(limit), 2 * ZERO) for v in values)
        assert abs(found - sum(v < limit for v in values)) <= near
    assert sketch_of([limit] * 3).count_below(limit) == 0
    assert sketch_of([limit] * 3).count_below(math.inf) == 3


near_zero = st.sampled_from([0, ZERO, -ZERO, ZERO / 2, -ZERO / 2, 3 * ZERO, -3 * ZERO])


@given(st.lists(near_zero | st.floats(-100, 100), min_size=1, max_size=30), st.data())
def test_values_count_as_below_a_limit_if_what_stands_for_them_is(values, data):
    values = [-1e9, *values, 1e9]
    limit = data.draw(st.sampled_from(values[1:-1])) * data.draw(
        st.sampled_from([1, 1.009, 0.991, 0.5])
    )
    stand_ins = [sketch_of([-1e9, value, 1e9]).quantile(0.5) for value in values[1:-1]]

    found = sketch_of(values).count_below(limit)
    assert found == sum(value < limit for value in (-1e9, *stand_ins, 1e9))


def test_encodings_are_short_and_whole_sums_stay_whole():
    shuffled = random.Random(7)
    values = [shuffled.lognormvariate(-3, 1) for _ in range(10_000)]
    assert len(sketch_of(values[:100]).encode()) <= 200
    assert len(sketch_of(values).encode()) <= 700
    big = sketch_of([2**62, 2**62, 1])
    assert Sketch.decode(big.encode()).sum == 2**63 + 1
    assert sketch_of([2**1023, 2**1023], [0.5]).sum == math.inf  # and raises nothing
    assert sketch_of([0.5], [-(2**1023) * 2, 0.5]).sum == -math.inf


def test_without_values_a_quantile_is_nan_and_a_bad_q_is_refused():
    empty = Sketch()
    empty.add([])
    empty.merge(Sketch())

    assert empty == Sketch.decode(empty.encode()) == Sketch()
    assert math.isnan(empty.quantile(0.5))
    assert (empty.count_below(1), empty.cumulative_below(1)) == (0, 0)
    for q in (-0.1, 1.1, math.nan):
        with pytest.raises(InvalidInput, match=r"q: expected a number from 0 to 1, got"):
            sketch_of([1]).quantile(q)
    with pytest.raises(TypeError, match="unhashable"):
        hash(empty)


@given(st.binary(max_size=40), st.lists(numbers, max_size=5), st.integers(0, 80))
def test_damaged_bytes_are_refused_or_are_a_sketch(noise, values, cut):
    whole = sketch_of(values).encode()
    for data in (noise, b"\1" + noise, whole[:cut] + noise + whole[cut + 1 :]):
        try:
            sketch = Sketch.decode(data)
        except ValueError as error:
            assert "an encoded sketch is damaged: " in str(error)  # noqa: PT017 - both ends are right
            continue
        sketch.quantile(0.5)
        assert repr(Sketch.decode(sketch.encode())) == repr(sketch)
    without_values = b"\1\0\0\1\0\0\0\0\0"
    twice = b"\1\0\0\2\0\0\1\1\0\0\0\0\0\0\0"
    too_low = b"\1\0\0\1\xff\x7f\1\0\0\0\0\0\0\0"
    for data in (whole[:-1], whole + b"\0", b"\2" + whole[1:], without_values, twice, too_low):
        with pytest.raises(ValueError, match="an encoded sketch is damaged: "):
            Sketch.decode(data)
