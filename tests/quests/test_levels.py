"""Levels: tables and formulas, and what a balance has reached, against a plain loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.quests.domain.levels import Level, Levels
from tests.unit.support import given

LARGEST = 2**63 - 1

needs = st.lists(
    st.integers(1, 60) | st.integers(1, LARGEST), min_size=1, max_size=12, unique=True
).map(sorted)
balances = st.integers(-10, 70) | st.integers(-LARGEST, LARGEST)


def counted(needs: list[int], xp: int) -> Level:
    """Climb level by level."""
    number, start = 1, 0
    for need in needs:
        if xp < need:
            return Level(number, xp - start if xp > start else 0, need - xp)
        number, start = number + 1, need
    return Level(number, xp - start, None)


@given(needs, balances)
def test_a_balance_has_the_level_that_a_loop_climbs_to(needs, xp):
    levels = Levels.table(needs)
    level = levels.of(xp)

    assert level == counted(needs, xp)
    assert levels.number_of(xp) == level.number
    assert [levels.needed(number) for number in range(1, levels.highest + 1)] == [0, *needs]
    copy = Levels.from_dict(json.loads(json.dumps(levels.to_dict())))
    assert (copy, hash(copy)) == (levels, hash(levels))


@given(
    st.integers(0, 300), st.integers(1, 300), st.integers(0, 300), st.integers(1, 7), st.integers(2, 30)
)  # fmt: skip
def test_a_quadratic_formula_is_rounded_to_the_nearest_multiple(a, b, c, places, most):
    tenths = [Decimal(value) / 10 for value in (a, b, c)]
    square, factor, constant = tenths
    expected = []
    for k in range(2, most + 1):
        exact = (square * (k - 1) ** 2 + factor * (k - 1) + constant) / places
        expected.append(int(exact.quantize(Decimal(1), ROUND_HALF_UP)) * places)
    ascending = all(x < y for x, y in zip([0, *expected], expected, strict=False))

    make: Callable[..., Levels] = partial(Levels.quadratic, round_to=places, most=most)
    for numbers in (tenths, [float(value) for value in tenths]):
        if ascending:
            assert make(*numbers).needs == tuple(expected)
        else:
            with pytest.raises(InvalidInput, match="each above the one before"):
                make(*numbers)


def test_levels_of_a_step_and_of_a_formula():
    assert Levels.linear(100, most=4) == Levels.table([100, 200, 300])
    assert Levels.linear(100).highest == 100
    assert Levels.quadratic(50, 50, most=4).needs == (100, 300, 600)
    assert Levels.quadratic(12.5, 0, most=4, round_to=25).needs == (25, 50, 125)
    assert Levels.table((5,), currency="gem").currency == "gem"
    assert Levels.table(range(1, 1001)).highest == 1001


def test_a_balance_in_debt_is_at_the_first_level_and_misses_its_debt_too():
    levels = Levels.table([100, 250])

    assert levels.of(-5) == Level(1, 0, 105)
    assert levels.of(0) == Level(1, 0, 100)
    assert levels.of(99) == Level(1, 99, 1)
    assert levels.of(100) == Level(2, 0, 150)
    assert levels.of(10**30) == Level(3, 10**30 - 250, None)


UNTYPED: Any = Levels


@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("needs", lambda: UNTYPED.table([])),
        ("needs", lambda: UNTYPED.table([0, 100])),
        ("needs", lambda: UNTYPED.table([100, 100])),
        ("needs", lambda: UNTYPED.table([100, 50])),
        ("needs", lambda: UNTYPED.table([True])),
        ("needs", lambda: UNTYPED.table([1.0])),
        ("needs", lambda: UNTYPED.table([LARGEST + 1])),
        ("needs", lambda: UNTYPED.table(list(range(1, 1002)))),
        ("needs", lambda: UNTYPED.table("12")),
        ("needs", lambda: UNTYPED.table({1, 2})),
        ("needs", lambda: UNTYPED.linear(LARGEST, most=3)),
        ("needs", lambda: UNTYPED.quadratic(-1, 10)),
        ("needs", lambda: UNTYPED.quadratic(0, 1, round_to=10)),
        ("currency", lambda: UNTYPED.table([1], currency="")),
        ("currency", lambda: UNTYPED.table([1], currency="x" * 51)),
        ("currency", lambda: UNTYPED.table([1], currency="a\0")),
        ("currency", lambda: UNTYPED.table([1], currency=None)),
        ("step", lambda: UNTYPED.linear(0)),
        ("step", lambda: UNTYPED.linear(True)),
        ("step", lambda: UNTYPED.linear(1.5)),
        ("most", lambda: UNTYPED.linear(1, most=1)),
        ("most", lambda: UNTYPED.linear(1, most=1002)),
        ("most", lambda: UNTYPED.quadratic(1, 1, most=True)),
        ("a", lambda: UNTYPED.quadratic("1", 1)),
        ("a", lambda: UNTYPED.quadratic(True, 1)),
        ("a", lambda: UNTYPED.quadratic(10**5000, 1)),
        ("b", lambda: UNTYPED.quadratic(1, float("nan"))),
        ("c", lambda: UNTYPED.quadratic(1, 1, Decimal("Infinity"))),
        ("c", lambda: UNTYPED.quadratic(1, 1, Decimal("1E+1000000"))),
        ("round_to", lambda: UNTYPED.quadratic(1, 1, round_to=0)),
        ("xp", lambda: UNTYPED.table([1]).of(1.0)),
        ("number", lambda: UNTYPED.table([1]).needed(0)),
        ("number", lambda: UNTYPED.table([1]).needed(3)),
        ("levels", lambda: UNTYPED.from_dict({"needs": [1]})),
        ("levels", lambda: UNTYPED.from_dict([1])),
        ("needs", lambda: UNTYPED.from_dict({"needs": None, "currency": "xp"})),
    ],
)
def test_other_values_are_refused(what, make):
    with pytest.raises(InvalidInput, match=f"^{what}: expected"):
        make()
