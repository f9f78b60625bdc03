"""The habit day across every change of every zone's clocks from 2024 to 2027, and the odd ones
before.

Whatever the day's start: each instant has one label, and labels never go back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from habitkit.habits.domain.days import day_boundary, habit_day
from tests.oracle.timeline import changes, instant_of

DAY = timedelta(days=1)
HALF_AN_HOUR = timedelta(minutes=30)
TICK = timedelta(microseconds=1)
AROUND = timedelta(hours=36)
YEARS = range(2024, 2028)
STARTS = [time(n // 2, n % 2 * 30) for n in range(48)]
REGIONS = [
    "Africa",
    "America",
    "Antarctica",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
    "others",
]


def zones_of(region: str) -> list[str]:
    """Return the zones of a region, or of none of them, that this machine knows."""
    zone_names = sorted(available_timezones() - {"Factory", "localtime"})
    places = {
        name: name.split("/")[0] if name.split("/")[0] in REGIONS else "others"
        for name in zone_names
    }
    return [name for name in zone_names if places[name] == region]


def transitions(name: str) -> list[datetime]:
    """Return when the clocks of a zone change, from 2024 to 2027."""
    return sorted({change.at for year in YEARS for change in changes(name, year)})


def around(change: datetime) -> Iterator[datetime]:
    """Yield instants around a change in order, half an hour apart and at the change itself
    closer."""
    step = -AROUND
    while step <= AROUND:
        if not step:
            yield change - TICK
        yield change + step
        step += HALF_AN_HOUR


def hold_the_law(name: str, change: datetime, start: time) -> None:
    """Fail unless around a change each instant has one label, and none goes back."""
    tz = ZoneInfo(name)
    before = date.min
    for at in around(change):
        label = habit_day(at, tz, start)
        assert day_boundary(label, tz, start) <= at < day_boundary(label + DAY, tz, start)
        assert before <= label
        if before != label:
            shown = datetime.combine(label, start)
            assert day_boundary(label, tz, start) == instant_of(name, shown)
        before = label


def some_starts(number: int) -> list[time]:
    """Return midnight, half past two, and two more that are others for each zone."""
    return [STARTS[0], STARTS[5], STARTS[number * 7 % 48], STARTS[(number * 7 + 24) % 48]]


@pytest.mark.parametrize("region", REGIONS)
def test_every_instant_of_every_zone_has_one_label(region):
    for number, name in enumerate(zones_of(region)):
        for change in transitions(name):
            for start in some_starts(number):
                hold_the_law(name, change, start)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("region", REGIONS)
def test_every_instant_of_every_zone_has_one_label_whenever_days_begin(region):
    for name in zones_of(region):
        for change in transitions(name):
            for start in STARTS:
                hold_the_law(name, change, start)


def test_there_are_zones_to_test():
    assert {"Europe/Vienna", "America/New_York"} <= {n for r in REGIONS for n in zones_of(r)}
    assert len(transitions("Europe/Vienna")) == 8


def zone_named(name: str) -> ZoneInfo:
    if name not in available_timezones():
        pytest.skip(f"this machine has no {name}; pip install tzdata")
    return ZoneInfo(name)


def lengths(name: str, first: date, days: int, start: time = time(0)) -> list[float]:
    """Return how many hours each day lasts."""
    tz = zone_named(name)
    edges = [day_boundary(first + n * DAY, tz, start) for n in range(days + 1)]
    hours = [(after - before) / timedelta(hours=1) for before, after in pairwise(edges)]
    for n, before in enumerate(edges[:-1]):
        if hours[n]:
            assert habit_day(before, tz, start) == first + n * DAY
            assert habit_day(edges[n + 1] - TICK, tz, start) == first + n * DAY
        else:  # nobody ever lived on that day
            assert habit_day(before, tz, start) > first + n * DAY
    return hours


@pytest.mark.parametrize("start", [time(0), time(0, 30), time(12), time(23, 30)])
@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("Pacific/Apia", [date(2011, 12, 30)]),
        ("Pacific/Fakaofo", [date(2011, 12, 30)]),
        ("Pacific/Kwajalein", [date(1993, 8, 21), date(1993, 8, 20)]),
        ("Pacific/Kiritimati", [date(1994, 12, 31), date(1995, 1, 1)]),
        ("Pacific/Enderbury", [date(1994, 12, 31), date(1995, 1, 1)]),
    ],
)
def test_a_date_that_a_zone_left_out_has_no_length(name, missing, start):
    """Of some of them older editions of the tz database say that it was the day after or before."""
    first = min(missing) - 2 * DAY
    hours = lengths(name, first, 6, start)

    assert sorted(hours) == [0, 24, 24, 24, 24, 24]
    assert first + hours.index(0) * DAY in missing


@pytest.mark.parametrize("day", [date(1969, 9, 30), date(1892, 7, 4)])
def test_a_date_that_a_zone_had_twice_lasts_two_days(day):
    name = "Pacific/Kwajalein" if day.year == 1969 else "Pacific/Apia"

    assert max(lengths(name, day - 2 * DAY, 5)) in {47, 48}


def test_half_an_hour_of_summer_time():
    assert lengths("Australia/Lord_Howe", date(2026, 4, 4), 3) == [24, 24.5, 24]
    assert lengths("Australia/Lord_Howe", date(2026, 10, 3), 3) == [24, 23.5, 24]


@pytest.mark.parametrize(
    ("name", "night", "start", "hours"),
    [
        # 02:30 is skipped: the day begins at 03:30, and the day before is no shorter
        ("Europe/Vienna", date(2026, 3, 29), time(2, 30), [24, 23, 24]),
        ("Europe/Vienna", date(2026, 3, 29), time(3), [23, 24, 24]),
        # 02:30 occurs twice: the day begins at the first
        ("Europe/Vienna", date(2026, 10, 25), time(2, 30), [24, 25, 24]),
        ("Europe/Vienna", date(2026, 10, 25), time(3), [25, 24, 24]),
        # midnight itself is skipped
        ("America/Santiago", date(2026, 9, 6), time(0), [24, 23, 24]),
        ("Africa/Cairo", date(2026, 4, 24), time(0), [24, 23, 24]),
        # midnight occurs twice
        ("America/Havana", date(2026, 11, 1), time(0), [24, 25, 24]),
        # a gap of half an hour, from 02:00 on, and an overlap of as much from 01:30 on
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), [24, 23.5, 24]),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), [24, 24.5, 24]),
        # a gap of two hours, from 01:00 on
        ("Antarctica/Troll", date(2026, 3, 29), time(1, 30), [24, 22, 24]),
    ],
)
def test_a_day_that_begins_in_a_gap_or_in_an_overlap(name, night, start, hours):
    assert lengths(name, night - DAY, 3, start) == hours


def test_the_first_of_two_midnights_begins_the_day():
    havana = zone_named("America/Havana")
    first = datetime(2026, 11, 1, 4, tzinfo=UTC)

    assert habit_day(first - TICK, havana) == date(2026, 10, 31)
    assert {habit_day(first + n * HALF_AN_HOUR, havana) for n in range(50)} == {date(2026, 11, 1)}
