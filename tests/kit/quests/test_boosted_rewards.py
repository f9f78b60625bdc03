"""Boosts through the kit: what they give, what is taken back, and how they are defined."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from attrs import evolve, frozen
from hypothesis import strategies as st

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.coins import Economy, UnknownCurrency
from habitkit.coins.settings import CoinSettings
from habitkit.errors import InvalidInput, NotFound
from habitkit.events import Event, Retracted
from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import Schedule
from habitkit.quests import (
    DEFINITIONS,
    Boost,
    Count,
    Definition,
    DefinitionError,
    Levels,
    PerDay,
    Quest,
    Reward,
    Rule,
    per,
)
from habitkit.quests.domain.boosts import boosted
from tests.kit.quests.support import NO_REWARDS, at, balances, entitlements, rebuilt, wealth

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = at("2026-01-02T00:00")
DOUBLE = Boost("double", 2, START, START + DAY)
REWARD = Reward(coins=3, xp=5, badge="b", item="xp", currencies={"gem": 7})
ALL = Rule("all", HabitCompleted, give=REWARD)


def definitions(kit: TestKit) -> list[Definition]:
    """Return the log of definitions."""
    return kit.read(lambda tx: tx.port(DEFINITIONS).after(0))


def test_what_is_received_while_a_boost_holds_is_worth_more_and_undo_takes_that_back(
    kit: TestKit, run: Habit
) -> None:
    kit.quests.set_rules([ALL])
    kit.quests.set_levels(Levels.table([8]))
    kit.quests.define(Quest("one", "One", Count(HabitCompleted, 1), reward=Reward(coins=100)))
    kit.quests.boost(evolve(DOUBLE, factor=1.5, currencies=("coin", "gem")))
    kit.quests.boost(Boost("xp", 2, START, START + DAY, ["xp"]))
    kit.quests.start("ada", "one")
    received = [START - HOUR / 60, START, START + DAY - HOUR / 60, START + DAY]
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 2), date(2026, 1, 2)]
    found = []
    for number, (instant, day) in enumerate(zip(received, days, strict=True)):
        kit.clock.set(instant)
        owner = f"o{number}"
        habit = kit.habits.create(owner, "Run", Schedule.daily())
        done = kit.habits.check_in(habit.id, day=day)
        gems = kit.coins.balance(owner, currency="gem").posted
        found.append((*balances(kit, owner), gems, kit.quests.level(owner).number))
        assert (kit.quests.items(owner), len(kit.quests.badges(owner))) == ({"xp": 1}, 1)
        kit.clock.set(START + 2 * DAY)  # nothing holds any more
        assert kit.habits.undo(done.id).coins == -found[-1][0]
        assert wealth(kit, owner) == {"coins": 0, "xp": 0, "badges": set(), "items": {}}
        assert kit.coins.balance(owner, currency="gem").posted == 0
    assert found == [(3, 5, 7, 1), (4, 10, 10, 2), (4, 10, 10, 2), (3, 5, 7, 1)]

    kit.clock.set(START + HOUR)
    assert kit.habits.check_in(run.id).coins == 104  # a quest gives what it says
    assert rebuilt(kit) == ()


def test_the_receipt_decides_and_not_when_it_was_done(kit: TestKit, run: Habit) -> None:
    kit.quests.set_rules([Rule("done", HabitCompleted, give=Reward(coins=3))])
    kit.quests.boost(DOUBLE)
    kit.clock.set(START + HOUR)
    late = kit.habits.check_in(run.id, day=date(2026, 1, 1))
    kit.clock.set(START + DAY)
    after = kit.habits.check_in(run.id, at=START + 2 * HOUR)
    assert (late.coins, after.coins) == (6, 3)
    assert [kit.habits.undo(it.id).coins for it in (late, after)] == [-6, -3]
    assert kit.habits.check_in(run.id, day=date(2026, 1, 1)).coins == 3  # received again


def test_the_rules_of_the_economy_are_boosted_and_not_taken_over(store: Store) -> None:
    kit = habitkit.testing.kit(store=store)
    run = kit.habits.create("ada", "Run", Schedule.daily())
    before = kit.habits.check_in(run.id)
    kit.quests.boost(evolve(DOUBLE, end=START + 30 * DAY))
    done = []
    for _ in range(6):
        kit.clock.advance(days=1)
        done.append(kit.habits.check_in(run.id))
        if len(done) == 1:
            assert kit.habits.undo(before.id).coins == -10
            assert kit.habits.check_in(run.id, day=before.day).coins == 20
    assert [it.coins for it in done] == [20, 20, 20, 20, 20, 120]
    assert [it.revision for it in kit.quests.rule_versions()] == [0]
    assert kit.habits.undo(done[-1].id).coins == -120
    assert entitlements(store, "ada", [f"done:{run.id}:{it.day}:completion" for it in done]) == {
        f"done:{run.id}:{it.day}:completion": 20 for it in done[:-1]
    }

    nothing = CoinSettings(Economy.without_rewards("xp"))
    other = habitkit.testing.kit(store=store, coins=nothing, now=kit.clock.now())
    assert [it.name for it in other.quests.boosts()] == ["double"]
    kit.clock.advance(days=1)
    report = kit.quests.preview(kit.quests.rules().rules)
    assert report.totals == report.before == {"coin": kit.coins.balance("ada").posted}
    kit.quests.set_rules([Rule("done", HabitCompleted, give=Reward(coins=1))])
    assert kit.habits.check_in(run.id).coins == 2
    assert kit.habits.undo(done[-2].id).coins == -20


@frozen
class Score(Event):
    """A host's own event that says when it was received, so that it can be sent in any order."""

    game: int
    points: int
    done_at: datetime
    received_at: datetime

    @property
    def key(self) -> str:
        return f"score:{self.game}"


