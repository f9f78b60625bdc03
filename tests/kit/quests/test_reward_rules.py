"""Reward rules through the kit: taking over, versions, limits, freezes, loops."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

import habitkit.testing
from habitkit.coins import Economy, RewardRule, UnknownCurrency
from habitkit.coins.settings import CoinSettings
from habitkit.errors import ConfigurationError, InvalidInput
from habitkit.events import Event, Retracted
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.habits.domain.model import OfflineCheckIn, Schedule
from habitkit.predicates import field
from habitkit.quests import (
    BadgeUnlocked,
    DefinitionError,
    LevelReached,
    Levels,
    Once,
    PerDay,
    PerSlot,
    Quest,
    QuestCompleted,
    ReachStreak,
    Reward,
    Rule,
    per,
    steps,
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
    from habitkit.transaction import Transaction

DONE = Rule("completion", HabitCompleted, give=Reward(coins=3))


@frozen
class Score(Event):
    """A host's own event with a key, of which the last one counts."""

    game: str
    slots: int
    done_at: datetime

    @property
    def key(self) -> str:
        return f"score:{self.game}"


def score(kit: TestKit, *scores: tuple[str, int | None, int]) -> None:
    """Emit what was scored in games at minutes, in one batch; None takes it back."""

    def work(tx: Transaction) -> None:
        tx.lock("ada")
        events: list[Event] = []
        for game, slots, minute in scores:
            event = Score("ada", tx.now, game, slots or 0, at(f"2026-01-01T07:{minute:02}"))
            retracted = Retracted("ada", tx.now, "Score", event.key)
            events.append(retracted if slots is None else event)
        tx.emit("ada", events)

    kit.run(work)


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
    for other in others:
        run = kit.habits.create("ada", "Run", Schedule.daily())
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
    told = [event.type for event in (*first.events, *second.events)]
    assert told.count("BadgeUnlocked") == 1
    kit.habits.undo(first.id)
    assert list(net(kit, "ada", "BadgeUnlocked")) == ["badge:runner"]
    kit.habits.undo(second.id)
    assert (kit.quests.badges("ada"), net(kit, "ada", "BadgeUnlocked")) == ([], {})


@pytest.mark.parametrize(
    ("limit", "amounts"),
    [
        (PerDay(2), [1, 2, 2, 3, 4]),
        (PerSlot, [1, 2, 3, 4, 5]),
        (Once, [1, 1, 1, 1, 1]),
        (None, [1, 2, 3, 4, 5]),
    ],
)
def test_limits_reward_the_first_ones_of_a_group(
    kit: TestKit, limit: Any, amounts: list[int]
) -> None:
    kit.quests.set_rules([Rule("done", HabitCompleted, give=Reward(coins=1), limit=limit)])
    habits = [kit.habits.create("ada", f"{n}", Schedule.daily()) for n in range(3)]
    found, facts = [], []
    for number, habit in enumerate([*habits, *habits[:2]]):
        kit.clock.set(at(f"2026-01-0{1 + number // 3}T1{number}:00"))
        facts.append(kit.habits.check_in(habit.id))
        found.append(paid(kit))
    assert found == amounts
    for fact in facts:
        kit.habits.undo(fact.id)
    assert paid(kit) == 0


def test_who_was_first_is_decided_by_when_it_was_done_and_not_by_when_it_arrived(
    kit: TestKit, store: Store
) -> None:
    kit.quests.set_rules([Rule("first", "walk", give=Reward(coins=1, xp=per("km", 2)), limit=Once)])
    kit.clock.set(at("2026-01-01T12:00"))
    for hour, km in ((10, 3), (9, 4), (11, 5), (8, 6)):
        kit.events.record("ada", "walk", {"km": km}, at=at(f"2026-01-01T{hour:02}:00"))
    assert balances(kit) == (1, 12)


