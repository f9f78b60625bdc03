"""Values as bytes, and back: what JSON has, types by cattrs, signed pickles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import HabitState, Schedule
from habitkit.cache import CannotSerialize, JsonSerializer, PickleSerializer
from habitkit.errors import InvalidInput

LIST: Any = [1]
BERLIN = ZoneInfo("Europe/Berlin")


class Color(Enum):
    RED = "red"


class Access(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: int
    color: Color


class Special(Point):
    """A class whose fields are those of another."""


@frozen
class Pair:
    left: tuple[int, ...]
    right: float


@frozen
class Report:
    day: date
    at: datetime
    from_: time
    took: timedelta
    total: Decimal
    by_id: dict[UUID, list[Decimal]]
    point: Point | None
    pair: tuple[int, str]
    seen: set[int]


REPORT = Report(
    date(2026, 1, 1),
    datetime(2026, 1, 1, 8, tzinfo=UTC),
    time(8, 30),
    timedelta(seconds=1.5),
    Decimal("1.10"),
    {UUID(int=5): [Decimal(2)]},
    Point(1, Color.RED),
    (1, "a"),
    {1, 2},
)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (REPORT, Report),
        ([REPORT], list[Report]),
        (None, Report | None),
        (Decimal("1.10"), Decimal),
        (Color.RED, Color),
        ({1: "a"}, dict[int, str]),
        ((1, "a"), tuple[int, str]),
        (frozenset({1}), frozenset[int]),
        (b"bytes", bytes),
        (b"bytes", bytes | None),
        ([b"\x00"], list[bytes]),
        (0, float),
        ({UUID(int=1): 1, UUID(int=2): 1.5}, dict[UUID, float]),
        (1, int | str),
        ("1", int | str),
        (Access.READ | Access.WRITE, Access),
        (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), datetime),
    ],
)
def test_a_value_is_read_back_as_its_kind(value: Any, kind: Any):
    serializer = JsonSerializer()
    back = serializer.loads(serializer.dumps(value, kind), kind)

    assert repr(back) == repr(value) or back.isoformat() == value.isoformat()
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", Report),
        (5, list[int]),
        ({"day": 1}, Report),
        (object(), Color),
        ("blue", Color),
        ((1, "a"), list[int]),
        (None, int),
        (Decimal("1.5"), Any),
    ],
)
def test_what_could_not_be_read_back_as_its_kind_is_refused(value: Any, kind: Any):
    with pytest.raises(CannotSerialize, match=r"value: expected a value of the kind .*this one"):
        JsonSerializer().dumps(value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "back"),
    [
        (3.7, int, "3"),
        (True, int, "1"),
        (True, float, "1.0"),
        ("1", int, "1"),
        (5, str, "'5'"),
        ([1, "2"], list[int], "[1, 2]"),
        ((1, 2), list[int], "[1, 2]"),
        ([1, 2], tuple[int, ...], "(1, 2)"),
        ({"a": True}, dict[str, int], "{'a': 1}"),
        ({1: "a"}, dict[str, str], "{'1': 'a'}"),
        ({True}, set[int], "{1}"),
        (Special(1, Color.RED), Point, "Point(x=1, color=<Color.RED: 'red'>)"),
        (Point(True, Color.RED), Point, "Point(x=1, color=<Color.RED: 'red'>)"),
        (Pair(LIST, 2), Pair, "Pair(left=(1,), right=2)"),
        (timedelta(days=365_000, microseconds=1), timedelta, "datetime.timedelta(days=365000)"),
    ],
)
def test_what_would_be_read_back_as_something_else_is_refused(value: Any, kind: Any, back: str):
    with pytest.raises(CannotSerialize) as caught:
        JsonSerializer().dumps(value, kind)
    message = f"expected a value of the kind {kind!r} (as that kind this one is read back as {back}"
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (math.nan, float),
        ([math.nan, math.inf], list[float]),
        (Decimal("NaN"), Decimal),
        (Pair((1,), math.nan), Pair),
    ],
)
def test_nan_is_read_back_as_nan(value: Any, kind: Any):
    serializer = JsonSerializer()

    assert repr(serializer.loads(serializer.dumps(value, kind), kind)) == repr(value)


def test_a_set_is_read_back_whatever_the_order_of_its_members():
    numbers = set(range(1000))
    numbers -= set(range(1000)) - {8, 16, 0}

    assert JsonSerializer().dumps(numbers, set[int])


@pytest.mark.parametrize("kind", [str, int, list[int], Report, Any])
def test_bytes_are_of_no_other_kind(kind: Any):
    serializer = JsonSerializer()
    with pytest.raises(CannotSerialize):
        serializer.dumps(b"bytes", kind)
    with pytest.raises(ValueError, match="not written as it is read"):
        serializer.loads(serializer.dumps(b"bytes"), kind)


def test_what_habitkit_returns_can_be_cached():
    kit = habitkit.testing.kit()
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.check_in(run.id)
    states = kit.streaks.today("ada")
    serializer = JsonSerializer()
    data = serializer.dumps(states, list[HabitState])

    assert serializer.loads(data, list[HabitState]) == states


def test_a_value_is_read_the_way_it_was_written():
    serializer = JsonSerializer()
    with pytest.raises(ValueError, match="not written as it is read"):
        serializer.loads(serializer.dumps([1]), list[int])
    with pytest.raises(ValueError, match="not written as it is read"):
        serializer.loads(serializer.dumps([1], list[int]))


def test_a_pickle_is_read_only_if_it_was_signed():
    one, other = PickleSerializer(b"1" * 16), PickleSerializer(b"2" * 16)
    data = one.dumps(REPORT)

    assert one.loads(data) == REPORT
    for wrong in (data[:-1], b"", b"x" * 100, data[32:]):
        with pytest.raises(ValueError, match="not signed with this secret"):
            one.loads(wrong)
    with pytest.raises(ValueError, match="not signed with this secret"):
        other.loads(data)
    with pytest.raises(CannotSerialize, match="a value that pickle can write"):
        one.dumps(lambda: None)


@pytest.mark.parametrize("secret", [b"", b"short", "a text that is long enough", None])
def test_a_secret_that_is_too_short_is_refused_and_not_shown(secret: Any):
    with pytest.raises(InvalidInput, match="secret: expected at least 16 bytes") as caught:
        PickleSerializer(secret)
    assert "short" not in str(caught.value)