SCORES = [
    Rule("each", "Score", give=Reward(coins=per("points"), xp=4)),
    Rule("first", "Score", give=Reward(coins=10, xp=per("points", 2)), limit=PerDay(2)),
]
BOOSTS = [
    DOUBLE,
    Boost("more", "1.5", START + 6 * HOUR, START + 12 * HOUR, ["coin"], "additive"),
    Boost("most", "1.7", START + 9 * HOUR, START + 30 * HOUR, ["coin"], "additive"),
    Boost("top", 3, START + 10 * HOUR, START + 11 * HOUR, stacking="highest"),
]


def sent(kit: TestKit, scores: list[Score], *, retracted: bool = False) -> None:
    """Emit events in one batch, or take them back."""

    def work(tx: Transaction) -> None:
        tx.lock("ada")
        events = [Retracted("ada", tx.now, it.type, it.key) if retracted else it for it in scores]
        tx.emit("ada", events)

    kit.run(work)


def earned(scores: list[Score]) -> dict[str, int]:
    """Return what scores are due in coins and xp, computed from all of them at once."""
    first = sorted(scores, key=lambda it: (it.done_at, it.key))[:2]
    due = {}
    for each in scores:
        parts = {"each": each.points, "each:xp": 4}
        if each in first:
            parts |= {"first": 10, "first:xp": 2 * each.points}
        for part, amount in parts.items():
            currency = "xp" if part.endswith("xp") else "coin"
            due[f"{each.key}:{part}"] = boosted(amount, currency, each.received_at, BOOSTS)
    return {key: amount for key, amount in due.items() if amount}


def check_orders(
    stores: list[Store], scores: list[Score], gone: list[Score], orders: list[list[Score]]
) -> None:
    """Send scores in some orders, take some back, and compare with what they are due."""
    expected = earned([it for it in scores if it not in gone])
    keys = [f"{it.key}:{part}" for it in scores for part in ("each", "first")]
    keys += [f"{key}:xp" for key in keys]
    for store, order in zip(stores, orders, strict=True):
        kit = habitkit.testing.kit(store=store, coins=NO_REWARDS)
        kit.quests.set_rules(SCORES)
        for boost in BOOSTS:
            kit.quests.boost(boost)
        kit.clock.set(START + 3 * DAY)
        for number, score in enumerate(order):
            sent(kit, [score])
            if score in gone and number % 2:
                sent(kit, [score], retracted=True)
        sent(kit, gone, retracted=True)
        assert entitlements(store, "ada", keys) == expected
        coins = sum(amount for key, amount in expected.items() if not key.endswith("xp"))
        assert balances(kit) == (coins, sum(expected.values()) - coins)


@hypothesis.settings(max_examples=20)
@hypothesis.given(st.data())
def test_any_order_of_arrival_gives_the_same(data: st.DataObject) -> None:
    draw = data.draw
    number = st.integers(0, 32)
    scores = [
        Score("ada", START, game, draw(number), START + draw(number) * HOUR / 4, received)
        for game in range(draw(st.integers(1, 5)))
        for received in [START + draw(number) * HOUR]
    ]
    gone = [it for it in scores if draw(st.booleans())]
    orders = [draw(st.permutations(scores)) for _ in range(2)]
    check_orders([MemoryStore(), MemoryStore()], scores, gone, orders)


