"""What time alone does to quests, which must not depend on when, or how far, the sweep runs."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import Phase
from hypothesis import strategies as st

import habitkit.testing
from habitkit import FreezeRule, Goal, Schedule
from habitkit.coins import CoinSettings, Economy
from habitkit.habits import HabitCompleted
from habitkit.quests import (
    All,
    Count,
    Levels,
    PerDay,
    Quest,
    ReachStreak,
    Reward,
    Rule,
    Window,
)

if TYPE_CHECKING:
    from habitkit.testing import TestKit

DAYS = 12
KEYED = [
    *("HabitCompleted", "StreakReached", "StreakBroken", "FreezeUsed", "FreezeEarned"),
    *("QuestCompleted", "QuestExpired", "LevelReached", "ItemGranted"),
]
GOOD = Reward(coins=5, xp=40, item="star")

Sweep = Callable[["TestKit"], object]


def sweep_all(kit: TestKit) -> None:
    """Sweep until there is nothing more to do."""
    while any(kit.sweep().counts.values()):
        pass


def sweep_one_by_one(kit: TestKit) -> None:
    """Do the same, one thing of each kind at a time."""
    while any(kit.sweep(limit=1).counts.values()):
        pass


def never(_: TestKit) -> None:
    """Leave it to the end."""


def quests() -> list[Quest]:
    """Return quests that time completes, and some whose window it ends."""
    done, week = Count(HabitCompleted, 3), Window.from_start(4)
    some = {
        "count": Quest("count", "Count", done, window=week, reward=GOOD),
        "streak": Quest("streak", "Streak", ReachStreak(4, tag="quiet"), window=week, reward=GOOD),
        "dates": Quest(
            "dates",
            "Dates",
            Count(HabitCompleted, 9),
            window=Window.dates(date(2026, 1, 3), date(2026, 1, 8)),
            reward=GOOD,
        ),
        "both": Quest("both", "Both", All(done, ReachStreak(3)), reward=GOOD, claim="manual"),
        "daily": Quest("daily", "Daily", Count(HabitCompleted, 2), repeat="daily", start="auto"),
        "weekly": Quest(
            "weekly",
            "Weekly",
            ReachStreak(5, tag="few"),
            repeat="weekly",
            start="auto",
            reward=GOOD,
        ),
        "ever": Quest.achievement("ever", "Ever", ReachStreak(6), backdate=True, reward=GOOD),
        "after": Quest("after", "After", done, start="auto", requires=("ever",), reward=GOOD),
    }
    return list(some.values())


def day_of_one(kit: TestKit, day: int, chance: random.Random, habits: list[Any]) -> None:
    """Do what somebody does on one day; the same for the same chance."""
    if day in {0, 4}:
        for run in kit.quests.available("ada"):
            kit.quests.start("ada", run.quest)
    for habit in habits:
        kit.clock.advance(minutes=chance.randint(1, 60))
        if chance.random() < 0.6:
            kit.habits.check_in(habit.id, amount=chance.choice([1, 1, 2]) if habit.tags else 1)
    if chance.random() < 0.2:
        kit.habits.skip(chance.choice(habits).id)
    kit.clock.set(f"2026-01-{day + 2:02}T08:00Z")


def outcome(seed: int, sweep: Sweep) -> dict[str, Any]:
    """Return what the same days come to with a way of sweeping."""
    kit = habitkit.testing.kit(coins=CoinSettings(Economy.without_rewards("xp")))
    chance = random.Random(seed)
    rules = [
        Rule("done", HabitCompleted, give=Reward(coins=1, xp=3)),
        Rule("first", HabitCompleted, give=Reward(coins=2), limit=PerDay(1)),
        Rule("quest", "QuestCompleted", give=Reward(xp=10)),
        Rule("late", "QuestExpired", give=Reward(item="mug")),
    ]
    kit.quests.set_rules(rules)
    kit.quests.set_levels(Levels.linear(25))
    for quest in quests():
        kit.quests.define(quest)
    create = kit.habits.create
    quiet = Goal.at_most(2, unrecorded="done")
    habits = [
        create("ada", "Coffee", Schedule.daily(), Goal.at_most(1), tags=["few"]),
        create("ada", "Sugar", Schedule.daily(), Goal.avoid(), tags=["quiet"]),
        create("ada", "Beer", Schedule.every(2), quiet, tags=["quiet"]),
        create("ada", "Run", Schedule.rolling(2, 5)),
        create("ada", "Read", Schedule.quota(3, per="week"), freezes=FreezeRule(3, 2)),
    ]
    noisy = [habits[0], habits[2], *habits[3:]]
    for day in range(DAYS):
        day_of_one(kit, day, chance, noisy)
        sweep(kit)
    kit.clock.advance(days=9)
    sweep(kit)
    sweep_all(kit)
    assert kit.rebuild().repaired == ()
    assert kit.quests.rebuild().repaired == ()
    return figures(kit)


def figures(kit: TestKit) -> dict[str, Any]:
    """Return what there is in the end, without ids and without the instants of emission."""
    names = {str(habit.id): habit.title for habit in kit.habits.list("ada")}

    def named(text: object) -> str:
        found = str(text)
        for id_, name in names.items():
            found = found.replace(id_, name)
        return found

    return {
        "events": sorted(
            (named(it.key), named(it.fields)) for it in kit.events.net("ada", types=KEYED)
        ),
        "runs": [
            (it.quest, it.period, it.state, it.value, it.complete_at)
            for it in kit.quests.progress("ada", all_periods=True)
        ],
        "coins": kit.coins.balance("ada").posted,
        "xp": kit.coins.balance("ada", currency="xp").posted,
        "items": kit.quests.items("ada"),
    }


@hypothesis.settings(max_examples=4, phases=[Phase.generate])  # shrinking takes minutes
@hypothesis.given(st.integers(0, 2**32))
def test_quests_come_to_the_same_however_often_and_far_the_sweep_runs(seed: int) -> None:
    every_day = outcome(seed, sweep_all)
    lots = random.Random(seed + 1)

    assert outcome(seed, sweep_one_by_one) == every_day
    assert outcome(seed, lambda kit: kit.sweep(limit=lots.randint(1, 3))) == every_day
    assert outcome(seed, never) == every_day


def test_a_streak_that_only_time_makes_longer_begins_with_its_habit() -> None:
    """Nothing is ever recorded, so that there is no other event."""
    kit = habitkit.testing.kit()
    kit.quests.define(Quest("calm", "Calm", ReachStreak(3), start="auto", reward=GOOD))
    kit.habits.create("ada", "Sugar", Schedule.daily(), Goal.avoid())
    for _ in range(3):
        kit.clock.advance(days=1)
        kit.sweep()

    (calm,) = kit.quests.progress("ada")
    assert (calm.state, kit.quests.items("ada")) == ("COMPLETED", {"star": 1})
    assert kit.quests.rebuild("ada").repaired == ()


@pytest.mark.parametrize("backdate", [False, True])
def test_what_becomes_true_and_untrue_at_once_earns_nothing(*, backdate: bool) -> None:
    """A day that would have been done is emitted and taken back in one go, as nobody swept."""
    kit = habitkit.testing.kit(coins=CoinSettings(Economy.without_rewards("xp")))
    kit.quests.set_rules([Rule("first", HabitCompleted, give=Reward(coins=3), limit=PerDay(1))])
    two = Count(HabitCompleted, 2)
    kit.quests.define(Quest("two", "Two", two, start="auto", backdate=backdate, reward=GOOD))
    coffee = kit.habits.create("ada", "Coffee", Schedule.daily(), Goal.at_most(1))
    done = kit.habits.check_in(coffee.id)
    kit.clock.advance(days=1)

    kit.habits.undo(done.id)

    emitted = [event.type for event in kit.events.page("ada")]
    assert emitted[-2:] == ["HabitCompleted", "Retracted"]
    assert kit.coins.balance("ada").posted == 0
    assert {it.value for it in kit.quests.progress("ada")} == {0}
    assert kit.quests.rebuild("ada").repaired == ()
    kit.habits.check_in(coffee.id)
    kit.clock.advance(days=1)
    kit.sweep()
    assert (kit.coins.balance("ada").posted, kit.quests.items("ada")) == (3, {})
