"""Goals, schedules, clocks, freeze rules and facts that cannot be are refused by what makes
them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from habitkit import DayClock, FreezeRule, Goal, Schedule
from habitkit.habits import InvalidHabit
from habitkit.habits.domain.facts import FreezeGranted, Pause

NOW = datetime(2026, 3, 10, 8, tzinfo=UTC)
TODAY = NOW.date()
ID = UUID(int=7)


def given(make, *args, **kwargs):
    """Return a call whose arguments no type checker would let pass."""
    return lambda: make(*args, **kwargs)


GOALS = {
    "a kind that there is not": (given(Goal, "often"), "goal: expected one of"),
    "a bound that is missing": (
        given(Goal, "at_least"),
        "goal: expected low an amount and high None for the kind 'at_least'",
    ),
    "a bound too many": (
        given(Goal, "done", low=1),
        "goal: expected low None and high None for the kind 'done'",
    ),
    "the larger bound first": (given(Goal.between, 3, 1), "between: expected low not above"),
    "at least nothing": (given(Goal.at_least, 0), "at_least: expected an amount above 0"),
    "less than nothing": (given(Goal.at_most, -1), "high: expected a finite number"),
    "no number": (given(Goal.at_least, math.nan), "low: expected a finite number"),
    "without end": (given(Goal.at_most, math.inf), "high: expected a finite number"),
    "true": (given(Goal.at_least, True), "low: expected a finite number"),
    "a number below zero with a sign": (given(Goal.at_most, Decimal("-1E-9")), "high: expected a"),
    "a decimal that is no number": (given(Goal.at_least, Decimal("NaN")), "low: expected a finite"),
    "more digits than are kept": (
        given(Goal.at_least, Decimal("0." + "3" * 31)),
        "at most 30 significant digits, got Decimal",
    ),
    "text for a number": (given(Goal.at_least, "3"), "low: expected a finite number"),
    "a unit that is no text": (given(Goal.at_least, 1, 5), "unit: expected a string"),
    "a unit as long as a page": (given(Goal.at_least, 1, "m" * 500), "unit: expected a string"),
    "an unknown fold": (given(Goal.at_least, 1, fold="mean"), "fold: expected 'sum'"),
    "an unknown silence": (given(Goal.at_most, 1, unrecorded="?"), "unrecorded: expected"),
}

SCHEDULES = {
    "a kind that there is not": (given(Schedule, "hourly"), "kind: expected one of"),
    "no weekday": (Schedule.weekdays, "weekdays: expected at least one of"),
    "a weekday that there is not": (
        given(Schedule.weekdays, "mon", "fun"),
        "expected one of mon",
    ),
    "every zero days": (given(Schedule.every, 0), "n: expected an int from 1"),
    "every half": (given(Schedule.every, 0.5), "n: expected an int from 1"),
    "a unit that there is not": (given(Schedule.every, 2, unit="hour"), "unit: expected one of"),
    "eight days a week": (given(Schedule.quota, 8, per="week"), "n: expected an int from 1 to 7"),
    "a quota of a decade": (given(Schedule.quota, 1, per="decade"), "per: expected one of"),
    "four of three days": (given(Schedule.rolling, 4, 3), "n: expected an int from 1 to 3"),
    "of no days": (given(Schedule.rolling, 1, 0), "days: expected an int from 1"),
    "an anchor with a time": (given(Schedule.every, 2, anchor=NOW), "anchor: expected a date"),
    "an empty rule": (given(Schedule.rrule, ""), "rule: expected an RFC 5545 rule"),
    "a window of no length": (
        given(Schedule.daily, window=(time(6), time(6))),
        "window: expected two different times",
    ),
    "a window in a zone": (
        given(Schedule.daily, window=(time(6, tzinfo=UTC), time(9))),
        "window: expected two different times",
    ),
    "a window of one": (given(Schedule.daily, window=(time(6),)), "window: expected two"),
    "a season that no year has": (
        given(Schedule.daily, season=((2, 30), (3, 1))),
        "season: expected the first and the last",
    ),
    "a season of true": (given(Schedule.daily, season=((True, 1), (3, 1))), "season: expected"),
}

OTHERS = {
    "a day that begins in a zone": (
        given(DayClock, day_start=time(3, tzinfo=timezone(timedelta(hours=1)))),
        "day_start: expected a time without a time zone",
    ),
    "a day that begins at no time": (given(DayClock, day_start=3), "day_start: expected a time"),
    "a week that begins on no day": (given(DayClock, week_start="yesterday"), "week_start: "),
    "a day of more than a day": (
        given(DayClock, min_day=timedelta(hours=25)),
        "min_day: expected a timedelta of at most a day",
    ),
    "a day of less than a second": (
        given(DayClock, min_day=timedelta(microseconds=1)),
        "min_day: expected whole seconds",
    ),
    "a freeze for no slots": (given(FreezeRule, 0, 2), "per_slots: expected an int from 1"),
    "a freeze for ever": (given(FreezeRule, 7, 10**9), "most_held: expected an int from 1"),
    "half a freeze": (given(FreezeRule, 3.5, 2), "per_slots: expected an int from 1"),
    "no freezes given": (
        given(FreezeGranted, ID, ID, "ada", NOW, TODAY, 0, None),
        "count: expected an int of at least 1",
    ),
    "a pause that ends before it starts": (
        given(Pause, ID, ID, "ada", NOW, TODAY, date(2026, 3, 9)),
        "end: expected a day not before the start, 2026-03-10",
    ),
}


@pytest.mark.parametrize("what", GOALS)
def test_a_goal_that_nobody_could_meet_or_miss_is_refused(what):
    assert_refused(*GOALS[what])


@pytest.mark.parametrize("what", SCHEDULES)
def test_a_schedule_without_a_meaning_is_refused(what):
    assert_refused(*SCHEDULES[what])


@pytest.mark.parametrize("what", OTHERS)
def test_a_clock_a_freeze_or_a_pause_that_cannot_be_is_refused(what):
    assert_refused(*OTHERS[what])


@pytest.mark.parametrize(
    ("goal", "schedule", "match"),
    [
        (Goal.avoid(), Schedule.rolling(2, 4), "goal: expected 'done' or 'at_least'"),
        (Goal.avoid(), Schedule.every(2, anchor="last_done"), "goal: expected 'done', or"),
        (Goal.at_most(2), Schedule.quota(2, per="week"), "n: expected a quota of 1"),
    ],
)
def test_a_goal_that_does_not_fit_its_schedule_is_refused(kit, goal, schedule, match):
    with pytest.raises(InvalidHabit, match=match):
        kit.habits.create("ada", "Run", schedule, goal)
    assert not kit.habits.list("ada")


def test_a_sum_of_amounts_may_be_larger_than_any_float(kit):
    run = kit.habits.create("ada", "Run", Schedule.daily(), Goal.at_least(1.7e308))
    for _ in range(2):
        kit.habits.check_in(run.id, amount=1e308)
    done = kit.habits.check_in(run.id, amount=1e308)

    assert (done.status, kit.streaks.state(run.id).streak.slots) == ("DONE", 1)
    (slot,) = kit.streaks.history(run.id, done.day, done.day)
    assert slot.amount == Decimal("3E+308")


def assert_refused(make, match):
    """Check that something is refused, with the name of what is wrong and what was given."""
    with pytest.raises(InvalidHabit, match=match) as refusal:
        make()
    assert "got" in str(refusal.value)
