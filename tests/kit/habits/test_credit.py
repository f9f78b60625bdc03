"""What a habit earns: what was recorded in time, settled once, whoever looks when."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from habitkit import Goal, Schedule
from habitkit.habits.store import STREAKS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import days, events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

BEGIN = date(2026, 1, 1)
LIFE = 26


def types(kit: TestKit) -> list[str]:
    """Return the types of what was emitted, in order."""
    return [event.type for event in events_of(kit, "ada")]


def live(kit: TestKit, schedule: Schedule, gaps: Sequence[int], *, sweeps: bool) -> Habit:
    """Check in and wait some days, again and again."""
    run = kit.habits.create("ada", "Run", schedule)
    for gap in gaps:
        kit.habits.check_in(run.id)
        for _ in range(gap):
            kit.clock.advance(days=1)
            if sweeps:
                kit.sweep()
    kit.sweep()
    return run


class TestFilledInDays:
    """Days that a rolling schedule fills in keep a streak, and earn nothing."""

    @pytest.mark.parametrize("sweeps", [True, False], ids=["swept daily", "never swept"])
    @pytest.mark.parametrize(
        ("schedule", "gaps", "slots", "completed", "reached", "coins"),
        [
            (Schedule.rolling(1, 7), (7, 7, 16), 21, 3, [], 30),
            (Schedule.rolling(1, 7), (*(7,) * 7, 16), 56, 8, [7], 130),
            (Schedule.rolling(1, 7), (9, 20), 7, 2, [], 20),
            (Schedule.rolling(1, 7), (10, 20), 7, 2, [], 20),
            (Schedule.rolling(1, 7), (8, 4, 1, 20), 20, 4, [], 40),
            (Schedule.rolling(1, 365), (400,), 365, 1, [], 10),
        ],
        ids=["three weeks", "eight weeks", "9 days", "10 days", "8, 4, 1 days", "a year"],
    )
    def test_only_recorded_days_are_emitted_and_paid(
        self,
        kit: TestKit,
        schedule: Schedule,
        gaps: Sequence[int],
        slots: int,
        completed: int,
        reached: list[int],
        coins: int,
        sweeps: bool,
    ) -> None:
        run = live(kit, schedule, gaps, sweeps=sweeps)

        found = events_of(kit, "ada")
        assert kit.streaks.state(run.id).best.slots == slots
        assert types(kit).count("HabitCompleted") == completed
        assert [it.fields["slots"] for it in found if it.type == "StreakReached"] == reached
        assert kit.coins.balance("ada").posted == coins
        assert kit.streaks.rebuild(run.id).repaired == ()

    @pytest.mark.parametrize(
        "goal", [Goal.avoid(), Goal.at_most(3, unrecorded="done")], ids=["avoid", "at most"]
    )
    def test_what_is_left_alone_for_a_year_keeps_its_streak_and_earns_nothing(
        self, kit: TestKit, goal: Goal
    ) -> None:
        clean = kit.habits.create("ada", "No sugar", Schedule.daily(), goal)
        kit.clock.advance(days=365)
        kit.sweep()

        assert kit.streaks.state(clean.id).streak.slots == 365
        assert (types(kit), kit.coins.balance("ada").posted) == (["HabitCreated"], 0)


def skip(kit: TestKit, habit: Habit) -> Any:
    return kit.habits.skip(habit.id, MISSED)


def pause(kit: TestKit, habit: Habit) -> Any:
    return kit.habits.pause(habit.id, MISSED, MISSED)


def pause_all(kit: TestKit, habit: Habit) -> Any:
    return kit.habits.pause_all(habit.owner, MISSED, MISSED)


def grant_freeze(kit: TestKit, habit: Habit) -> Any:
    return kit.habits.grant_freeze(habit.id, 1, effective_day=MISSED, expires_day=MISSED)


def check_in(kit: TestKit, habit: Habit) -> Any:
    return kit.habits.check_in(habit.id, day=MISSED)


def backfill(kit: TestKit, habit: Habit) -> None:
    kit.habits.backfill(habit.id, [MISSED], source="paper")


MISSED = BEGIN + days(6)
CORRECTIONS = (skip, pause, pause_all, grant_freeze, check_in, backfill)


class TestSealedDays:
    """What is received after a day has settled corrects its history, and moves no coins."""

    @pytest.mark.parametrize("correct", CORRECTIONS, ids=lambda it: it.__name__)
    @pytest.mark.parametrize("undone", [True, False], ids=["undone again", "kept"])
    def test_a_late_correction_brings_no_milestone_closer(
        self,
        kit: TestKit,
        correct: Callable[[TestKit, Habit], Any],
        undone: bool,
    ) -> None:
        kit.clock.set("2026-01-01T12:00Z")
        run = kit.habits.create("ada", "Run", Schedule.daily())
        fact = None
        for day in range(1, LIFE + 1):
            if day != MISSED.day:
                kit.habits.check_in(run.id)
            if day == 17:
                fact = correct(kit, run)
            if day == 21 and undone and fact is not None:
                kit.habits.undo(fact.id)
            kit.clock.advance(days=1)
        kit.sweep()

        reached = [e.fields["slots"] for e in events_of(kit, "ada") if e.type == "StreakReached"]
        assert (kit.coins.balance("ada").posted, reached) == (350, [7, 14])
        assert kit.streaks.state(run.id).credited == 19
        assert kit.streaks.rebuild(run.id).repaired == ()

    @pytest.mark.parametrize("kind", ["repair", "change_schedule", "archive", "travel"])
    def test_taking_an_old_fact_back_moves_no_coins(self, kit: TestKit, kind: str) -> None:
        balances = []
        for number, undone in enumerate((False, True)):
            owner = f"ada{number}"
            kit.clock.set("2026-01-01T12:00Z")
            run = kit.habits.create(owner, "Run", Schedule.daily())
            fact = None
            for day in range(1, LIFE + 1):
                if day == 8:
                    fact = recorded(kit, run, kind)
                if day == 9 and kind == "archive":
                    kit.habits.restore(run.id)
                if day == 10 and kind == "change_schedule":
                    kit.habits.change_schedule(run.id, Schedule.daily())
                if day not in {7, 8}:
                    kit.habits.check_in(run.id)
                if day == 21 and undone and fact is not None:
                    kit.habits.undo(fact)
                kit.clock.advance(days=1)
            kit.sweep()
            assert kit.streaks.rebuild(run.id).repaired == ()
            balances.append(kit.coins.balance(owner).posted)

        assert balances[0] == balances[1]


def recorded(kit: TestKit, run: Habit, kind: str) -> Any:
    """Record a fact of a kind, and return its id."""
    if kind == "repair":
        return kit.habits.repair(run.id, MISSED).id
    if kind == "change_schedule":
        mondays = Schedule.weekdays("mon", "fri", "sat", "sun")
        return kit.habits.change_schedule(run.id, mondays).id
    if kind == "archive":
        return kit.habits.archive(run.id).id
    return kit.habits.travel(run.owner, "Asia/Tokyo").id


class TestYoungHabits:
    """Habits of which nothing has settled yet, and those that nobody uses."""

    def test_a_journey_that_moves_the_end_of_the_first_slot_loses_no_check_in(
        self, kit: TestKit
    ) -> None:
        kit.clock.set("2026-01-01T00:00Z")
        run = kit.habits.create("ada", "Run", Schedule.quota(3))
        kit.habits.travel("ada", "Pacific/Honolulu")
        for day in range(2, 5):
            kit.clock.set(f"2026-01-0{day + 1}T09:00Z")
            kit.habits.check_in(run.id, day=BEGIN + days(day - 1))
        kit.clock.set("2026-01-07T08:07Z")
        kit.habits.travel("ada", "Asia/Tokyo", at=kit.clock.now() - timedelta(hours=56))
        for day in (9, 10, 11):
            kit.clock.set(f"2026-01-{day:02}T09:00Z")
            kit.habits.check_in(run.id)
            assert kit.streaks.rebuild(run.id).repaired == ()

        assert kit.streaks.state(run.id).credited == 2

    @pytest.mark.parametrize("goal", [Goal.done(), Goal.avoid()], ids=["done", "avoid"])
    def test_a_habit_that_nobody_uses_is_evaluated_each_quarter(
        self, kit: TestKit, store: Store, goal: Goal
    ) -> None:
        idle = kit.habits.create("ada", "Run", Schedule.daily(), goal)
        for _ in range(4):
            kit.clock.advance(days=100)
            assert kit.sweep().counts["habits"] == 1
            assert kit.sweep().counts["habits"] == 0

        snapshot = read(store, lambda stores: stores.port(STREAKS).get(idle.id))
        assert snapshot is not None
        assert (kit.clock.now().date() - snapshot.checkpoints[-1].day).days < 10
        assert types(kit) == ["HabitCreated"]
        assert kit.streaks.rebuild(idle.id).repaired == ()
