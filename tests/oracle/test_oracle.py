"""The oracle itself: a few cases that can be worked out in the head, and that it can be run."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from hypothesis import HealthCheck, settings

from habitkit.habits.domain.facts import (
    Archived,
    CheckIn,
    FreezeGranted,
    Pause,
    Restored,
    ScheduleChanged,
    Skip,
    StreakRepaired,
    Void,
    ZoneChanged,
)
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.model import DayClock, FreezeRule, Habit
from habitkit.habits.domain.schedules import Schedule
from tests.oracle.cases import cases
from tests.oracle.oracle import automatic, read
from tests.oracle.timeline import EVER, Move, Timeline, instant_of

HABIT = UUID(int=1)
ids = (UUID(int=n) for n in count(100))
START = datetime(2026, 1, 5, 8, tzinfo=UTC)  # a Monday


def day(n: int) -> date:
    """Return the n-th of January 2026."""
    return date(2026, 1, 1) + timedelta(days=n - 1)


def at(n: int, hour: int = 12) -> datetime:
    return datetime.combine(day(n), time(hour), UTC)


def habit(schedule: Schedule, goal: Goal | None = None, **more: Any) -> Habit:
    clock = more.pop("clock", DayClock())
    return Habit(HABIT, "ada", "Run", schedule, clock, START, goal or Goal.done(), **more)


def done(n: int, amount: float = 1, hour: int = 12) -> CheckIn:
    when = at(n, hour)
    return CheckIn(next(ids), HABIT, "ada", day(n), when, "UTC", None, "full", "app", when, amount)


def statuses(it: Habit, facts: list[Any], now: datetime) -> str:
    """Return the statuses as a bitmap: done, missed, exempt, frozen, open."""
    marks = {"DONE": "1", "MISSED": "x", "EXEMPT": "e", "FROZEN": "f", "OPEN": "o"}
    return "".join(marks[slot[3]] for slot in read(it, facts, now=now).slots)


DAILY = Schedule.daily()


def test_a_daily_habit():
    reading = read(habit(DAILY), [done(5), done(6)], now=at(7))

    assert [slot[3] for slot in reading.slots] == ["DONE", "DONE", "OPEN"]
    assert reading.slots[0][:3] == (day(5), day(5), at(6, 0))
    assert (reading.streak.slots, reading.streak.days, reading.slack) == (2, 2, 0)
    assert (reading.risk, reading.expires_at) == ("AT_RISK", at(8, 0))


def test_what_was_done_today_is_safe_until_tomorrow_ends():
    reading = read(habit(DAILY), [done(5)], now=at(5))

    assert (reading.risk, reading.expires_at) == ("SAFE", at(7, 0))


def test_a_missed_day_may_be_mended_for_two_days():
    for now, risk in ((at(7), "REPAIRABLE"), (at(9, 0), "REPAIRABLE"), (at(9, 1), "BROKEN")):
        reading = read(habit(DAILY), [done(5)], now=now)
        assert reading.risk == risk
        assert reading.repair_until == (at(9, 0) if risk == "REPAIRABLE" else None)


def test_freezes_are_used_by_the_first_to_expire():
    grant = FreezeGranted(next(ids), HABIT, "ada", at(5), day(5), 1, day(10))
    lasting = FreezeGranted(next(ids), HABIT, "ada", at(5), day(5), 1, None)
    reading = read(habit(DAILY), [done(5), lasting, grant], now=at(7))

    assert [slot[3] for slot in reading.slots] == ["DONE", "FROZEN", "OPEN"]
    assert (reading.risk, reading.freezes) == ("PROTECTED", 1)
    assert statuses(habit(DAILY), [done(5), lasting, grant], at(12)) == "1ffxxxxo"


def test_freezes_can_be_earned():
    it = habit(DAILY, freezes=FreezeRule(2, 1))

    assert statuses(it, [done(5), done(6)], at(9)) == "11fxo"
    assert statuses(it, [done(5), done(7)], at(9)) == "1x1xo"


def test_skips_pauses_and_repairs():
    skip = Skip(next(ids), HABIT, "ada", at(6), day(6))
    pause = Pause(next(ids), None, "ada", at(6), day(8), day(9))
    repair = StreakRepaired(next(ids), HABIT, "ada", at(12), day(11))
    facts = [done(5), skip, done(7), pause, done(10), repair]

    assert statuses(habit(DAILY), facts, at(12)) == "1e1ee1fo"
    void = Void(next(ids), HABIT, "ada", skip.id, at(12))
    assert statuses(habit(DAILY), [*facts, void], at(12)) == "1x1ee1fo"


def test_an_archived_habit_ends_there():
    away = Archived(next(ids), HABIT, "ada", at(7), day(7))
    back = Restored(next(ids), HABIT, "ada", at(9), day(9))

    assert statuses(habit(DAILY), [done(5), done(6), away], at(12)) == "11e"
    assert statuses(habit(DAILY), [done(5), done(6), away, back], at(10)) == "11eexo"
    assert read(habit(DAILY), [done(5), away], now=at(9)).risk == "NONE"


def test_a_quota():
    it = habit(Schedule.quota(3), clock=DayClock(week_start="wed"))
    reading = read(it, [done(7), done(8)], now=at(9))

    assert [slot[:2] for slot in reading.slots] == [(day(5), day(6)), (day(7), day(13))]
    assert (reading.slots[0][3], reading.status, reading.slack) == ("EXEMPT", "OPEN", 4)
    assert statuses(it, [done(7), done(8), done(9, hour=13), done(9)], at(14)) == "e1o"


def test_schedules_by_anchors():
    assert statuses(habit(Schedule.every(3, anchor=day(1))), [done(7)], at(10)) == "1o"
    ends = Schedule.every(1, "month", anchor=date(2025, 12, 31), month_end="skip")
    slots = read(habit(ends), [], now=datetime(2026, 6, 1, tzinfo=UTC)).slots
    assert [slot[0].month for slot in slots] == [1, 3, 5]
    clamped = Schedule.every(1, "month", anchor=date(2025, 12, 31))
    slots = read(habit(clamped), [], now=datetime(2026, 6, 1, tzinfo=UTC)).slots
    assert [(slot[0].month, slot[0].day) for slot in slots][1:3] == [(2, 28), (3, 31)]


def test_a_slot_that_ends_when_it_is_done():
    slots = read(habit(Schedule.every(3, anchor="last_done")), [done(6)], now=at(12)).slots

    assert [(slot[0].day, slot[1].day, slot[3]) for slot in slots] == [
        (5, 6, "DONE"),
        (7, 9, "MISSED"),
        (10, 12, "OPEN"),
    ]


def test_goals_that_turn():
    assert statuses(habit(DAILY, Goal.avoid()), [done(6), done(7, 0)], at(8)) == "1x1o"
    most = Goal.at_most(2, unrecorded="exempt")
    assert statuses(habit(DAILY, most), [done(6), done(7, 1), done(7, 2), done(8, 3)], at(8)) == (
        "e1xx"
    )
    between = Goal.between(1, 2, fold="last")
    assert statuses(habit(DAILY, between), [done(5), done(6, 2), done(6, 0, 13)], at(7)) == "1xo"


def test_loops_automatic_days():
    assert statuses(habit(Schedule.rolling(1, 3)), [done(6)], at(9)) == "x111o"
    week = [day(5), day(9), day(20)]
    assert automatic(week, 2, 7) == {day(n) for n in range(5, 12)}
    # the older span slides into the past until the two touch, but not past its own done day
    assert automatic([day(9), day(12)], 1, 7) == {day(n) for n in range(5, 19)}


def test_a_change_waits_for_the_slot_to_end():
    daily = ScheduleChanged(next(ids), HABIT, "ada", at(7), day(7), DAILY, Goal.done())
    slots = read(habit(Schedule.quota(1)), [daily], now=at(13)).slots

    assert [(slot[0].day, slot[1].day) for slot in slots] == [(5, 11), (12, 12), (13, 13)]


def test_windows_and_seasons():
    it = habit(Schedule.daily(window=(time(22), time(1))), clock=DayClock(day_start=time(3)))
    slots = read(it, [done(5, hour=21), done(6, hour=23)], now=at(7)).slots
    assert [slot[3] for slot in slots] == ["MISSED", "DONE", "OPEN"]
    assert slots[0][2] == at(6, 1)
    early = habit(Schedule.daily(window=(time(6), time(10))))
    assert read(early, [], now=at(5)).slots[0][2:] == (at(5, 10), "MISSED")
    season = habit(Schedule.daily(season=((12, 1), (1, 6))))
    assert statuses(season, [], at(8)) == "xxee"


def test_a_window_that_had_closed_when_the_habit_was_created():
    early, later = (Schedule.daily(window=(time(6), time(hour))) for hour in (8, 9))

    assert statuses(habit(early), [], now=at(7)) == "exx"
    assert statuses(habit(later), [], now=at(7)) == "xxx"
    assert statuses(habit(early), [done(5, hour=7)], now=at(7)) == "1xx"
    assert statuses(habit(early), [done(3, hour=7)], now=at(7)) == "1xexx"


def test_flights_over_the_date_line():
    def flight(n: int, tz: str) -> ZoneChanged:
        return ZoneChanged(next(ids), "ada", at(n, 10), tz, at(n, 10))

    east = [flight(1, "Pacific/Pago_Pago"), flight(7, "Pacific/Kiritimati")]
    assert statuses(habit(DAILY), [done(5), *east], at(10)) == "x1xexxxo"  # 4 to 11
    west = [flight(1, "Pacific/Kiritimati"), flight(7, "Pacific/Pago_Pago")]
    slots = read(habit(DAILY), [done(7), *west], now=at(10)).slots
    assert (slots[0][0].day, slots[1][2] - slots[0][2]) == (5, timedelta(hours=49))
    assert [(slot[0].day, slot[2]) for slot in slots][2] == (7, at(8, 11))


@pytest.mark.parametrize(
    ("name", "shown", "instant"),
    [
        ("Europe/Vienna", "2026-03-29T02:30", "2026-03-29T01:30Z"),
        ("Europe/Vienna", "2026-10-25T02:30", "2026-10-25T00:30Z"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T22:00Z"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:45Z"),
    ],
)
def test_wall_times_that_occur_twice_or_never(name, shown, instant):
    assert instant_of(name, datetime.fromisoformat(shown)) == datetime.fromisoformat(instant)


def test_a_day_that_was_left_out():
    apia = Timeline([Move(EVER, "Pacific/Apia", time(0))], date(2011, 12, 20))

    lived = [apia.lived(date(2011, 12, n)).total_seconds() / 3600 for n in (29, 30, 31)]
    assert lived == [24, 0, 24]
    assert apia.last_part(date(2011, 12, 30)).label == date(2011, 12, 29)


def has_windows(case):
    changes = [fact for fact in case.facts if isinstance(fact, ScheduleChanged)]
    return any(plan.schedule.window is not None for plan in (case.habit, *changes))


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@hypothesis.given(cases())
def test_slots_follow_each_other_and_all_is_in_order(case):
    reading = read(*case[:2], now=case.now)

    assert reading == read(case.habit, case.facts[::-1], now=case.now)
    for before, after in zip(reading.slots, reading.slots[1:], strict=False):
        assert before[0] <= before[1] < after[0]
        # A window may have closed before somebody lands where it is later; whole days end in order.
        assert before[2] <= after[2] or has_windows(case)
    assert reading.best.slots >= reading.streak.slots
    done_slots = sum(slot[3] == "DONE" for slot in reading.slots)
    assert reading.best.slots <= done_slots
    assert (reading.risk in {"NONE", "BROKEN", "REPAIRABLE"}) or reading.streak.slots
