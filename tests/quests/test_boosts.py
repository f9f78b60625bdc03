"""Boosts: how they combine, against whole numbers, and when they hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from math import prod
from typing import Any

import pytest
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.quests.domain.boosts import Boost, BoostTimes, boosted
from tests.unit.support import given

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LARGEST = 2**63 - 1

hours = st.integers(-3, 3).map(lambda number: NOW + number * HOUR)


@st.composite
def some_boosts(draw: Any) -> list[Boost]:
    """Return boosts whose factors have two decimal places."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        start = draw(hours)
        found.append(
            Boost(
                f"b{number}",
                Decimal(draw(st.integers(101, 10_000) | st.integers(101, 300))) / 100,
                start,
                start + draw(st.integers(1, 4)) * HOUR,
                draw(st.sampled_from([["coin", "xp"], ["xp"], ["gem", "coin"]])),
                draw(st.sampled_from(["compound", "additive", "highest"])),
            )
        )
    return found


def naive(amount: int, currency: str, at: datetime, boosts: list[Boost]) -> int:
    """Return the boosted amount, computed in hundredths and whole numbers alone."""
    hundredths: dict[str, list[int]] = {"compound": [], "additive": [], "highest": []}
    for boost in boosts:
        if boost.start <= at and not boost.end <= at and currency in boost.currencies:
            hundredths[boost.stacking].append(int(boost.factor * 100))
    factors = [
        *hundredths["compound"],
        100 + sum(each - 100 for each in hundredths["additive"]),
        *sorted(hundredths["highest"])[-1:],
    ]
    divisor: int = 100 ** len(factors)
    return min(amount * prod(factors) // divisor, LARGEST)


@given(
    st.integers(0, 1000) | st.sampled_from([LARGEST, LARGEST // 3]),
    st.sampled_from(["coin", "xp", "gem", "ruby"]),
    hours,
    some_boosts(),
    st.randoms(use_true_random=False),
)
def test_the_three_kinds_multiply_in_any_order_whenever_they_hold(
    amount: int, currency: str, at: datetime, boosts: list[Boost], random: Any
) -> None:
    expected = naive(amount, currency, at, boosts)
    assert boosted(amount, currency, at, boosts) == expected
    random.shuffle(boosts)
    assert boosted(amount, currency, at, boosts) == expected
    holding = BoostTimes(tuple(boosts)).at(at)
    assert holding == tuple(it for it in boosts if it.start <= at and not it.end <= at)
    assert boosted(amount, currency, at, holding) == expected


def both(stacking: Any, *factors: Any) -> list[Boost]:
    """Return boosts of one kind that hold now."""
    return [
        Boost(f"{stacking}{number}", factor, NOW, NOW + HOUR, stacking=stacking)
        for number, factor in enumerate(factors)
    ]


@pytest.mark.parametrize(
    ("boosts", "amount", "expected"),
    [
        (both("compound", 2, 1.5), 10, 30),
        (both("additive", 2, 1.5), 10, 25),
        (both("highest", 2, 1.5), 10, 20),
        (both("compound", 2) + both("additive", 2, 1.5) + both("highest", 3, 2), 10, 150),
        (both("compound", 1.15), 100, 115),  # as floats it is 114.99999999999999
        (both("compound", "1.5"), 1, 1),
        (both("additive", Decimal("1.000000000000000000000000000001")), 10**30, LARGEST),
        (both("compound", *[100] * 50), 1, LARGEST),
        (both("compound", *[100] * 50), 0, 0),
    ],
)
def test_what_boosts_give_is_exact_rounded_down_and_bounded(
    boosts: list[Boost], amount: int, expected: int
) -> None:
    assert boosted(amount, "coin", NOW, boosts) == expected
    assert boosted(amount, "coin", NOW + HOUR, boosts) == min(amount, LARGEST)
    assert boosted(amount, "gem", NOW, boosts) == min(amount, LARGEST)


def test_a_boost_is_kept_as_json_and_in_utc() -> None:
    east = timezone(9 * HOUR)
    boost = Boost("a", 1.5, NOW.astimezone(east), NOW + HOUR, {"xp", "coin"}, "highest")
    assert boost == Boost("a", "1.50", NOW, NOW + HOUR, ("coin", "xp", "xp"), "highest")
    assert (boost.start.tzinfo, boost.currencies) == (UTC, ("coin", "xp"))
    assert Boost.from_dict("a", json.loads(json.dumps(boost.to_dict()))) == boost


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(({"factor": it}, "factor") for it in (1, 0.5, "100.1", "nan", "inf", True, None, "x")),
        ({"factor": Decimal("1.0000000000000000000000000000001")}, "factor"),
        *(({"name": it}, "name") for it in ("", "x" * 101, "\0", None)),
        *(({"start": it}, "start") for it in (datetime(2026, 3, 10), None, "now")),  # noqa: DTZ001
        ({"start": datetime.max.replace(tzinfo=timezone(-HOUR))}, "start"),
        *(({"end": it}, "end") for it in (NOW, NOW - HOUR, datetime(2027, 3, 10))),  # noqa: DTZ001
        *(({"currencies": it}, "currencies") for it in ("coin", (), [""], [5], None, ["x" * 51])),
        ({"stacking": "both"}, "stacking"),
    ],
)
def test_what_is_no_boost_is_refused(changes: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {"name": "a", "factor": 2, "start": NOW, "end": NOW + HOUR}
    assert Boost(**values).factor == 2
    with pytest.raises(InvalidInput, match=f"{field}: expected"):
        Boost(**{**values, **changes})


@pytest.mark.parametrize(
    "changes", [{"start": 5}, {"end": "soon"}, {"start": "2026-03-10"}, {"more": 1}]
)
def test_other_json_is_no_boost(changes: dict[str, Any]) -> None:
    (boost,) = both("compound", 2)
    with pytest.raises(InvalidInput):
        Boost.from_dict("a", {**boost.to_dict(), **changes})