def test_the_next_one_that_moves_up_has_the_boost_of_its_own_receipt(store: Store) -> None:
    hours = [(1, 40), (2, 10), (3, 3)]  # when they were done, and received
    scores = [
        Score("ada", START, game, 7, START + done * HOUR, START + received * HOUR)
        for game, (done, received) in enumerate(hours)
    ]
    check_orders([store], scores, scores[:1], [scores[::-1]])


def test_a_boost_that_is_ended_early_leaves_what_was_received_before(
    kit: TestKit, run: Habit
) -> None:
    kit.quests.set_rules([Rule("done", HabitCompleted, give=Reward(coins=3))])
    kit.quests.boost(DOUBLE)
    kit.clock.set(START + HOUR)
    read = kit.habits.create("ada", "Read", Schedule.daily())
    before = kit.habits.check_in(run.id)
    kit.clock.set(START + 2 * HOUR)
    assert kit.quests.end_boost("double", START + 3 * HOUR) == evolve(DOUBLE, end=START + 3 * HOUR)
    ended = kit.quests.end_boost("double", by="zoe", note="too much")
    assert ended == evolve(DOUBLE, end=START + 2 * HOUR)
    assert kit.habits.check_in(read.id).coins == 3
    assert kit.habits.check_in(run.id, note="again").coins == 0  # it is evaluated again
    assert balances(kit)[0] == 9
    assert kit.habits.undo(before.id).coins == -3  # the second one, received without a boost, stays

    count = len(definitions(kit))
    kit.clock.advance(hours=1)
    for again in (None, START + 2 * HOUR):
        assert kit.quests.end_boost("double", again) == ended
    for wrong in (START + HOUR, START + 5 * HOUR):
        with pytest.raises(InvalidInput, match="at: expected"):
            kit.quests.end_boost("double", wrong)
    assert len(definitions(kit)) == count


def test_a_boost_is_replaced_or_withdrawn_until_it_begins(kit: TestKit) -> None:
    gem = evolve(DOUBLE, currencies=["gem"])
    first = Boost("a", 3, START + HOUR, START + DAY)
    for each in (DOUBLE, first, gem, gem):
        assert kit.quests.boost(each, by="zoe", note="spring") == each
    assert kit.quests.boosts() == kit.owned_by("ada").quests.boosts() == [gem, first]
    kept = [(it.kind, it.key, it.effective, it.by, it.note) for it in definitions(kit)]
    a, double = (("boost", it.name, it.start, "zoe", "spring") for it in (first, gem))
    assert kept == [double, a, double]
    assert kit.quests.end_boost("a") is None
    assert kit.quests.boosts() == [gem]
    with pytest.raises(NotFound):
        kit.quests.end_boost("a")

    kit.clock.set(START)
    assert kit.quests.boost(gem) == gem
    later = Boost("double", 2, START + 9 * DAY, START + 10 * DAY)
    for instant in (START, START + 5 * DAY):
        kit.clock.set(instant)
        with pytest.raises(DefinitionError, match="name: expected the name of no boost that has"):
            kit.quests.boost(later)
    kit.quests.boost(evolve(later, name="later"))
    assert kit.quests.boosts() == [gem, evolve(later, name="later")]


def test_what_does_not_fit_is_refused_and_an_owner_has_no_such_verbs(kit: TestKit) -> None:
    past = Boost("past", 2, kit.clock.now() - HOUR, START)
    far = Boost("far", 2, START, at("9999-12-31T23:59"))
    given: list[tuple[Any, str]] = [(past, "start"), (far, "end"), (2, "boost")]
    for wrong, name in given:
        with pytest.raises(InvalidInput, match=f"{name}: expected"):
            kit.quests.boost(wrong)
    with pytest.raises(UnknownCurrency):
        kit.quests.boost(evolve(DOUBLE, currencies=["coins"]))
    owned: Any = kit.owned_by("ada").quests
    assert not hasattr(owned, "boost")
    assert not hasattr(owned, "end_boost")
    assert kit.quests.boosts() == []


def test_there_are_at_most_100_boosts_that_are_not_over() -> None:
    kit = habitkit.testing.kit()
    for number in range(100):
        kit.quests.boost(evolve(DOUBLE, name=f"{number}"))
    with pytest.raises(DefinitionError, match="at most 100 boosts"):
        kit.quests.boost(DOUBLE)
    kit.quests.boost(evolve(DOUBLE, name="7", factor=5))
    kit.clock.set(DOUBLE.end)
    kit.quests.boost(evolve(DOUBLE, start=DOUBLE.end, end=DOUBLE.end + DAY))
    assert len(kit.quests.boosts()) == 101
