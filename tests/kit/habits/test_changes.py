"""Changes of a habit from a day on: its clock, its freeze rule; and of the day of a check-in."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from habitkit import DayClock, FreezeRule, Schedule
from habitkit.errors import IdempotencyConflict, InvalidInput
from habitkit.habits import DayOutOfRange
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from tests.kit.habits.dated_histories import histories, outcome
from tests.kit.habits.test_derived_properties import played
from tests.kit.support import examples

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from tests.kit.habits.dated_histories import History

TODAY = date(2026, 1, 1)  # a Thursday; the clock of the kit shows eight in the morning
DAY = timedelta(days=1)
DAILY = Schedule.daily()


class TestClocks:
    """``change_clock``."""

    def test_what_is_not_named_stays_and_none_means_where_the_owner_is(self, kit: TestKit) -> None:
        clock = DayClock("Europe/Vienna", time(3), "sun", timedelta(hours=2))
        run = kit.habits.create("ada", "Run", DAILY, clock=clock)
        kit.habits.change_clock(run.id, day_start=time(4))
        kit.habits.change_clock(run.id, tz=None, effective_day=TODAY + 5 * DAY)
        kit.habits.change_clock(run.id, week_start="mon", effective_day=TODAY + 5 * DAY)

        assert kit.habits.get(run.id).clock == clock
        for day, expected in (
            (TODAY - DAY, clock),
            (TODAY, evolve(clock, day_start=time(4))),
            (TODAY + 9 * DAY, evolve(clock, tz=None, day_start=time(4), week_start="mon")),
        ):
            assert kit.streaks.explain(run.id, day).clock == expected

    def test_a_later_start_makes_the_day_before_longer_and_its_deadline_later(
        self, kit: TestKit, run: Habit
    ) -> None:
        kit.habits.check_in(run.id)
        tomorrow = TODAY + DAY
        kit.habits.change_clock(run.id, day_start=time(6), effective_day=tomorrow)
        kit.clock.set("2026-01-02T05:59Z")
        state = kit.streaks.state(run.id)
        assert (state.today, state.status) == (TODAY, "DONE")
        assert [habit.today for habit in kit.streaks.today("ada")] == [TODAY]
        assert kit.habits.check_in(run.id).day == TODAY
        assert kit.habits.check_in(run.id, tz="Asia/Tokyo").day == tomorrow
        with pytest.raises(DayOutOfRange):
            kit.habits.check_in(run.id, day=TODAY + 2 * DAY)
        kit.clock.set("2026-01-04T05:59Z")  # 48 h after the end of the longer day
        assert kit.habits.check_in(run.id, day=TODAY).credit == "full"
        kit.clock.advance(minutes=2)
        assert kit.habits.check_in(run.id, day=TODAY).credit == "history"

    def test_an_earlier_start_makes_the_day_shorter_and_too_short_a_day_is_not_due(
        self, kit: TestKit
    ) -> None:
        night = kit.habits.create("ada", "Read", DAILY, clock=DayClock(day_start=time(20)))
        assert kit.habits.check_in(night.id).day == TODAY - DAY
        changed = kit.habits.change_clock(night.id, day_start=time(0), effective_day=TODAY)
        kit.clock.set("2026-01-02T00:30Z")
        assert kit.streaks.state(night.id).today == TODAY + DAY
        short = kit.streaks.explain(night.id, TODAY)
        assert (short.status, short.why) == ("EXEMPT", "short day")
        assert any(fact.id == changed.id for fact in short.facts)
        kit.habits.change_clock(night.id, min_day=timedelta(hours=4), effective_day=TODAY + DAY)
        assert kit.streaks.explain(night.id, TODAY).why == "short day"
        kit.habits.undo(changed.id)
        assert kit.streaks.state(night.id).today == TODAY

    def test_backfilling_and_archiving_follow_the_clock_in_force(
        self, kit: TestKit, run: Habit
    ) -> None:
        kit.clock.set("2026-01-01T12:00Z")
        kit.habits.change_clock(run.id, tz="Pacific/Kiritimati", effective_day=TODAY)
        tomorrow = TODAY + DAY  # there
        assert kit.habits.backfill(run.id, [tomorrow], source="paper") == 1
        kit.habits.skip(run.id)
        kit.habits.archive(run.id)
        assert kit.streaks.explain(run.id, tomorrow).why in {"skipped", "met"}
        assert kit.streaks.state(run.id).today == tomorrow

    def test_a_week_that_runs_keeps_its_start_and_intervals_keep_their_origin(
        self, kit: TestKit
    ) -> None:
        gym = kit.habits.create("ada", "Gym", Schedule.quota(2))
        third = kit.habits.create("ada", "Swim", Schedule.every(3))
        for habit in (gym, third):
            kit.habits.change_clock(habit.id, week_start="sat", day_start=time(1))
        kit.clock.advance(days=20)

        weeks = kit.streaks.history(gym.id, TODAY, TODAY + 20 * DAY)
        days = [slot.first for slot in kit.streaks.history(third.id, TODAY, TODAY + 9 * DAY)]

        firsts = [(slot.first.day, slot.last.day, slot.why) for slot in weeks[:3]]
        assert firsts == [(1, 2, "partial"), (3, 9, "not met"), (10, 16, "not met")]
        assert days == [TODAY + n * DAY for n in (0, 3, 6, 9)]

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"tz": "Mars/Olympus"},
            {"tz": ["UTC"]},
            {"day_start": "03:00"},
            {"week_start": "monday"},
            {"min_day": timedelta(days=2)},
            {"day_start": time(3), "effective_day": TODAY - DAY},
            {"day_start": time(3), "effective_day": date.max},
            {"day_start": time(3), "effective_day": "2026-01-02"},
        ],
        ids=str,
    )
    def test_what_no_clock_has_is_refused(
        self, kit: TestKit, run: Habit, store: Store, arguments: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidInput):
            kit.habits.change_clock(run.id, **arguments)
        assert read(store, lambda s: s.port(HABITS).facts("ada", run.id)) == []

    def test_a_key_changes_it_once(self, kit: TestKit, run: Habit) -> None:
        first = kit.habits.change_clock(run.id, tz=None, idempotency_key="k")
        assert kit.habits.change_clock(run.id, tz=None, idempotency_key="k") == first
        with pytest.raises(IdempotencyConflict):
            kit.habits.change_clock(run.id, day_start=time(3), idempotency_key="k")


class TestFreezeRules:
    """``change_freezes``."""

    def test_later_slots_earn_by_the_new_rule_and_what_was_earned_stays(
        self, kit: TestKit, run: Habit
    ) -> None:
        kit.habits.change_freezes(run.id, FreezeRule(1, 1))
        changed = kit.habits.change_freezes(run.id, FreezeRule(2, 3), effective_day=TODAY + DAY)
        kit.habits.change_freezes(run.id, None, effective_day=TODAY + 5 * DAY)
        freezes = []
        for _ in range(8):
            kit.habits.check_in(run.id)
            freezes.append(kit.streaks.state(run.id).freezes)
            kit.clock.advance(days=1)
        assert freezes == [1, 2, 2, 3, 3, 3, 3, 3]
        assert kit.streaks.explain(run.id, TODAY + DAY).freezes == FreezeRule(2, 3)
        assert kit.streaks.explain(run.id, TODAY + 5 * DAY).freezes is None
        kit.habits.undo(changed.id)
        assert kit.streaks.state(run.id).freezes == 1
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_only_a_rule_and_a_day_from_today_on_are_accepted(
        self, kit: TestKit, run: Habit
    ) -> None:
        with pytest.raises(InvalidInput):
            kit.habits.change_freezes(run.id, (7, 2))  # type: ignore[arg-type]
        with pytest.raises(InvalidInput):
            kit.habits.change_freezes(run.id, None, effective_day=TODAY - DAY)


class TestDaysOfCheckIns:
    """``edit(day=...)``."""

    def test_coins_move_with_the_check_in(self, kit: TestKit, run: Habit) -> None:
        kit.clock.advance(days=1)
        done = kit.habits.check_in(run.id)
        moved = kit.habits.edit(done.id, day=TODAY)

        assert (moved.day, moved.credit, moved.coins, moved.streak.slots) == (TODAY, "full", 0, 1)
        assert kit.streaks.done_days(run.id, TODAY, TODAY + DAY) == [TODAY]
        assert kit.coins.balance("ada").available == 10
        old = kit.habits.edit(moved.id, day=TODAY - 9 * DAY)
        assert (old.credit, old.coins) == ("history", -10)
        again = kit.habits.edit(old.id, day=TODAY)
        assert (again.credit, again.coins) == ("history", 0)
        for wrong, error in ((TODAY + 2 * DAY, DayOutOfRange), ("2026-01-01", InvalidInput)):
            with pytest.raises(error):
                kit.habits.edit(again.id, day=wrong)  # type: ignore[arg-type]

    def test_a_move_is_what_undoing_and_checking_in_for_the_day_would_be(
        self, store: Store
    ) -> None:
        @examples(store, in_memory=30, in_sqlite=6)
        @given(histories(weeks=2), st.integers(0, 30), st.integers(0, 9))
        def check(history: History, number: int, ago: int) -> None:
            found, earned, was_full = [], [], False
            for way in ("edit", "undo"):
                actor = played(store, history)
                kit, habit = actor.kit, actor.habit
                live = read(store, lambda s, of=habit: s.port(HABITS).live(of.id))  # type: ignore[misc]
                if not live:
                    return
                old = live[number % len(live)]
                day = kit.streaks.state(habit.id).today - ago * DAY
                if old.day == day:
                    return
                if way == "edit":
                    was_full = old.credit == "full"
                    kit.habits.edit(old.id, day=day)
                else:
                    kit.habits.undo(old.id)
                    kit.habits.check_in(habit.id, day=day, amount=old.amount, at=old.at, tz=old.tz)
                earned.append(kit.coins.balance(habit.owner).posted)
                found.append(outcome(kit, store, habit))
                assert kit.streaks.rebuild(habit.id).repaired == ()
            assert earned[0] <= earned[1]
            if was_full:
                assert found[0] == found[1]

        check()


def test_skips_lower_a_quota_that_says_so(kit: TestKit) -> None:
    kit.clock.set("2026-01-05T12:00Z")  # a Monday
    three = Schedule.quota(3, reduced_by_skips=True)
    less, as_ever = (kit.habits.create("ada", "Gym", it) for it in (three, Schedule.quota(3)))
    for habit in (less, as_ever):
        kit.habits.skip(habit.id, date(2026, 1, 7))
        kit.habits.skip(habit.id, date(2026, 1, 8))
        assert kit.habits.check_in(habit.id).status == ("DONE" if habit == less else "OPEN")
    kit.habits.check_in(less.id, day=date(2026, 1, 5))
    kit.habits.unskip(less.id, date(2026, 1, 8))
    state = kit.streaks.state(less.id)
    assert (state.status, state.slack) == ("OPEN", 4)
    for day in (8, 9, 10, 11):
        kit.habits.skip(less.id, date(2026, 1, day))
    assert kit.streaks.state(less.id).status == "DONE"
    kit.clock.advance(days=7)
    for day in (12, 13, 14):
        kit.habits.skip(less.id, date(2026, 1, day))
    week = kit.streaks.explain(less.id, date(2026, 1, 15))
    assert (week.status, week.why) == ("EXEMPT", "skipped")
