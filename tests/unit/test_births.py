"""What is asked of a habit on the day on which it is created, when that day's window is over."""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import permutations
from uuid import UUID

import pytest

import habitkit.testing
from habitkit import Goal, Schedule
from habitkit.habits import evaluate, slots
from habitkit.habits.domain.facts import CheckIn

EARLY = (time(6), time(10))
DAY = timedelta(days=1)
BORN = date(2026, 1, 5)


def created(at: str, goal: Goal | None = None):
    kit = habitkit.testing.kit(now=f"{BORN}T{at}Z")
    rise = kit.habits.create("ada", "Rise", Schedule.daily(window=EARLY), goal or Goal.done())
    return kit, rise.id


@pytest.mark.parametrize("goal", [Goal.done(), Goal.avoid(), Goal.at_most(3), Goal.at_least(2)])
def test_a_day_that_was_over_when_the_habit_was_created_is_neither_missed_nor_earned(goal):
    kit, rise = created("20:00", goal)

    first = kit.streaks.explain(rise, BORN)

    assert (first.status, first.why) == ("EXEMPT", "created too late")
    kit.clock.advance(days=2)
    assert kit.streaks.explain(rise, BORN).status == "EXEMPT"


@pytest.mark.parametrize(("at", "status"), [("09:59", "MISSED"), ("10:00", "EXEMPT")])
def test_the_end_of_the_window_decides(at, status):
    kit, rise = created(at)
    kit.clock.advance(days=1)

    assert kit.streaks.explain(rise, BORN).status == status
    assert kit.streaks.explain(rise, BORN + DAY).status in {"OPEN", "MISSED"}


def test_what_was_done_that_day_counts_all_the_same():
    kit, rise = created("20:00")
    kit.clock.advance(days=1)

    assert kit.habits.check_in(rise, day=BORN).status == "DONE"
    assert kit.streaks.explain(rise, BORN).why == "met"


def test_a_backfilled_streak_goes_on():
    kit, rise = created("20:00")
    for n in (9, 5, 4, 3, 2, 1):
        kit.habits.check_in(rise, day=BORN - n * DAY)

    state = kit.streaks.state(rise)
    history = kit.streaks.history(rise, date(2025, 12, 1), BORN)

    assert state.streak.slots == 5
    assert [slot.status for slot in history] == [
        *("DONE", "MISSED", "MISSED", "MISSED"),
        *["DONE"] * 5,
        "EXEMPT",
    ]


def test_the_order_of_the_facts_does_not_matter():
    kit, rise = created("20:00")
    habit, now = kit.habits.get(rise), kit.clock.now()
    at = now.replace(hour=7)
    facts = [
        CheckIn(*(UUID(int=n), rise, "ada", at.date(), at, "UTC", None, "full", "app", now))
        for n, at in enumerate((at, at - 2 * DAY, at - DAY))
    ]

    orders = list(permutations(facts))
    states = {evaluate(habit, order, now=now) for order in orders}
    statuses = {tuple(slot.status for slot in slots(habit, order, now=now)) for order in orders}

    assert len(states) == 1
    assert statuses == {("DONE", "DONE", "DONE")}
