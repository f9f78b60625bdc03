"""Instants and the machine's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from habitkit.clock import SystemClock, instant, storable_instant
from habitkit.errors import InvalidInput, InvalidInstant
from tests.unit.support import given, naive

ZONES = [ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York"), timezone(timedelta(hours=-9.5))]


@given(st.datetimes(naive("0001-01-02"), naive("9999-12-30"), timezones=st.sampled_from(ZONES)))
def test_an_aware_datetime_of_any_zone_becomes_the_same_instant_in_utc(at):
    assert instant(at).tzinfo is UTC
    assert instant(at) == at.astimezone(UTC)


def test_of_two_equal_wall_times_in_autumn_each_stays_its_own_instant():
    vienna = ZoneInfo("Europe/Vienna")

    first = instant(datetime(2026, 10, 25, 2, 30, tzinfo=vienna))
    second = instant(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=vienna))

    assert second - first == timedelta(hours=1)


@pytest.mark.parametrize(
    "value",
    [naive("2026-03-10"), date(2026, 3, 10), "2026-03-10T12:00Z", 1773144000, None],
)
def test_a_naive_datetime_or_a_value_of_another_type_is_refused(value):
    with pytest.raises(InvalidInstant, match="until: expected an aware datetime") as refusal:
        instant(value, "until")

    assert refusal.value.given == value
    assert isinstance(refusal.value, InvalidInput)
    assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize(
    "value",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_an_instant_outside_of_the_calendar_is_refused(value):
    with pytest.raises(InvalidInstant, match="years 2 to 9998"):
        instant(value)


@pytest.mark.parametrize(
    "value",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime(1, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_an_instant_that_a_driver_could_not_read_back_is_not_stored(value):
    assert instant(value) == value
    with pytest.raises(InvalidInstant, match="years 2 to 9998"):
        storable_instant(value)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2, 1, 1, tzinfo=UTC),
        datetime(1, 12, 31, 23, tzinfo=timezone(timedelta(hours=-1))),
        datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_any_other_instant_may_be_stored(value):
    assert storable_instant(value) == value


def test_the_machines_clock_returns_utc():
    before = datetime.now(UTC)
    now = SystemClock().now()

    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC
