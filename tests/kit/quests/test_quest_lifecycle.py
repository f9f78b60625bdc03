"""Quests through the kit: their states, what they require and give, versions and credits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from habitkit.coins import CoinsPosted
from habitkit.errors import IdempotencyConflict, InvalidInput, NotFound
from habitkit.habits import HabitCompleted
from habitkit.predicates import field
from habitkit.quests import (
    Count,
    Levels,
    Quest,
    QuestStarted,
    QuestStateError,
    Reward,
    Rule,
    Sum,
    Tier,
    Window,
    per,
)
from tests.kit.quests.support import (
    balances,
    check_in_days,
    five,
    net,
    rebuilt,
    refused,
    the,
    types_of,
    value,
    wealth,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.testing import TestKit

NOTHING = {"coins": 0, "xp": 0, "badges": set(), "items": {}}
WALK = Count("walk", 1)


def test_the_fifth_check_in_completes_and_pays_and_its_undo_takes_everything_back(
    kit: TestKit, run: Habit
) -> None:
    kit.quests.set_levels(Levels.table([100, 200, 1000]))
    kit.quests.define(five())
    kit.quests.start("ada", "five")
    done = check_in_days(kit, run, 5)

    last = done[-1].events
    emitted = [event.type for event in last]
    assert [emitted.count(it) for it in ("QuestCompleted", "BadgeUnlocked", "ItemGranted")] == [
        1
    ] * 3
    assert [event.level for event in last if event.type == "LevelReached"] == [2, 3]  # type: ignore[attr-defined]
    assert done[-1].coins == 100
    assert len({event.rev for event in kit.events.page("ada", limit=1000)[-8:]}) == 1
    run_of_it = the(kit, "five")
    assert (run_of_it.state, int(run_of_it.value), run_of_it.percent) == ("COMPLETED", 5, 100)
    assert run_of_it.allowed == ()
    assert wealth(kit) == {
        "coins": 100,
        "xp": 250,
        "badges": {"early-bird"},
        "items": {"hat": 1},
    }
    level = kit.quests.level("ada")
    assert (level.number, level.into, level.to_next) == (3, 50, 750)

    undone = kit.habits.undo(done[2].id)

    assert undone.coins == -100
    assert wealth(kit) == NOTHING
    assert net(kit, "ada", "QuestCompleted", "BadgeUnlocked", "ItemGranted", "LevelReached") == {}
    assert (the(kit, "five").state, value(kit, "five")) == ("ACTIVE", 4)
    assert kit.quests.level("ada").number == 1
    assert rebuilt(kit) == ()
    kit.clock.advance(days=1)
    assert kit.habits.check_in(run.id).coins == 100


def bring(kit: TestKit, state: str, claim: str) -> None:
    """Bring the quest ``walk`` of ada into a state."""
    window = Window.between(kit.clock.now(), kit.clock.now().replace(day=3))
    reward = Reward(coins=5)
    quest = Quest("walk", "Walk", WALK, window=window, reward=reward, claim=claim)  # type: ignore[arg-type]
    kit.quests.define(quest)
    if state == "AVAILABLE":
        return
    kit.quests.start("ada", "walk")
    if state in {"COMPLETED", "CLAIMED"}:
        kit.events.record("ada", "walk")
    if state == "CLAIMED":
        kit.quests.claim("ada", "walk")
    if state == "ABANDONED":
        kit.quests.abandon("ada", "walk")
    if state == "EXPIRED":
        kit.clock.advance(days=2)


TRANSITIONS = [
    ("AVAILABLE", "manual", ("start",)),
    ("ACTIVE", "manual", ("abandon",)),
    ("COMPLETED", "manual", ("claim",)),
    ("COMPLETED", "auto", ()),
    ("CLAIMED", "manual", ()),
    ("ABANDONED", "manual", ("start",)),
    ("EXPIRED", "manual", ()),
]


@pytest.mark.parametrize(("state", "claim", "allowed"), TRANSITIONS)
@pytest.mark.parametrize("swept", [False, True])
def test_each_state_allows_its_transitions_alone(
    kit: TestKit, state: str, claim: str, allowed: tuple[str, ...], swept: bool
) -> None:
    bring(kit, state, claim)
    if swept:
        kit.sweep()
    runs = kit.quests.progress("ada", "walk")
    assert [it.state for it in runs] == ([] if state == "AVAILABLE" else [state])
    assert all(it.allowed == allowed for it in runs)
    is_offered = [it.quest for it in kit.quests.available("ada")] == ["walk"]
    assert is_offered == ("start" in allowed)
    before = types_of(kit), wealth(kit)
    for action in ("start", "claim", "abandon"):
        if action not in allowed:
            call = getattr(kit.quests, action)
            error = refused(QuestStateError, lambda call=call: call("ada", "walk"))  # type: ignore[misc]
            assert (error.quest, error.state) == ("walk", state)
            assert (error.action, error.allowed) == (action, allowed)
            assert f"cannot {action} quest 'walk', which is {state}" in str(error)
    assert (types_of(kit), wealth(kit)) == before
    for action in allowed:
        progress = getattr(kit.quests, action)("ada", "walk")
        after = {"start": "ACTIVE", "claim": "CLAIMED", "abandon": "ABANDONED"}[action]
        assert progress.state == after == the(kit, "walk").state
    assert rebuilt(kit) == ()


def test_what_does_not_exist_is_not_found_and_what_is_no_key_refused(kit: TestKit) -> None:
    for action in (kit.quests.start, kit.quests.claim, kit.quests.abandon):
        with pytest.raises(NotFound):
            action("ada", "walk")
        for key in ("", "a:b", 5, None):
            with pytest.raises(InvalidInput):
                action("ada", key)  # type: ignore[arg-type]
    for read in (kit.quests.get, kit.quests.retire, partial(kit.quests.progress, "ada")):
        with pytest.raises(NotFound):
            read("walk")
        for no_key in ("a:b", ["walk"]):
            with pytest.raises(InvalidInput):
                read(no_key)  # type: ignore[arg-type]
    for author in ("a\x00", "\ud800", 5):
        with pytest.raises(InvalidInput, match="by: expected"):
            kit.quests.define(Quest("new", "New", WALK), by=author)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        kit.quests.level("ada")


def test_an_idempotency_key_starts_claims_and_abandons_once(kit: TestKit) -> None:
    reward = Reward(coins=5, xp=per("tier", 2), freezes=0, badge="b", currencies={"gem": 1})
    for key in ("one", "two"):
        kit.quests.define(Quest(key, key, WALK, reward=reward, claim="manual"))

    started = kit.quests.start("ada", "one", idempotency_key="s")
    assert kit.quests.start("ada", "one", idempotency_key="s") == started
    with pytest.raises(IdempotencyConflict):
        kit.quests.start("ada", "two", idempotency_key="s")
    kit.quests.abandon("ada", "one", idempotency_key="a")
    again = kit.quests.start("ada", "one", idempotency_key="s2")
    assert kit.quests.abandon("ada", "one", idempotency_key="a").state == "ABANDONED"
    assert the(kit, "one") == again
    kit.events.record("ada", "walk")
    claimed = kit.quests.claim("ada", "one", idempotency_key="c")
    kit.clock.advance(hours=1)
    assert kit.quests.claim("ada", "one", idempotency_key="c") == claimed
    with pytest.raises(QuestStateError):
        kit.quests.claim("ada", "one", idempotency_key="c2")
    assert balances(kit) == (5, 0)


@pytest.mark.parametrize(
    ("repeat", "periods"),
    [
        ("daily", {"2026-01-01": 1, "2026-01-02": 1, "2026-01-05": 1, "2026-02-01": 1}),
        ("weekly", {"2025-12-29": 2, "2026-01-05": 1, "2026-01-26": 1}),
        ("monthly", {"2026-01-01": 3, "2026-02-01": 1}),
    ],
)
def test_a_quest_that_repeats_begins_anew_in_each_period(
    kit: TestKit, run: Habit, repeat: str, periods: dict[str, int]
) -> None:
    objective = Count(HabitCompleted, max(periods.values()))
    reward = Reward(coins=7)
    options = {"repeat": repeat, "start": "auto"}
    kit.quests.define(Quest("again", "Again", objective, reward=reward, **options))  # type: ignore[arg-type]
    done = {}
    for day in ("2026-01-01", "2026-01-02", "2026-01-05", "2026-02-01"):
        kit.clock.set(f"{day}T12:00Z")
        done[day] = kit.habits.check_in(run.id).id

    found = {it.period: int(it.value) for it in kit.quests.progress("ada", all_periods=True)}
    assert found == periods
    full = [period for period, value in periods.items() if value == objective.n]
    assert balances(kit) == (7 * len(full), 0)
    kit.clock.set("2026-02-02T12:00Z")
    assert [it.period for it in kit.quests.progress("ada", all_periods=True)][
        : len(periods)
    ] == sorted(periods)
    kit.habits.undo(done["2026-02-01"])  # on the day after it
    left = {
        it.period: int(it.value) for it in kit.quests.progress("ada", all_periods=True) if it.value
    }
    last = max(periods)
    assert left == {
        it: value - (it == last) for it, value in periods.items() if value - (it == last)
    }
    assert rebuilt(kit) == ()


def test_a_period_that_was_missed_is_claimed_later(kit: TestKit) -> None:
    reward = Reward(coins=5)
    kit.quests.define(Quest("day", "Day", WALK, reward=reward, repeat="daily", claim="manual"))
    for _ in range(2):
        kit.quests.start("ada", "day")
        kit.events.record("ada", "walk")
        kit.clock.advance(days=1)
    kit.quests.start("ada", "day")

    with pytest.raises(QuestStateError):
        kit.quests.claim("ada", "day", period="2026-01-03")
    assert kit.quests.claim("ada", "day").period == "2026-01-02"
    assert kit.quests.claim("ada", "day", period="2026-01-01").period == "2026-01-01"
    assert balances(kit) == (10, 0)
    assert kit.quests.abandon("ada", "day").period == "2026-01-03"


def test_tiers_give_their_own_rewards_on_the_way(kit: TestKit) -> None:
    tiers = (Tier(2, Reward(coins=1)), Tier(4, Reward(coins=10, badge="four")))
    objective = Sum("km", "length", 6)
    quest = Quest("far", "Far", objective, reward=Reward(coins=100), tiers=tiers, start="auto")
    kit.quests.define(quest)
    found = []
    for length in (1.5, 0.5, 0.1, 3, 1):
        kit.clock.advance(minutes=1)
        kit.events.record("ada", "km", {"length": length})
        found.append((the(kit, "far").tier, balances(kit)[0]))

    assert found == [(0, 0), (1, 1), (1, 1), (2, 11), (2, 111)]
    assert [(it["tier"], it["done_at"]) for it in net(kit, "ada", "QuestCompleted").values()] == [
        (1, "2026-01-01T08:02:00+00:00"),
        (2, "2026-01-01T08:04:00+00:00"),
        (0, "2026-01-01T08:05:00+00:00"),
    ]
    earlier = kit.clock.now().replace(minute=1, second=30)
    kit.events.record("ada", "km", {"length": 4}, at=earlier)  # it is known late
    assert {it["done_at"] for it in net(kit, "ada", "QuestCompleted").values()} == {
        "2026-01-01T08:01:30+00:00",
        "2026-01-01T08:02:00+00:00",
    }
    assert (the(kit, "far").tier, balances(kit)[0]) == (2, 111)
    assert rebuilt(kit) == ()


def test_a_reward_is_claimed_once_by_however_many(kit: TestKit) -> None:
    kit.quests.define(Quest("walk", "Walk", WALK, reward=Reward(coins=5), claim="manual"))
    kit.quests.start("ada", "walk")
    kit.events.record("ada", "walk")
    together = Barrier(2)

    def claim(_: int) -> str:
        together.wait()
        try:
            return kit.quests.claim("ada", "walk").state
        except QuestStateError as error:
            return f"refused as {error.state}"

    with ThreadPoolExecutor(2) as pool:
        found = sorted(pool.map(claim, range(2)))

    assert found == ["CLAIMED", "refused as CLAIMED"]
    assert balances(kit) == (5, 0)
    assert types_of(kit).count("QuestClaimed") == 1


def test_what_a_start_causes_counts_for_the_quest_that_it_starts(kit: TestKit) -> None:
    kit.quests.set_rules([Rule("welcome", QuestStarted, give=Reward(coins=30))])
    rich = Sum(CoinsPosted, "amount", 30, field("kind") == "reward")
    for backdate in (False, True):
        key = f"rich {backdate}"
        kit.quests.define(Quest(key, key, rich, reward=Reward(badge=key), backdate=backdate))

        assert kit.quests.start("ada", key).state == "COMPLETED"

        assert the(kit, key).state == "COMPLETED"
        assert key in {badge.name for badge in kit.quests.badges("ada")}
    assert kit.quests.rebuild().repaired == ()


def test_coins_that_are_held_count_for_a_level_until_they_are_spent(kit: TestKit) -> None:
    kit.quests.set_levels(Levels.table([20, 30], currency="coin"))
    kit.coins.award("ada", 19, idempotency_key="a")
    hold = kit.coins.reserve("ada", 15, idempotency_key="h")
    for amount, number in ((1, 2), (12, 3)):
        kit.coins.award("ada", amount, idempotency_key=f"{amount}")
        assert (
            len(net(kit, "ada", "LevelReached")) == kit.quests.level("ada").number - 1 == number - 1
        )

    kit.coins.settle(hold.id)

    assert (net(kit, "ada", "LevelReached"), kit.quests.level("ada").number) == ({}, 1)
    assert kit.quests.rebuild().repaired == ()
