"""Quests and rewards where several facts, periods, versions or instants meet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

import habitkit.testing
from habitkit import Economy, Goal, Schedule
from habitkit.coins.domain.economy import RewardRule, RuleSet
from habitkit.coins.events import CoinsPosted
from habitkit.coins.settings import CoinSettings
from habitkit.errors import InvalidInput
from habitkit.events import Recorded
from habitkit.habits.events import HabitCompleted
from habitkit.predicates import field
from habitkit.quests import (
    BadgeUnlocked,
    Count,
    DefinitionError,
    LevelReached,
    Levels,
    Once,
    PerDay,
    Quest,
    QuestCompleted,
    ReachStreak,
    Reward,
    Rule,
    Sum,
    Tier,
    Window,
)
from habitkit.reactions import on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.quests import QuestProgress
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

FRIDAY = "2026-03-06T08:00Z"


def new_habit(kit: TestKit, title: str = "Run", goal: Goal | None = None) -> UUID:
    """Return a new daily habit of ada."""
    return kit.habits.create("ada", title, Schedule.daily(), goal=goal or Goal.done()).id


def check_in(kit: TestKit, habit: UUID, days: int) -> None:
    """Check in on some days; it is the day after them then."""
    for _ in range(days):
        kit.habits.check_in(habit)
        kit.clock.advance(days=1)


def seen_state(kit: TestKit, key: str) -> str:
    """Return the state of a quest as ada sees it."""
    return seen(kit, key).state


def seen(kit: TestKit, key: str) -> QuestProgress:
    """Return how far ada is with a quest."""
    (found,) = kit.quests.progress("ada", key)
    return found


def balance(kit: TestKit, currency: str = "coin") -> int:
    """Return what ada has."""
    return kit.coins.balance("ada", currency).available


def assert_sound(kit: TestKit) -> None:
    """Check that nothing is to be repaired."""
    assert kit.quests.rebuild("ada").repaired == ()
    assert kit.coins.audit().findings == ()


def test_a_rule_named_as_a_part_of_a_reward_is_paid_besides_the_reward_of_the_quest() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    run = new_habit(kit)
    tiers = (Tier(1, Reward(coins=1, xp=1)),)
    both = Reward(coins=100, xp=20)
    kit.quests.define(
        Quest("two", "Two", Count(HabitCompleted, 2), tiers=tiers, reward=both, start="auto")
    )
    kit.quests.set_rules([Rule("xp", QuestCompleted, give=Reward(xp=50))])
    check_in(kit, run, 2)
    assert (balance(kit), balance(kit, "xp")) == (101, 1 + 20 + 2 * 50)
    assert_sound(kit)


def test_levels_follow_what_a_quest_gives_for_the_points_that_are_being_posted() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    run = new_habit(kit)
    kit.quests.set_levels(Levels.table([100, 140]))
    points = Sum(CoinsPosted, "amount", 100, field("currency") == "xp")
    kit.quests.define(Quest.achievement("bonus", "Bonus", points, reward=Reward(xp=50)))
    kit.quests.set_rules([Rule("points", HabitCompleted, give=Reward(xp=100))])
    events = kit.habits.check_in(run).events
    levels = [
        (it.type, str(it.key)) for it in events if ":" in str(it.key) and "level" in str(it.key)
    ]
    assert levels == [("LevelReached", "level:2"), ("LevelReached", "level:3")]
    assert kit.quests.level("ada").number == 3
    assert_sound(kit)


def test_rules_are_refused_as_a_loop_by_the_currency_of_the_levels_whatever_it_is() -> None:
    kit = habitkit.testing.kit(coins=CoinSettings(Economy((), currencies=frozenset({"gem"}))))
    loop = Rule("gems", LevelReached, give=Reward(currencies={"gem": 5}))
    kit.quests.set_rules([loop])
    with pytest.raises(DefinitionError, match="gems -> gems"):
        kit.quests.set_levels(Levels.table([10, 20], currency="gem"))
    kit = habitkit.testing.kit(coins=CoinSettings(Economy((), currencies=frozenset({"gem"}))))
    kit.quests.set_levels(Levels.table([10, 20], currency="gem"))
    with pytest.raises(DefinitionError, match="gems -> gems"):
        kit.quests.set_rules([loop])


def test_a_quest_that_would_keep_itself_complete_is_refused_unless_it_is_never_taken_back() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    kit.quests.set_levels(Levels.linear(10))
    itself = Quest("up", "Up", Count(LevelReached, 2), start="auto", reward=Reward(xp=10))
    with pytest.raises(DefinitionError, match="quest up -> quest up"):
        kit.quests.define(itself)
    kit.quests.define(evolve(itself, revoke="never"))
    kit.quests.define(evolve(itself, key="badge", reward=Reward(badge="up")))

    one = Quest("one", "One", Count(QuestCompleted, 1), start="auto")
    kit.quests.define(one)
    with pytest.raises(DefinitionError, match="quest one -> quest two -> quest one"):
        kit.quests.define(evolve(one, key="two"))
    with pytest.raises(DefinitionError, match="points -> quest badge -> points"):
        kit.quests.set_rules([Rule("points", BadgeUnlocked, give=Reward(xp=10))])
    spent = Sum(CoinsPosted, "amount", 100, field("kind") == "award")
    kit.quests.define(Quest("rich", "Rich", spent, start="auto", reward=Reward(coins=10)))
    assert_sound(kit)


def test_a_streak_quest_follows_what_no_event_tells() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    run = new_habit(kit)
    streak = ReachStreak(2, tag="sport")
    kit.quests.define(Quest("two", "Two", streak, start="auto", reward=Reward(coins=100)))
    kit.habits.check_in(run)
    kit.clock.advance(days=2)
    kit.habits.check_in(run)
    assert seen_state(kit, "two") == "ACTIVE"

    kit.habits.update(run, tags=["sport"])
    assert (seen_state(kit, "two"), kit.coins.balance("ada").posted) == ("ACTIVE", 20)
    skipped = kit.habits.skip(run, kit.clock.now().date() - timedelta(days=1))
    assert (seen_state(kit, "two"), kit.coins.balance("ada").posted) == ("COMPLETED", 120)
    assert skipped.coins == 100
    kit.habits.undo(skipped.id)
    assert (seen_state(kit, "two"), kit.coins.balance("ada").posted) == ("ACTIVE", 20)
    kit.habits.skip(run, kit.clock.now().date() - timedelta(days=1))
    assert_sound(kit)


def test_what_a_streak_has_completed_is_final_some_days_later() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    run = new_habit(kit)
    kit.quests.define(Quest("two", "Two", ReachStreak(2), start="auto", reward=Reward(coins=100)))
    kit.habits.check_in(run)
    kit.clock.advance(days=1)
    second = kit.habits.check_in(run)
    kit.habits.undo(second.id)
    assert (seen_state(kit, "two"), kit.coins.balance("ada").posted) == ("ACTIVE", 10)
    second = kit.habits.check_in(run)
    assert seen_state(kit, "two") == "COMPLETED"

    kit.clock.advance(days=20)
    kit.habits.undo(second.id)
    assert (seen_state(kit, "two"), kit.coins.balance("ada").posted) == ("COMPLETED", 120)
    assert_sound(kit)


@pytest.mark.parametrize("limit", [PerDay(1), Once()])
def test_of_events_emitted_together_a_limited_rule_rewards_the_first_one_alone(
    limit: PerDay | Once,
) -> None:
    kit = habitkit.testing.kit(FRIDAY)
    kit.quests.set_rules([Rule("book", "book.read", give=Reward(coins=10), limit=limit)])
    kit.clock.advance(hours=4)
    later, earlier = kit.clock.now(), kit.clock.now() - timedelta(hours=1)

    def emit(tx: Transaction) -> None:
        tx.lock("ada")
        tx.emit("ada", [Recorded("ada", at, "book.read", {}) for at in (later, earlier)])

    kit.run(emit)
    assert balance(kit) == 10
    assert_sound(kit)


@pytest.mark.parametrize("first", [0, 1])
def test_a_quest_begins_after_the_event_that_completed_the_required_one_at_the_same_instant(
    first: int,
) -> None:
    kit = habitkit.testing.kit(FRIDAY)
    habits = sorted([new_habit(kit), new_habit(kit, "Read")], key=str)
    kit.quests.define(Quest("one", "One", Count(HabitCompleted, 1), start="auto"))
    kit.quests.define(
        Quest("next", "Next", Count(HabitCompleted, 1), start="auto", requires=("one",))
    )
    kit.clock.advance(minutes=1)
    for habit in (habits[first], habits[1 - first]):
        kit.habits.check_in(habit)
    assert seen(kit, "next").state == "COMPLETED"
    assert_sound(kit)


def test_a_requirement_that_becomes_known_late_opens_the_periods_that_are_over() -> None:
    balances = []
    for is_late in (False, True):
        kit = habitkit.testing.kit(FRIDAY)
        run = new_habit(kit)
        kit.quests.define(Quest("go", "Go", Count("go", 1), start="auto"))
        kit.quests.define(
            Quest(
                *("daily", "Daily", Count(HabitCompleted, 1)),
                start="auto",
                repeat="daily",
                requires=("go",),
                reward=Reward(coins=7),
            )
        )
        check_in(kit, run, 1)
        at = kit.clock.now()
        if not is_late:
            kit.events.record("ada", "go", at=at)
        kit.clock.advance(minutes=1)
        check_in(kit, run, 3)
        if is_late:
            kit.events.record("ada", "go", at=at)
        runs = kit.quests.progress("ada", "daily", all_periods=True)
        assert [it.period for it in runs if it.state == "COMPLETED"] == [
            f"2026-03-{day:02}" for day in (7, 8, 9)
        ]
        balances.append(balance(kit))
        assert_sound(kit)
    assert balances == [40 + 21] * 2


def test_a_check_in_for_last_week_completes_the_streak_of_this_week_and_its_undo_takes_it_back() -> (
    None
):
    kit = habitkit.testing.kit(FRIDAY)
    run = new_habit(kit)
    kit.quests.define(
        Quest(
            *("four", "Four", ReachStreak(4)),
            start="auto",
            repeat="weekly",
            reward=Reward(coins=100),
        )
    )
    check_in(kit, run, 2)
    kit.clock.advance(days=1)
    kit.habits.check_in(run)
    late = kit.habits.check_in(run, day=date(2026, 3, 8))
    assert (seen(kit, "four").state, balance(kit)) == ("COMPLETED", 140)
    assert_sound(kit)
    kit.habits.undo(late.id)
    assert (seen(kit, "four").state, balance(kit)) == ("ACTIVE", 30)
    assert_sound(kit)


@pytest.mark.parametrize("sweeps", [False, True])
def test_what_time_alone_completes_is_seen_and_claimed_whether_or_not_anybody_looked(
    sweeps: bool,
) -> None:
    kit = habitkit.testing.kit(FRIDAY)
    kit.quests.define(
        Quest(
            *("three", "Three", ReachStreak(3)),
            window=Window.from_start(4),
            claim="manual",
            reward=Reward(coins=100),
        )
    )
    kit.quests.define(Quest("all", "All", ReachStreak(3), start="auto", reward=Reward(coins=9)))
    new_habit(kit, "No sugar", Goal.avoid())
    kit.quests.start("ada", "three")
    states = []
    for _ in range(6):
        states.append(seen(kit, "three").state)
        kit.clock.advance(days=1)
        if sweeps:
            kit.sweep()
    assert states == ["ACTIVE"] * 3 + ["COMPLETED"] * 3
    claimed = kit.quests.claim("ada", "three")
    assert claimed.complete_at is not None
    assert (claimed.state, claimed.complete_at.date()) == ("CLAIMED", date(2026, 3, 9))
    kit.sweep()
    assert (seen(kit, "all").state, balance(kit)) == ("COMPLETED", 109)
    assert_sound(kit)


def test_a_habit_that_is_deleted_takes_no_streak_of_a_quest_with_it() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    run = new_habit(kit)
    kit.quests.define(Quest("two", "Two", ReachStreak(2), start="auto", reward=Reward(coins=100)))
    check_in(kit, run, 2)
    kit.habits.delete(run)
    assert_sound(kit)
    assert (seen(kit, "two").state, balance(kit)) == ("COMPLETED", 120)


def test_a_quest_that_repeats_as_it_once_did_begins_in_the_periods_of_its_last_version() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    run = new_habit(kit)
    for number, repeat in enumerate(["daily", "weekly", "daily"]):
        kit.quests.define(
            Quest(
                *("often", f"Version {number}", Count(HabitCompleted, 1)),
                start="auto",
                repeat=repeat,  # type: ignore[arg-type]
                reward=Reward(coins=5),
            )
        )
        if repeat == "weekly":
            check_in(kit, run, 1)
    kit.habits.check_in(run)
    runs = kit.quests.progress("ada", "often", all_periods=True)
    assert [(it.period, it.state) for it in runs] == [
        ("2026-03-02", "COMPLETED"),
        ("2026-03-07", "COMPLETED"),
    ]
    assert balance(kit) == 20 + 10
    assert_sound(kit)


def test_what_a_reaction_undoes_with_its_savepoint_moves_no_quest_on() -> None:
    def undone(tx: Transaction, owner: str) -> None:
        with tx.savepoint():
            tx.emit(owner, [Recorded(owner, tx.now, "undone", {})])
            raise ZeroDivisionError

    def undo(tx: Transaction, owner: str, events: Sequence[QuestCompleted]) -> None:
        for event in events:
            if event.quest == "one":
                with pytest.raises(ZeroDivisionError):
                    undone(tx, owner)
                tx.emit(owner, [Recorded(owner, tx.now, "kept", {})])

    kit = habitkit.testing.kit(FRIDAY, reactions=[on(QuestCompleted, undo)])
    run = new_habit(kit)
    kit.quests.define(Quest("one", "One", Count(HabitCompleted, 1), start="auto"))
    kit.quests.define(Quest("undone", "Undone", Count("undone", 1), start="auto"))
    kit.quests.define(Quest("kept", "Kept", Count("kept", 1), start="auto"))
    kit.habits.check_in(run)
    assert (seen(kit, "undone").state, seen(kit, "kept").state) == ("ACTIVE", "COMPLETED")
    assert_sound(kit)


def test_a_quest_over_quests_is_not_kept_complete_by_its_own_completion() -> None:
    kit = habitkit.testing.kit(FRIDAY)
    habits = [new_habit(kit, title) for title in ("Run", "Read", "Rest")]
    for number, habit in enumerate(habits):
        kit.quests.define(
            Quest(
                *(f"z{number}", "One", Count(HabitCompleted, 1, field("habit_id") == habit)),
                start="auto",
            )
        )
    kit.quests.define(
        Quest("all", "All", Count(QuestCompleted, 3), start="auto", reward=Reward(coins=100))
    )
    kit.clock.advance(minutes=1)
    done = [kit.habits.check_in(habit) for habit in habits]
    assert (seen(kit, "all").state, balance(kit)) == ("COMPLETED", 130)
    kit.habits.undo(done[0].id)
    assert (seen(kit, "all").state, balance(kit)) == ("ACTIVE", 20)
    assert_sound(kit)


def test_an_economy_with_later_rules_is_taken_over_and_replaced_after_its_last_change() -> None:
    first, second = (RewardRule("done", HabitCompleted, give) for give in (10, 30))
    later = datetime(2026, 3, 8, tzinfo=UTC)
    economy = Economy((first,), changes=(RuleSet(later, (second,)),))
    kit = habitkit.testing.kit(FRIDAY, coins=CoinSettings(economy))
    run = new_habit(kit)
    check_in(kit, run, 1)
    rules = [Rule("done", HabitCompleted, give=Reward(coins=50))]
    with pytest.raises(InvalidInput, match="2026-03-08"):
        kit.quests.set_rules(rules)
    kit.clock.advance(days=1)
    check_in(kit, run, 1)
    kit.quests.set_rules(rules)
    kit.clock.advance(minutes=1)
    kit.habits.check_in(run)
    assert balance(kit) == 10 + 30 + 50
    assert [len(version.rules) for version in kit.quests.rule_versions()] == [1, 1, 1]
    assert_sound(kit)


def test_what_is_all_but_complete_is_at_99_percent_and_an_event_emitted_twice_counts_twice() -> (
    None
):
    kit = habitkit.testing.kit(FRIDAY)
    kit.quests.define(Quest("sum", "Sum", Sum("paid", "amount", 10**18), start="auto"))
    kit.quests.define(Quest("two", "Two", Count("twice", 2), start="auto"))
    for amount in (10**18 - 1, 0.999999999999):
        kit.events.record("ada", "paid", {"amount": amount})

    def emit(tx: Transaction) -> None:
        tx.lock("ada")
        tx.emit("ada", [Recorded("ada", tx.now, "twice", {})] * 2)

    kit.run(emit)
    assert (seen(kit, "sum").percent, seen(kit, "sum").state) == (99, "ACTIVE")
    assert seen(kit, "two").state == "COMPLETED"
    assert_sound(kit)
