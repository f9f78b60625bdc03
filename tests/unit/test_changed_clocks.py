"""The days of a habit whose clock changes are those that a walk through the quarters finds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import hypothesis
from attrs import asdict, evolve
from hypothesis import settings
from hypothesis import strategies as st

from habitkit import DayClock
from habitkit.habits.domain.facts import ClockChanged, ZoneChanged
from habitkit.habits.domain.timeline import Timeline

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
BEGIN = datetime(2024, 10, 20, tzinfo=UTC)  # clocks go back in the weeks after it
LENGTH = 12  # days
ZONES = (
    *("UTC", "Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"),
    *("Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Chatham", "America/Santiago"),
)


class Case(NamedTuple):
    """A clock, what becomes of it, and where the owner goes."""

    clock: DayClock
    changes: tuple[tuple[date, dict[str, Any]], ...]
    zones: tuple[tuple[datetime, str], ...]


quarters = st.integers(0, LENGTH * 96).map(lambda n: BEGIN + n * QUARTER)
a_clock = st.builds(
    DayClock,
    st.none() | st.none() | st.sampled_from(ZONES),
    st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15)),
    min_day=st.integers(0, 24).map(lambda n: timedelta(hours=n)),
)
a_change = st.tuples(a_clock, st.sampled_from(("tz", "day_start", "min_day", "all"))).map(
    lambda drawn: {
        name: "owner" if value is None else value
        for name, value in asdict(drawn[0]).items()
        if drawn[1] in {name, "all"}
    }
)
a_day = st.integers(2, LENGTH - 2).map(lambda n: BEGIN.date() + n * DAY)
cases = st.builds(
    Case,
    a_clock,
    st.lists(st.tuples(a_day, a_change), max_size=4).map(tuple),
    st.lists(st.tuples(quarters, st.sampled_from(ZONES)), max_size=4).map(tuple),
)


def timeline_of(case: Case) -> Timeline:
    ids = (UUID(int=0), UUID(int=0), "ada")
    return Timeline(
        case.clock,
        [ZoneChanged(ids[0], "ada", at, tz, at, n) for n, (at, tz) in enumerate(case.zones)],
        [ClockChanged(*ids, BEGIN, day, **it, seq=n) for n, (day, it) in enumerate(case.changes)],
    )


def walk(case: Case) -> list[tuple[datetime, date]]:
    """Return each quarter of an hour with its day.

    The day is the latest one whose beginning the wall has shown. Once that is the first day of
    another clock, or a later one, days are read by that clock.
    """
    waiting, moves = clocks_in_order(case), sorted(case.zones, key=lambda move: move[0])
    clock, zone, found = case.clock, "UTC", []
    for n in range(-3 * 96, (LENGTH + 3) * 96):
        at = BEGIN + n * QUARTER
        while moves and moves[0][0] <= at:
            zone = moves.pop(0)[1]
        day = day_of(at, clock, zone)
        while waiting and day >= waiting[0][0]:
            clock = waiting.pop(0)[1]
            day = day_of(at, clock, zone)
        found.append((at, day))
    return found


def clocks_in_order(case: Case) -> list[tuple[date, DayClock]]:
    """Return the days on which clocks come into force, each with all that is named until then."""
    clock, clocks = case.clock, {}
    for day, named in sorted(case.changes, key=lambda change: change[0]):
        tz = named.get("tz", clock.tz)
        clock = evolve(clock, **named | {"tz": None if tz == "owner" else tz})
        clocks[day] = clock
    return list(clocks.items())


def day_of(at: datetime, clock: DayClock, zone: str) -> date:
    """Return the latest day whose beginning the wall has shown."""
    tz = ZoneInfo(clock.tz or zone)
    days = (at.date() - n * DAY for n in range(-2, 4))
    return next(day for day in days if datetime.combine(day, clock.day_start, tz) <= at)


@settings(max_examples=30, deadline=None)
@hypothesis.given(cases)
def test_days_are_those_of_a_walk_through_the_quarters(case):
    timeline, walked = timeline_of(case), walk(case)

    assert [timeline.label(at) for at, _ in walked] == [day for _, day in walked]
    latest = list(accumulate((day for _, day in walked), max))
    assert [timeline.latest_label(at) for at, _ in walked[::17]] == latest[::17]
    for n in range(LENGTH):
        day = BEGIN.date() + n * DAY
        lived = QUARTER * sum(its == day for _, its in walked)
        clock = [case.clock, *(new for since, new in clocks_in_order(case) if since <= day)][-1]
        assert timeline.begins(day) == next(at for at, its in walked if its >= day)
        assert timeline.ends(day) == max(at for at, its in walked if its <= day) + QUARTER
        assert timeline.lived(day) == lived
        assert timeline.is_short(day) == (lived < clock.min_day or not lived)
        assert timeline.begins(day) <= timeline.begins(day + DAY)
        assert timeline.ends(day) <= timeline.ends(day + DAY)
