"""Several changes of one habit: the newest is in force, and what they name adds up."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from habitkit import DayClock, FreezeRule, Goal, Schedule
from habitkit.errors import InvalidInput
from habitkit.habits import habit_day
from habitkit.habits.domain.changes import ClockChanged
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from tests.kit.support import examples

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

DAY = timedelta(days=1)
MARCH_1, MARCH_2 = date(2026, 3, 1), date(2026, 3, 2)
DAILY = Schedule.daily()
CLOCK = DayClock("Europe/Vienna")


@pytest.fixture
def run(kit: TestKit) -> Habit:
    kit.clock.set("2026-03-02T05:00Z")
    return kit.habits.create("ada", "Run", DAILY, clock=CLOCK)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"tz": "America/Los_Angeles"}, {"tz": "Asia/Tokyo"}),
        ({"day_start": time(23)}, {"day_start": time(3)}),
        ({"tz": "America/Los_Angeles"}, {"day_start": time(3), "tz": "Europe/Vienna"}),
    ],
)
def test_a_clock_that_puts_the_date_back_is_corrected_by_the_next_change(
    kit: TestKit, run: Habit, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    kit.habits.change_clock(run.id, **wrong)
    assert kit.streaks.state(run.id).today == MARCH_1
    kit.habits.change_clock(run.id, **right)
    assert kit.streaks.state(run.id).today == MARCH_2
    for days in range(5):
        found = kit.streaks.explain(run.id, MARCH_2 + days * DAY).clock
        assert found == evolve(CLOCK, **right)


def test_after_the_date_was_put_back_other_changes_count_from_the_day_of_the_change(
    kit: TestKit, run: Habit
) -> None:
    week = MARCH_2 + 7 * DAY
    kit.habits.change_schedule(run.id, Schedule.every(2))
    kit.habits.change_freezes(run.id, FreezeRule(2, 2))
    kit.habits.change_schedule(run.id, Schedule.every(5), effective_day=week)
    kit.habits.change_clock(run.id, tz="America/Los_Angeles")
    for change in (
        lambda day: kit.habits.change_clock(run.id, tz="UTC", effective_day=day),
        lambda day: kit.habits.change_schedule(run.id, DAILY, effective_day=day),
        lambda day: kit.habits.change_freezes(run.id, None, effective_day=day),
    ):
        with pytest.raises(InvalidInput, match=f"{MARCH_2}, the day of the change in force"):
            change(MARCH_1)
    kit.habits.change_schedule(run.id, Schedule.every(3))
    kit.habits.change_freezes(run.id, FreezeRule(3, 3))
    there = kit.streaks.explain(run.id, MARCH_2)
    assert (there.schedule, there.freezes) == (Schedule.every(3), FreezeRule(3, 3))
    assert kit.streaks.explain(run.id, week).schedule == Schedule.every(5)  # still ahead


def test_after_a_flight_to_the_west_the_newest_schedule_is_in_force(kit: TestKit) -> None:
    kit.clock.set("2026-03-02T05:00Z")
    run = kit.habits.create("ada", "Run", DAILY)
    kit.habits.change_schedule(run.id, Schedule.every(2))
    kit.habits.travel("ada", "America/Los_Angeles")
    assert kit.streaks.state(run.id).today == MARCH_1
    kit.habits.change_schedule(run.id, Schedule.every(3))
    assert kit.streaks.explain(run.id, MARCH_2).schedule == Schedule.every(3)


def test_what_a_change_does_not_name_is_changed_and_undone_on_its_own(
    kit: TestKit, run: Habit
) -> None:
    week = MARCH_2 + 6 * DAY
    kit.habits.change_clock(run.id, week_start="sun", effective_day=week)
    tokyo = kit.habits.change_clock(run.id, tz="Asia/Tokyo")
    kit.habits.change_clock(run.id, day_start=time(3))
    assert kit.streaks.explain(run.id, week).clock == DayClock("Asia/Tokyo", time(3), "sun")
    kit.habits.undo(tokyo.id)
    assert kit.streaks.explain(run.id, MARCH_2).clock == evolve(CLOCK, day_start=time(3))
    assert kit.streaks.explain(run.id, week).clock == DayClock("Europe/Vienna", time(3), "sun")
    assert kit.streaks.rebuild(run.id).repaired == ()


def test_a_change_of_the_schedule_carries_the_goal_of_its_day(kit: TestKit, run: Habit) -> None:
    week = MARCH_2 + 6 * DAY
    kit.habits.change_schedule(run.id, Schedule.every(2), effective_day=week)
    kit.habits.change_schedule(run.id, goal=Goal.at_least(5))
    assert kit.streaks.explain(run.id, week - DAY).goal == Goal.at_least(5)
    assert kit.streaks.explain(run.id, week).goal == Goal.done()


SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "tz": st.sampled_from((None, "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati")),
    "day_start": st.sampled_from((time(0), time(3), time(23))),
    "week_start": st.sampled_from(("mon", "sun")),
    "min_day": st.sampled_from((timedelta(0), timedelta(hours=9))),
}
named = st.fixed_dictionaries({}, optional=SETTINGS).filter(bool)
changes = st.tuples(named, st.sampled_from((None, None, 1, 2, 6)))
undos = st.integers(0, 9)
steps = st.lists(st.tuples(changes | undos, st.sampled_from((0, 0, 5, 30))), max_size=12)


def test_changes_and_undos_in_any_order_equal_a_naive_fold(kit: TestKit, store: Store) -> None:
    kit.clock.set("2026-03-02T05:00Z")

    @examples(store, in_memory=40, in_sqlite=6)
    @given(steps)
    def check(taken: list[Any]) -> None:
        run = kit.habits.create("ada", "Run", DAILY, clock=CLOCK)
        known: dict[UUID, dict[str, Any]] = {}
        ahead = False
        for step, hours in taken:
            if isinstance(step, int):
                ahead = True  # what is left may now begin on a later day
                if known:
                    fact_id = sorted(known)[step % len(known)]
                    kit.habits.undo(fact_id)
                    del known[fact_id]
            else:
                settings, days = step
                ahead |= days is not None
                day = None if days is None else kit.streaks.state(run.id).today + days * DAY
                try:
                    done = kit.habits.change_clock(run.id, **settings, effective_day=day)
                except InvalidInput:
                    continue  # a change that is in force has put the date back
                known[done.id] = settings
                if not ahead:  # the newest is in force at once
                    clock = folded(store, run, known, date.max)
                    tz, now = ZoneInfo(clock.tz or "UTC"), kit.clock.now()
                    assert kit.streaks.state(run.id).today == habit_day(now, tz, clock.day_start)
            kit.clock.advance(hours=hours)
        begin = MARCH_2 - 3 * DAY
        last = (kit.clock.now() + 9 * DAY).date()
        for n in range(min(40, (last - begin).days)):
            day = begin + n * DAY
            assert kit.streaks.explain(run.id, day).clock == folded(store, run, known, day)
        assert kit.streaks.rebuild(run.id).repaired == ()

    check()


def folded(store: Store, run: Habit, known: dict[UUID, dict[str, Any]], day: date) -> DayClock:
    """Return the clock of a day, by what was named in the changes that were not undone."""
    facts = read(store, lambda s: s.port(HABITS).facts("ada", run.id))
    live = [it for it in facts if isinstance(it, ClockChanged) and it.id in known]
    clock = CLOCK
    for fact in sorted(live, key=lambda it: (it.effective_day, it.seq)):
        if fact.effective_day <= day:
            clock = evolve(clock, **known[fact.id])
    return clock
