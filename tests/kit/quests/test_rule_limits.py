"""Reward rules with limits and formulas: which events are the first ones, in whatever order."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from habitkit.events import Event, Retracted
from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import OfflineCheckIn, Schedule
from habitkit.predicates import field
from habitkit.quests import (
    Once,
    PerDay,
    PerSlot,
    Reward,
    Rule,
    per,
    steps,
)
from tests.kit.quests.support import (
    at,
    balances,
    entitlements,
    net,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction


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