def test_what_is_taken_back_lets_the_next_one_move_up(kit: TestKit, run: Habit) -> None:
    once = Rule("once", HabitCompleted, give=Reward(coins=5, badge="b", item="i"), limit=Once)
    two = Rule("two", HabitCompleted, give=Reward(xp=1), limit=PerDay(2))
    kit.quests.set_rules([once, two])
    habits = [run, *(kit.habits.create("ada", f"{n}", Schedule.daily()) for n in range(3))]
    done = []
    for habit in habits:
        kit.clock.advance(minutes=1)
        done.append(kit.habits.check_in(habit.id))
    assert balances(kit) == (5, 2)
    found = []
    for fact in done:
        kit.habits.undo(fact.id)
        found.append((*balances(kit), len(kit.quests.badges("ada")), kit.quests.items("ada")))
    assert found == [
        (5, 2, 1, {"i": 1}),
        (5, 2, 1, {"i": 1}),
        (5, 1, 1, {"i": 1}),
        (0, 0, 0, {}),
    ]


BATCHES = [
    ([("a", 7, 3), ("b", 7, 2), ("c", 7, 1)],),
    ([("c", 7, 1), ("b", 7, 2), ("a", 7, 3)],),
    ([("a", 7, 3), ("b", 7, 2)], [("c", 7, 1)]),
    ([("c", 9, 5), ("a", 7, 3), ("b", 7, 2)], [("c", 7, 1), ("b", 1, 2)], [("b", 7, 9)]),
    ([("a", 7, 1), ("b", 7, 2)], [("a", None, 1), ("c", 7, 1)], [("a", 7, 4)]),
    ([("a", 7, 1), ("c", 7, 1), ("a", None, 0)], [("b", 7, 3), ("a", 7, 4)]),
    ([("c", 30, 1)], [("c", 7, 1)]),
]


@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("most", [1, 2])
def test_a_batch_in_any_order_pays_only_those_that_are_first_in_the_end(
    kit: TestKit, store: Store, batches: Any, most: int
) -> None:
    reward = Reward(coins=per("slots", 1), xp=steps("slots", {7: 50, 30: 100}))
    kit.quests.set_rules([Rule("s", "Score", give=reward, limit=PerDay(most))])
    for batch in batches:
        score(kit, *batch)

    places = {it["game"]: (it["done_at"], it["slots"]) for it in net(kit, "ada", "Score").values()}
    first = sorted(places, key=lambda game: places[game])[:most]
    expected = {f"score:{game}:s": places[game][1] for game in first}
    assert entitlements(store, "ada", [f"score:{game}:s" for game in "abc"]) == expected
    assert balances(kit) == (sum(expected.values()), 50 * len(first))


def test_what_a_formula_gives_follows_the_fields(kit: TestKit) -> None:
    rules = [
        Rule("per", "Score", give=Reward(coins=per("slots", 2), xp=steps("slots", {5: 1, 9: 7}))),
        Rule("big", "Score", when=field("slots") >= 9, give=Reward(badge="big")),
        Rule("lim", "Score", give=Reward(xp=steps("slots", {5: 10})), limit=PerDay(3)),
    ]
    kit.quests.set_rules(rules)
    found = []
    for slots in (4, 9, 5, 4, None):
        score(kit, ("a", slots, 1))
        found.append((*balances(kit), len(kit.quests.badges("ada"))))
    assert found == [(8, 0, 0), (18, 17, 1), (10, 11, 0), (8, 0, 0), (0, 0, 0)]


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


def test_a_batch_from_a_device_pays_those_that_were_done_first(kit: TestKit, store: Store) -> None:
    kit.quests.set_rules([Rule("one", HabitCompleted, give=Reward(coins=1, xp=1), limit=Once)])
    habits = [kit.habits.create("ada", f"{n}", Schedule.daily()) for n in range(3)]
    kit.clock.advance(hours=4)
    batch = [
        OfflineCheckIn(habit.id, at=at(f"2026-01-01T{hour:02}:00"))
        for habit, hour in zip(habits, (10, 11, 9), strict=True)
    ]
    kit.habits.check_in_many(batch)
    keys = [f"done:{habit.id}:2026-01-01:one" for habit in habits]
    assert entitlements(store, "ada", keys) == {keys[2]: 1}
    assert balances(kit) == (1, 1)
