"""Values as bytes, and back: what JSON has, types by cattrs, signed pickles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import HabitState, Schedule
from habitkit.cache import CannotSerialize, JsonSerializer, PickleSerializer
from habitkit.errors import InvalidInput


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    color: Color


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
        ([b"\x00"], list[bytes]),
    ],
)
def test_a_value_is_read_back_as_its_kind(value: Any, kind: Any):
    serializer = JsonSerializer()

    assert serializer.loads(serializer.dumps(value, kind), kind) == value


@pytest.mark.parametrize(
    ("value", "kind"),
    [("x", Report), (5, list[int]), ({"day": 1}, Report), (object(), Color), ("blue", Color)],
)
def test_what_could_not_be_read_back_as_its_kind_is_refused(value: Any, kind: Any):
    with pytest.raises(CannotSerialize, match="can be written as JSON and read back as"):
        JsonSerializer().dumps(value, kind)


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
    with pytest.raises(ValueError, match="read the other way"):
        serializer.loads(serializer.dumps([1]), list[int])
    with pytest.raises(ValueError, match="read the other way"):
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
