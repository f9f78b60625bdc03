"""The queries of streaks: each is what the facts say, however long the history."""

from __future__ import annotations

from datetime import date
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import InvalidInstant, MissingExtra
from habitkit.habits import InvalidHabit
from habitkit.habits.domain.evaluation import evaluate, slots
from habitkit.habits.domain.facts import CheckIn, Pause, ScheduleChanged, Skip, ZoneChanged
from habitkit.habits.domain.model import FreezeRule, Goal, Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, days

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

_NO_RULE = InvalidHabit if find_spec("dateutil") else MissingExtra
"""What a rule that is not one raises; only python-dateutil can read it."""

DAYS_OF_HISTORY = 75
PLANS: dict[str, dict[str, Any]] = {
    "plain": {"schedule": Schedule.daily()},
    "an amount": {"schedule": Schedule.daily(), "goal": Goal.at_least(2)},
    "weekdays": {"schedule": Schedule.weekdays("mon", "wed", "sat"), "freezes": FreezeRule(5, 1)},
    "a quota": {"schedule": Schedule.quota(3)},
    "two of four": {"schedule": Schedule.rolling(2, 4)},
}


class TestStreakQueries:
    """Part of ``HabitsContract``: ``today``, ``history``, ``runs``, ``explain``, ``simulate``."""

    @pytest.mark.parametrize("plan", PLANS)
    def test_every_query_returns_the_evaluation_of_all_facts(
        self, kit: TestKit, store: Store, plan: str
    ) -> None:
        run = _lived(kit, plan)
        now, today = kit.clock.now(), kit.clock.now().date()
        all_slots = slots(run, _facts(store, run), now=now)

        for first, last in ((0, 0), (9, 3), (40, 20), (400, 60), (400, 0), (0, -9)):
            start, end = today - days(first), today - days(last)
            wanted = [slot for slot in all_slots if slot.last >= start and slot.first <= end]
            assert kit.streaks.history(run.id, start, end) == wanted
        for ago in (0, 1, 7, 30, 48, 74, 300):
            day = today - days(ago)
            holding = [slot for slot in all_slots if slot.first <= day <= slot.last]
            explained = kit.streaks.explain(run.id, day)
            assert explained.slot == (holding[0] if holding else None)
            assert explained.status == (holding[0].status if holding else "EXEMPT")
        runs = kit.streaks.runs(run.id, best=1000)
        assert sum(it.slots for it in runs) == sum(slot.status == "DONE" for slot in all_slots)
        assert runs == sorted(runs, key=lambda it: (it.slots, it.last), reverse=True)
        state = evaluate(run, _facts(store, run), now=now)
        assert kit.streaks.runs(run.id, best=1) == [state.best]
        rounded = evolve(kit.streaks.state(run.id), strength=0)
        assert rounded == evolve(state, strength=0)
        assert kit.streaks.today("ada") == [kit.streaks.state(run.id)]

    @pytest.mark.parametrize("plan", PLANS)
    def test_a_preview_equals_the_evaluation_of_all_facts_and_the_added_ones(
        self, kit: TestKit, store: Store, plan: str
    ) -> None:
        run = _lived(kit, plan)
        now, today = kit.clock.now(), kit.clock.now().date()
        about = (run.id, "ada")
        recorded = _facts(store, run)
        ideas: list[tuple[Fact, ...]] = [
            (),
            (Pause(UUID(int=1), *about, now, today - days(3), today + days(9)),),
            (Skip(UUID(int=2), *about, now, today - days(60)),),
            (_schedule(run, today, Schedule.quota(5)),),
            (ZoneChanged(UUID(int=4), "ada", now - days(2), "Asia/Tokyo", now),),
            tuple(_check_in(run, n, today - days(2 * n)) for n in range(9)),
        ]

        for facts in ideas:
            would = kit.streaks.simulate(run.id, *facts)
            evaluated = evaluate(run, [*recorded, *facts], now=now)
            assert evolve(would, strength=0) == evolve(evaluated, strength=0)
            assert would.strength == pytest.approx(evaluated.strength, abs=1e-9)

        assert _facts(store, run) == recorded
        assert kit.streaks.rebuild(run.id).repaired == ()

    @pytest.mark.parametrize(
        ("fact", "error"),
        [
            (lambda _: "a vacation", InvalidHabit),
            (
                lambda run: _check_in(run, 1, NOW.date(), at=NOW.replace(tzinfo=None)),
                InvalidInstant,
            ),
            (lambda run: _schedule(run, NOW.date(), Schedule.rrule("FREQ=NEVER")), _NO_RULE),
        ],
        ids=["no fact", "naive", "no rule"],
    )
    def test_a_preview_refuses_a_value_that_is_not_a_fact(
        self, kit: TestKit, run: Habit, fact: Callable[[Habit], Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            kit.streaks.simulate(run.id, fact(run))

    def test_the_last_day_of_the_calendar_is_explained_by_an_error(
        self, kit: TestKit, run: Habit
    ) -> None:
        with pytest.raises(InvalidHabit, match="day: expected a day before 9999-12-31"):
            kit.streaks.explain(run.id, date.max)

    def test_a_preview_may_replace_a_stored_fact_by_one_with_the_same_id(
        self, kit: TestKit, store: Store
    ) -> None:
        run = _lived(kit, "an amount")
        recorded = _facts(store, run)
        old = next(fact for fact in recorded if isinstance(fact, CheckIn))
        moved = evolve(old, day=kit.clock.now().date())

        would = kit.streaks.simulate(run.id, moved)

        evaluated = evaluate(run, [*recorded, moved], now=kit.clock.now())
        assert evolve(would, strength=0) == evolve(evaluated, strength=0)

    def test_a_dashboard_leaves_out_archived_habits(self, kit: TestKit) -> None:
        habits = [kit.habits.create("ada", "Run", **plan) for plan in PLANS.values()]
        kit.habits.create("bob", "Run", Schedule.quota(2))
        kit.habits.reorder("ada", [habit.id for habit in reversed(habits)])
        kit.habits.archive(habits[2].id)

        states = kit.streaks.today("ada")

        shown = [habits[n].id for n in (4, 3, 1, 0)]
        assert [state.habit_id for state in states] == shown
        assert states == [kit.streaks.state(habit_id) for habit_id in shown]


def _lived(kit: TestKit, plan: str) -> Habit:
    """Return a habit that was kept up for months, with gaps, a pause, a skip and a freeze."""
    run = kit.habits.create("ada", "Run", **PLANS[plan])
    start = kit.clock.now().date()
    for n in range(DAYS_OF_HISTORY):
        if n % 11 not in {4, 5} and not 40 <= n < 50:
            kit.habits.check_in(run.id, amount=1 + n % 3)
        if plan != "plain" and n == 55:
            kit.habits.pause(run.id, start + days(40), start + days(49))
            kit.habits.skip(run.id, start + days(28))
            kit.habits.grant_freeze(run.id, 2, effective_day=start + days(50))
        kit.clock.advance(days=1)
    return run


def _facts(store: Store, habit: Habit) -> list[Fact]:
    return read(
        store,
        lambda s: [*s.port(HABITS).live(habit.id), *s.port(HABITS).facts(habit.owner, habit.id)],
    )


def _check_in(habit: Habit, n: int, day: date, at: datetime = NOW) -> CheckIn:
    about = UUID(int=100 + n), habit.id, habit.owner, day, at, "UTC", None
    return CheckIn(*about, "full", "app", NOW, 3)


def _schedule(habit: Habit, day: date, schedule: Schedule) -> ScheduleChanged:
    return ScheduleChanged(UUID(int=3), habit.id, habit.owner, NOW, day, schedule, Goal.done())
