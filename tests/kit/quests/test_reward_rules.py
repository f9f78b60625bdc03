"""Reward rules through the kit: taking over, versions, limits, freezes, loops."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

import habitkit.testing
from habitkit.coins import Economy, RewardRule, UnknownCurrency
from habitkit.coins.settings import CoinSettings
from habitkit.errors import ConfigurationError, InvalidInput
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.habits.domain.model import Schedule
from habitkit.predicates import field
from habitkit.quests import (
    BadgeUnlocked,
    DefinitionError,
    LevelReached,
    Levels,
    Once,
    Quest,
    QuestCompleted,
    ReachStreak,
    Reward,
    Rule,
    per,
)
from tests.kit.quests.support import (
    at,
    balances,
    check_in_days,
    entitlements,
    net,
    rebuilt,
    wealth,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

DONE = Rule("completion", HabitCompleted, give=Reward(coins=3))


def paid(kit: TestKit) -> int:
    return balances(kit)[0]


def test_the_first_rules_take_those_of_the_economy_over(store: Store) -> None:
    kit = habitkit.testing.kit(store=store)
    run = kit.habits.create("ada", "Run", Schedule.daily())
    first = kit.habits.check_in(run.id)
    assert (first.coins, [it.name for it in kit.quests.rules().rules]) == (
        10,
        ["completion", "streak"],
    )
    kit.clock.advance(days=1)
    version = kit.quests.set_rules([DONE], by="ann", note="less")

    assert [it.revision for it in kit.quests.rule_versions()] == [1, 2]
    assert kit.quests.rules() == version == kit.quests.rule_versions()[-1]
    assert kit.quests.rules(at=at("2026-01-01T08:00")).rules[0].give == Reward(coins=10)
    second = kit.habits.check_in(run.id)
    assert second.coins == 3
    key = f"done:{run.id}:2026-01-01:completion"
    assert entitlements(store, "ada", [key]) == {key: 10}
    assert kit.habits.undo(first.id).coins == -10
    assert kit.habits.undo(second.id).coins == -3
    assert (paid(kit), entitlements(store, "ada", [key])) == (0, {})
    kit.habits.check_in(run.id, day=first.day)
    assert paid(kit) == 3  # it was received under the new rules


def test_another_economy_in_code_is_refused_once_the_store_decides(store: Store) -> None:
    changed = Economy.default().changed(at("2026-06-01"), (RewardRule("d", HabitCompleted, 1),))
    kit = habitkit.testing.kit(store=store)
    others = [
        habitkit.testing.kit(store=store, coins=CoinSettings(economy))
        for economy in (changed, Economy.without_rewards("xp"))
    ]
    for other in others:
        assert other.quests.list() == []
    kit.quests.set_rules([DONE])
    run = kit.habits.create("ada", "Run", Schedule.daily())
    for other in others:
        with pytest.raises(ConfigurationError, match="economy: the store keeps"):
            other.habits.check_in(run.id)
    same = habitkit.testing.kit(store=store, coins=CoinSettings(Economy.default()))
    assert same.habits.check_in(run.id).coins == 3


def test_the_rules_of_the_receipt_hold_whatever_arrives_late(kit: TestKit, run: Habit) -> None:
    march = at("2026-01-03T00:00")
    kit.quests.set_rules([DONE])
    later = Rule("completion", HabitCompleted, give=Reward(coins=100, badge="new"))
    kit.quests.set_rules([later], effective=march)
    kit.clock.set(march - timedelta(microseconds=1))
    before = kit.habits.check_in(run.id)
    kit.clock.set(march)
    assert kit.quests.rules().rules == (later,)
    after = kit.habits.check_in(run.id, day=date(2026, 1, 1))

    assert (before.coins, after.coins) == (3, 100)
    kit.habits.undo(before.id)
    assert (paid(kit), [it.name for it in kit.quests.badges("ada")]) == (100, ["new"])
    kit.habits.check_in(run.id, at=march - timedelta(hours=1))
    assert paid(kit) == 200
    for past in (march - timedelta(days=1), march - timedelta(microseconds=1)):
        with pytest.raises(InvalidInput, match="effective"):
            kit.quests.set_rules([], effective=past)
    kit.quests.set_rules([], effective=march + timedelta(days=9))
    with pytest.raises(InvalidInput, match="effective"):
        kit.quests.set_rules([], effective=march + timedelta(days=8))
    with pytest.raises(InvalidInput, match="effective"):
        kit.quests.set_rules([DONE])


def test_a_rule_that_is_no_longer_there_still_takes_back_what_it_gave(
    kit: TestKit, run: Habit
) -> None:
    reward = Reward(coins=2, xp=5, badge="b", item="hat", currencies={"gem": 1})
    kit.quests.set_rules([Rule("all", HabitCompleted, give=reward)])
    done = kit.habits.check_in(run.id)
    assert wealth(kit) == {"coins": 2, "xp": 5, "badges": {"b"}, "items": {"hat": 1}}
    kit.quests.set_rules([])

    kit.habits.undo(done.id)

    assert wealth(kit) == {"coins": 0, "xp": 0, "badges": set(), "items": {}}
    assert kit.coins.balance("ada", currency="gem").posted == 0
    kit.habits.check_in(run.id)
    assert paid(kit) == 0


def test_a_badge_is_unlocked_once_for_several_reasons_and_kept_while_one_is_left(
    kit: TestKit, run: Habit
) -> None:
    rule = Rule("badge", HabitCompleted, give=Reward(badge="runner"))
    kit.quests.set_rules([rule])
    first, second = check_in_days(kit, run, 2)
    assert [it.unlocked_at for it in kit.quests.badges("ada")] == [at("2026-01-01T08:00")]
    emitted = [event.type for event in (*first.events, *second.events)]
    assert emitted.count("BadgeUnlocked") == 1
    kit.habits.undo(first.id)
    assert list(net(kit, "ada", "BadgeUnlocked")) == ["badge:runner"]
    kit.habits.undo(second.id)
    assert (kit.quests.badges("ada"), net(kit, "ada", "BadgeUnlocked")) == ([], {})


def test_events_of_the_host_earn_by_what_they_say(kit: TestKit) -> None:
    far = (field("km") >= 5) & (field("by.car") != True)  # noqa: E712 - a predicate
    kit.quests.set_rules([Rule("far", "walk", far, Reward(coins=per("km", 1)))])
    for fields in ({"km": 4.9}, {"km": 7, "by": {"car": True}}, {"km": 6.7}, {"km": "8"}, {}):
        kit.events.record("ada", "walk", fields)
    assert paid(kit) == 6


def test_freezes_hold_from_the_next_day_and_go_with_what_gave_them(
    kit: TestKit, run: Habit
) -> None:
    kit.quests.set_rules([Rule("freeze", HabitCompleted, give=Reward(freezes=1), limit=Once)])
    first = kit.habits.check_in(run.id)
    assert kit.streaks.state(run.id).freezes == 0
    kit.clock.set(at("2026-01-02T08:00"))
    assert kit.streaks.state(run.id).freezes == 1
    kit.clock.set(at("2026-01-03T08:00"))  # the 2nd was missed
    assert kit.habits.check_in(run.id).streak.slots == 2
    assert kit.streaks.state(run.id).freezes == 0

    undone = kit.habits.undo(first.id)

    assert undone.streak.slots == 1
    assert kit.streaks.rebuild(run.id).repaired == ()
    kit.clock.set(at("2026-01-04T08:00"))
    assert kit.streaks.state(run.id).freezes == 1  # for the check-in of the 3rd, as the first one
    assert rebuilt(kit) == ()


def test_a_quest_gives_freezes_to_the_habit_that_it_names(kit: TestKit, run: Habit) -> None:
    with pytest.raises(InvalidInput, match="habit"):
        Quest("f", "F", ReachStreak(2), reward=Reward(freezes=1))
    reward = Reward(freezes=2)
    kit.quests.define(Quest("f", "F", ReachStreak(2), reward=reward, habit=run.id, start="auto"))
    _, second = check_in_days(kit, run, 2)
    kit.clock.advance(days=1)
    assert kit.streaks.state(run.id).freezes == 2
    kit.habits.undo(second.id)
    assert (kit.streaks.state(run.id).freezes, rebuilt(kit)) == (0, ())
    with pytest.raises(InvalidInput, match="habit_id"):
        Rule("f", QuestCompleted, give=Reward(freezes=1))
    with pytest.raises(InvalidInput, match="habit_id"):
        kit.quests.set_rules([Rule("f", "QuestCompleted", give=Reward(freezes=1))])


def test_rules_that_earn_each_other_and_unknown_currencies_are_refused(kit: TestKit) -> None:
    loop = [
        Rule("a", BadgeUnlocked, give=Reward(coins=1)),
        Rule("b", "CoinsPosted", give=Reward(badge="rich")),
    ]
    with pytest.raises(DefinitionError, match="a -> b -> a"):
        kit.quests.set_rules(loop)
    with pytest.raises(UnknownCurrency):
        kit.quests.set_rules([Rule("c", "walk", give=Reward(currencies={"ruby": 1}))])
    up = Rule("up", LevelReached, give=Reward(coins=10))
    kit.quests.set_rules([up])
    with pytest.raises(DefinitionError, match="up -> up"):
        kit.quests.set_levels(Levels.linear(5, currency="coin"))
    kit.quests.set_levels(Levels.linear(5, currency="gem"))
    with pytest.raises(DefinitionError, match="more -> more"):
        kit.quests.set_rules([Rule("more", LevelReached, give=Reward(currencies={"gem": 9}))])
    assert kit.quests.rules().rules == (up,)
    kit.coins.award("ada", 12, currency="gem", idempotency_key="a")
    assert (paid(kit), kit.quests.level("ada").number) == (20, 3)


def test_a_quest_that_is_complete_earns_by_a_rule_too(kit: TestKit, run: Habit) -> None:
    rules = [
        Rule("quest", QuestCompleted, field("quest") == "two", Reward(coins=7)),
        Rule("streak", StreakReached, give=Reward(coins=100)),
    ]
    kit.quests.set_rules(rules)
    kit.quests.define(Quest("two", "Two", ReachStreak(2), start="auto"))
    done = check_in_days(kit, run, 7)
    assert paid(kit) == 107
    kit.habits.undo(done[-1].id)
    assert (paid(kit), rebuilt(kit)) == (7, ())


def test_rules_come_after_those_that_the_economy_has_for_a_later_time(store: Store) -> None:
    june = at("2026-06-01T00:00")
    strange = RewardRule("a:b", HabitCompleted, 10)
    economy = Economy((strange,)).changed(june, (RewardRule("c" * 150, HabitCompleted, 20),))
    kit = habitkit.testing.kit(store=store, coins=CoinSettings(economy))
    run = kit.habits.create("ada", "Run", Schedule.daily())
    first = kit.habits.check_in(run.id)
    with pytest.raises(InvalidInput, match="2026-06-01"):
        kit.quests.set_rules([DONE])
    assert kit.quests.rules().revision == 0
    kit.quests.set_rules([DONE], effective=june)

    assert [it.revision for it in kit.quests.rule_versions()] == [1, 2, 3]
    assert kit.habits.undo(first.id).coins == -10
    assert kit.habits.check_in(run.id).coins == 10
    kit.clock.set(june)
    assert kit.habits.check_in(run.id).coins == 3
