"""The habit day, against a search through the instants around every change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example
from hypothesis import strategies as st

from habitkit import habits
from habitkit.errors import InvalidInstant
from habitkit.habits import InvalidHabit, InvalidZone
from habitkit.habits.domain.days import day_boundary, habit_day, zone
from tests.unit.support import given, naive

ZONES = [
    "Africa/Cairo",  # springs forward at midnight
    "Africa/Casablanca",  # changes around Ramadan
    "America/Asuncion",  # stopped changing in 2024
    "America/Havana",  # midnight occurs twice in autumn
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",  # springs forward at midnight
    "America/Scoresbysund",  # moved to another zone in 2024
    "America/St_Johns",  # half hours
    "Antarctica/Troll",  # changes by two hours
    "Asia/Almaty",  # moved to another zone in 2024
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Australia/Lord_Howe",  # changes by half an hour
    "Europe/Dublin",  # winter time is the exception there
    "Europe/Vienna",
    "Pacific/Auckland",
    "Pacific/Chatham",  # quarter hours
    "Pacific/Easter",
]
NEVER_CHANGING = ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
ODD = [  # a minute after midnight, so that midnight was shown twice, and once skipped a day
    ("America/St_Johns", datetime(2010, 3, 14, 3, 31, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, 0, tzinfo=UTC)),
]
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


@cache
def changes() -> list[tuple[str, datetime]]:
    """Every change of the clocks of these zones in 2024 to 2027: the first instant after it."""
    found = []
    for name in ZONES:
        tz, at = ZoneInfo(name), datetime(2024, 1, 1, tzinfo=UTC)
        while at.year < 2028:
            if _offset(at, tz) != _offset(at + DAY, tz):
                after = at
                while _offset(after, tz) == _offset(at, tz):
                    after += QUARTER
                found.append((name, after))
            at += DAY
    return found + ODD + [(name, datetime(2026, 3, 1, tzinfo=UTC)) for name in NEVER_CHANGING]


def _offset(at: datetime, tz: ZoneInfo) -> timedelta | None:
    return at.astimezone(tz).utcoffset()


# -- the oracle: read a clock on the wall, every quarter of an hour ---------------------------


def wall(at: datetime, tz: ZoneInfo) -> datetime:
    return at.astimezone(tz).replace(tzinfo=None)


def slow_boundary(day: date, tz: ZoneInfo, start: time) -> datetime:
    wanted = datetime.combine(day, start)
    earliest = datetime.combine(day, start, UTC) - timedelta(hours=27)
    instants = [earliest + n * QUARTER for n in range(54 * 4)]
    for at in instants:
        if wall(at, tz) == wanted:
            return at  # the first time that the wall shows it
    last_before = max(at for at in instants if wall(at, tz) < wanted)
    return last_before + (wanted - wall(last_before, tz))  # as if the clock had not jumped


def slow_day(at: datetime, tz: ZoneInfo, start: time) -> date:
    candidates = [at.date() + n * DAY for n in range(-3, 4)]
    return max(day for day in candidates if slow_boundary(day, tz, start) <= at)


near_a_change = st.deferred(lambda: st.sampled_from(changes()))
seconds = st.integers(-50 * 3600, 50 * 3600) | st.integers(-7200, 7200)
starts = st.sampled_from([time(n // 4, n % 4 * 15) for n in range(96)]) | st.just(time(0))


def test_the_zones_change_their_clocks_often_in_these_years():
    assert len(changes()) > 100


@given(near_a_change, seconds, starts)
def test_a_day_is_the_largest_whose_boundary_is_not_after_the_instant(change, seconds, start):
    tz, at = ZoneInfo(change[0]), change[1] + timedelta(seconds=seconds)

    assert habit_day(at, tz, start) == slow_day(at, tz, start)


@given(near_a_change, st.integers(-3, 3), starts)
def test_a_day_begins_when_the_wall_first_shows_it_or_would_have(change, days, start):
    tz, day = ZoneInfo(change[0]), change[1].date() + days * DAY

    assert day_boundary(day, tz, start) == slow_boundary(day, tz, start)


@given(near_a_change, seconds, seconds, starts)
def test_a_later_instant_never_belongs_to_an_earlier_day(change, some, others, start):
    tz, earlier, later = ZoneInfo(change[0]), *sorted((some, others))

    first = habit_day(change[1] + timedelta(seconds=earlier), tz, start)
    second = habit_day(change[1] + timedelta(seconds=later), tz, start)

    assert first <= second


@given(near_a_change, seconds, starts)
def test_every_instant_belongs_to_the_day_between_whose_boundaries_it_lies(change, seconds, start):
    tz, at = ZoneInfo(change[0]), change[1] + timedelta(seconds=seconds)

    day = habit_day(at, tz, start)

    assert day_boundary(day, tz, start) <= at < day_boundary(day + DAY, tz, start)


@given(near_a_change, st.integers(-2, 2), starts)
def test_a_day_begins_with_its_boundary_and_not_a_moment_before(change, days, start):
    tz, day = ZoneInfo(change[0]), change[1].date() + days * DAY
    boundary = day_boundary(day, tz, start)

    assert habit_day(boundary, tz, start) >= day
    assert habit_day(boundary - timedelta(microseconds=1), tz, start) < day


@given(st.datetimes(naive("1900-01-01"), naive("2099-01-01"), timezones=st.just(UTC)), starts)
@example(datetime(2011, 12, 30, 9, 59, tzinfo=UTC), time(0))
@example(datetime(1969, 9, 30, 13, tzinfo=UTC), time(0))
def test_even_in_places_that_crossed_the_date_line_an_instant_has_a_day(at, start):
    for name in ("Pacific/Apia", "Pacific/Kwajalein", "Asia/Manila"):
        tz = ZoneInfo(name)
        day = habit_day(at, tz, start)

        assert day_boundary(day, tz, start) <= at
        assert all(day_boundary(day + n * DAY, tz, start) > at for n in (1, 2, 3))


# -- examples to read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "day", "start", "boundary"),
    [
        ("Europe/Vienna", "2026-03-29", "02:30", "2026-03-29T01:30Z"),  # skipped: 03:30 summer time
        ("Europe/Vienna", "2026-03-29", "01:59", "2026-03-29T00:59Z"),
        ("Europe/Vienna", "2026-03-29", "03:00", "2026-03-29T01:00Z"),
        ("Europe/Vienna", "2026-10-25", "02:30", "2026-10-25T00:30Z"),  # twice: the first
        ("Europe/Vienna", "2026-10-25", "03:00", "2026-10-25T02:00Z"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:45Z"),  # skipped: 02:45
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45Z"),  # twice: the first
        ("Africa/Cairo", "2026-04-24", "00:00", "2026-04-23T22:00Z"),  # no midnight on that day
        ("Pacific/Apia", "2011-12-29", "00:00", "2011-12-29T10:00Z"),
        ("Pacific/Apia", "2011-12-30", "00:00", "2011-12-30T10:00Z"),  # a day that never was
        ("Pacific/Apia", "2011-12-31", "00:00", "2011-12-30T10:00Z"),
        ("Pacific/Apia", "2011-12-30", "03:00", "2011-12-30T13:00Z"),
        ("Pacific/Apia", "2011-12-31", "03:00", "2011-12-30T13:00Z"),
    ],
)
def test_a_day_begins_at(name, day, start, boundary):
    begins = day_boundary(date.fromisoformat(day), ZoneInfo(name), time.fromisoformat(start))

    assert begins == datetime.fromisoformat(boundary)
    assert begins.tzinfo is UTC


@pytest.mark.parametrize("start", ["00:00", "03:00", "23:45"])
def test_no_instant_belongs_to_the_day_that_samoa_skipped(start):
    tz, begin = ZoneInfo("Pacific/Apia"), datetime(2011, 12, 28, tzinfo=UTC)

    days = [habit_day(begin + n * QUARTER, tz, time.fromisoformat(start)) for n in range(96 * 5)]

    assert date(2011, 12, 30) not in days
    assert {date(2011, 12, 29), date(2011, 12, 31)} <= set(days)
    assert days == sorted(days)


def test_a_day_that_began_goes_on_when_the_clock_goes_back_over_midnight():
    tz = ZoneInfo("America/St_Johns")
    first_midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)

    for minutes in (0, 1, 30, 61, 200):  # from 00:01 back to 23:01 of the day before
        assert habit_day(first_midnight + timedelta(minutes=minutes), tz) == date(2010, 11, 7)
    assert habit_day(first_midnight - timedelta(minutes=1), tz) == date(2010, 11, 6)


def test_one_in_the_morning_belongs_to_the_day_before_if_the_day_begins_at_three():
    tz = ZoneInfo("Europe/Vienna")
    at = datetime(2026, 1, 2, 1, tzinfo=tz)

    assert habit_day(at, tz, time(3)) == date(2026, 1, 1)
    assert habit_day(at, tz) == date(2026, 1, 2)


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Viena",
        "",
        "Mars/Olympus",
        "../../etc/passwd",
        "/etc/localtime",
        "UTC\x00",
        "Europe",
        5,
        None,
        "\ud800",
    ],
)
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(InvalidZone) as refusal:
        zone(name)

    assert refusal.value.given == name
    assert "IANA" in refusal.value.expected


def test_a_known_zone_is_found():
    assert zone("Europe/Vienna").key == "Europe/Vienna"


# -- for hosts -------------------------------------------------------------------------------------


def test_a_host_may_name_the_zone_of_a_habit_day() -> None:
    at = datetime(2026, 1, 2, 1, 30, tzinfo=UTC)

    for tz in ("Europe/Vienna", ZoneInfo("Europe/Vienna")):
        assert habits.habit_day(at, tz) == date(2026, 1, 2)
        assert habits.habit_day(at, tz, time(3)) == date(2026, 1, 1)
    assert habits.habit_day(at, "America/New_York") == date(2026, 1, 1)


@pytest.mark.parametrize(
    "tz", ["Mars/Olympus", "", "../etc", None, 5, UTC, timezone(timedelta(hours=1))]
)
def test_a_habit_day_needs_a_zone_of_the_tz_database(tz: Any) -> None:
    with pytest.raises(InvalidZone, match=r"^tz: expected .*'Europe/Vienna'"):
        habits.habit_day(datetime(2026, 1, 1, 12, tzinfo=UTC), tz)


@pytest.mark.parametrize(
    "at",
    [
        naive("2026-01-01T12:00"),
        date(2026, 1, 1),
        "2026-01-01",
        None,
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_a_habit_day_needs_an_instant_that_a_store_can_keep(at: Any) -> None:
    with pytest.raises(InvalidInstant, match=r"^at: expected an "):
        habits.habit_day(at, "UTC")


@pytest.mark.parametrize("day_start", ["03:00", 3, None, time(3, tzinfo=UTC)])
def test_a_habit_day_begins_at_a_wall_time(day_start: Any) -> None:
    with pytest.raises(InvalidHabit, match=r"^day_start: expected a time without a time zone"):
        habits.habit_day(datetime(2026, 1, 1, 12, tzinfo=UTC), "UTC", day_start)
