"""What the days of another tracker do to quests, rules and levels: nothing that does not ask."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest

import habitkit.testing
from habitkit import Schedule
from habitkit.coins import CoinSettings, Economy
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.habits.store import HABITS
from habitkit.quests import Count, Levels, Once, Quest, ReachStreak, Reward, Rule

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.quests.domain.composites import ObjectiveTree
    from habitkit.testing import TestKit

TEN_YEARS = 3650
OBJECTIVES: dict[str, ObjectiveTree] = {
    "count": Count(HabitCompleted, 5),
    "streak": ReachStreak(5),
    "milestone": Count(StreakReached, 1),
}
BOTH = ("full", "history")
SHARE = 7


@pytest.fixture
def kit() -> TestKit:
    """A kit whose ``Economy`` gives nothing."""
    return habitkit.testing.kit(coins=CoinSettings(Economy.without_rewards("xp")))


@pytest.fixture
def run(kit: TestKit) -> Habit:
    """A daily habit of ada's."""
    return kit.habits.create("ada", "Run", Schedule.daily())


def define(kit: TestKit) -> None:
    """Define rules, levels, and quests of each kind; ada starts those that do not by themselves."""
    rules = [
        Rule("done", HabitCompleted, give=Reward(coins=1, xp=5, freezes=1)),
        Rule("first", HabitCompleted, give=Reward(badge="first"), limit=Once),
        Rule("week", StreakReached, give=Reward(coins=50)),
    ]
    kit.quests.set_rules(rules)
    kit.quests.set_levels(Levels.linear(10))
    reward = Reward(coins=SHARE)
    for (name, objective), asks, backdate in product(OBJECTIVES.items(), (0, 1), (False, True)):
        key = f"{name}{' history' * asks}{' backdated' * backdate}"
        credit = BOTH if asks else ("full",)
        quest = Quest(
            key, key, objective, credits=credit, backdate=backdate, reward=reward, start="auto"
        )
        kit.quests.define(quest)
    daily = Count(HabitCompleted, 1)
    kit.quests.define(
        Quest("daily", "Daily", daily, start="auto", repeat="daily", backdate=True, reward=reward)
    )
    kit.quests.define(Quest.achievement("ever", "Ever", daily, backdate=True, reward=reward))
    manual = Quest("manual", "Manual", daily, credits=BOTH, backdate=True, reward=reward)
    kit.quests.define(manual)
    kit.quests.start("ada", "manual")


def import_days(kit: TestKit, habit: Habit, days: int = TEN_YEARS) -> None:
    """Import the days up to today, today included."""
    today = kit.clock.now().date()
    imported = [today - timedelta(days=day) for day in range(days)]
    assert kit.habits.backfill(habit.id, imported, source="loop-csv") == days


def complete(kit: TestKit) -> set[str]:
    """Return the quests that are complete."""
    return {run.quest for run in kit.quests.progress("ada") if run.complete_at is not None}


def assert_paid(kit: TestKit, quests: int) -> None:
    """Check that so many quests have given something, and nothing else has."""
    assert kit.coins.balance("ada").posted == SHARE * quests
    assert (kit.coins.balance("ada", currency="xp").posted, kit.quests.badges("ada")) == (0, [])
    assert kit.quests.level("ada").number == 1
    assert kit.quests.rebuild().repaired == ()


ASKING = {"count history backdated", "streak history backdated", "manual"}


def test_an_import_completes_only_quests_that_count_history(kit: TestKit, run: Habit) -> None:
    """Those that do are complete at once; of what is not backdated only today counts."""
    define(kit)
    kit.clock.advance(days=2)
    import_days(kit, run)

    assert complete(kit) == ASKING | {"streak history"}
    assert_paid(kit, 4)
    kit.clock.advance(days=1)
    kit.habits.check_in(run.id)
    kit.sweep()
    assert complete(kit) - ASKING == {
        *("streak", "streak history", "streak backdated"),
        *("daily", "ever"),
    }, "the day after the import is done by itself, and makes the streak longer"


def test_quests_that_are_defined_after_an_import_find_it_when_they_begin(
    kit: TestKit, run: Habit
) -> None:
    """Those that owners start begin then; the others with a rebuild, or what is done next."""
    import_days(kit, run, 800)
    define(kit)

    assert complete(kit) == {"manual", "streak history backdated"}, "as streaks are read as of now"
    assert {it.split(": quest ")[1] for it in kit.quests.rebuild().repaired} == ASKING - {"manual"}
    assert complete(kit) == ASKING
    assert_paid(kit, 3)


def test_days_that_are_imported_again_or_taken_back_change_what_they_completed(
    kit: TestKit, run: Habit
) -> None:
    define(kit)
    import_days(kit, run, 5)
    today = kit.clock.now().date()

    assert kit.habits.backfill(run.id, [today], source="loop-csv") == 0
    assert complete(kit) == ASKING
    (last,) = [it for it in kit.read(lambda tx: tx.port(HABITS).live(run.id)) if it.day == today]
    kit.habits.undo(last.id)
    assert complete(kit) == {"manual"}
    assert_paid(kit, 1)
