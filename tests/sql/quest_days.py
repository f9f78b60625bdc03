"""A day of many owners with quests and reward rules: one action a number, for trials that many
threads run in at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from attrs import Factory, frozen

from habitkit import Goal, OfflineCheckIn, Schedule
from habitkit.coins import CoinSettings, Economy, Posting
from habitkit.errors import NotFound, Refused
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.predicates import field
from habitkit.quests import (
    Count,
    Levels,
    PerDay,
    PerSlot,
    Quest,
    ReachStreak,
    Reward,
    Rule,
    Sum,
    Tier,
    Window,
)
from habitkit.quests import (
    Sequence as InOrder,
)
from habitkit.testing import TestKit

READ = "book.read"
PRICE = 7

COINS = CoinSettings(Economy.without_rewards("xp"))


def rules(coins: int) -> list[Rule]:
    """Return rules of each kind, of which one gives so many coins."""
    return [
        Rule("done", HabitCompleted, give=Reward(coins=coins, xp=5)),
        Rule("first", HabitCompleted, give=Reward(coins=3), limit=PerDay(1)),
        Rule("saved", HabitCompleted, give=Reward(freezes=1), limit=PerSlot()),
        Rule("week", StreakReached, give=Reward(coins=50, badge="week")),
        Rule("pages", READ, field("pages") >= 10, Reward(item="bookmark"), PerDay(2)),
        Rule("quests", "QuestCompleted", give=Reward(xp=20)),
    ]


def quests(n: int) -> list[Quest]:
    """Return quests of each kind, of which some have this goal."""
    done = Count(HabitCompleted, n)
    return [
        Quest("some", "Some", done, reward=Reward(coins=40, badge="some")),
        Quest("claimed", "Claimed", Count(HabitCompleted, 1), reward=Reward(xp=60), claim="manual"),
        Quest("soon", "Soon", Count(HabitCompleted, 4), window=Window.from_start(1)),
        Quest("daily", "Daily", done, repeat="daily", start="auto", reward=Reward(coins=2)),
        Quest("books", "Books", Count(READ, 2), claim="manual", reward=Reward(item="lamp")),
        Quest("pages", "Pages", Sum(READ, "pages", 40), start="auto", tiers=(_TIER,)),
        Quest("both", "Both", InOrder(Count(READ, 1), done), reward=Reward(xp=5)),
        Quest("streak", "Streak", ReachStreak(2), start="auto", backdate=True),
        Quest.achievement("ever", "Ever", Count(HabitCompleted, 3), backdate=True),
        Quest.achievement(
            "after", "After", Count(READ, 1), requires=("ever",), reward=Reward(badge="reader")
        ),
    ]


_TIER = Tier(15, Reward(coins=4))
_STARTED = ("some", "claimed", "soon", "books", "both")


@frozen
class Owner:
    """An owner, the habits, and what was done that can be taken back."""

    name: str
    habits: Sequence[UUID]
    done: list[UUID] = Factory(list)
    paid: list[UUID] = Factory(list)


def define(kit: TestKit, n: int) -> None:
    """Define all rules and quests, with other numbers each time."""
    kit.quests.set_rules(rules(10 + n))
    for quest in quests(1 + n % 3):
        kit.quests.define(quest)


def begin(kit: TestKit, number: int) -> Owner:
    """Give an owner coins, habits and a quest."""
    name = f"owner {number:04}"
    kit.coins.award(name, 100, idempotency_key="welcome")
    kit.quests.start(name, "claimed")
    daily = Schedule.daily()
    habits = [
        kit.habits.create(name, "Run", daily),
        kit.habits.create(name, "No sugar", daily, Goal.avoid()),
        kit.habits.create(name, "Coffee", daily, Goal.at_most(2, unrecorded="done")),
    ]
    return Owner(name, [habit.id for habit in habits])


def prepare(kit: TestKit) -> None:
    """Define the first quests, rules, and the levels."""
    define(kit, 0)
    kit.quests.set_levels(Levels.linear(30, currency="xp"))


# -- the actions -----------------------------------------------------------------------------------


def check_in(kit: TestKit, owner: Owner, chance: random.Random, key: str) -> None:
    habit = chance.choice(owner.habits)
    amount = 1 if habit == owner.habits[0] else chance.choice([0, 0, 1])
    owner.done.append(kit.habits.check_in(habit, amount=amount, idempotency_key=key).id)


def check_in_late(kit: TestKit, owner: Owner, chance: random.Random, key: str) -> None:
    at = kit.clock.now() - timedelta(hours=chance.randint(1, 30))
    late = OfflineCheckIn(owner.habits[0], at=at, idempotency_key=key)
    kit.habits.check_in_many([late])


def undo(kit: TestKit, owner: Owner, _: random.Random, __: str) -> None:
    with suppress(IndexError):
        kit.habits.undo(owner.done.pop())


def start(kit: TestKit, owner: Owner, chance: random.Random, _: str) -> None:
    kit.quests.start(owner.name, chance.choice(_STARTED))


def claim(kit: TestKit, owner: Owner, _: random.Random, __: str) -> None:
    for run in kit.quests.progress(owner.name):
        if "claim" in run.allowed:
            kit.quests.claim(owner.name, run.quest)


def abandon(kit: TestKit, owner: Owner, chance: random.Random, _: str) -> None:
    kit.quests.abandon(owner.name, chance.choice(_STARTED))


def read(kit: TestKit, owner: Owner, chance: random.Random, key: str) -> None:
    kit.events.record(owner.name, READ, {"pages": chance.randint(1, 20)}, idempotency_key=key)


def look(kit: TestKit, owner: Owner, _: random.Random, __: str) -> None:
    kit.quests.progress(owner.name)
    kit.quests.available(owner.name)
    kit.quests.level(owner.name)


def spend(kit: TestKit, owner: Owner, _: random.Random, key: str) -> None:
    owner.paid.append(kit.coins.spend(owner.name, PRICE, idempotency_key=key).id)


def reverse(kit: TestKit, owner: Owner, _: random.Random, key: str) -> None:
    with suppress(IndexError):
        kit.coins.reverse(owner.paid.pop(), idempotency_key=key)


def skip(kit: TestKit, owner: Owner, chance: random.Random, _: str) -> None:
    kit.habits.skip(chance.choice(owner.habits), kit.clock.now().date())


ACTIONS: Sequence[Callable[[TestKit, Owner, random.Random, str], None]] = (
    *(check_in,) * 7,
    *(start,) * 5,
    *(read,) * 3,
    check_in_late,
    undo,
    undo,
    *(claim,) * 3,
    abandon,
    look,
    spend,
    reverse,
    skip,
)


def give(kit: TestKit, owners: Sequence[Owner], chance: random.Random, key: str) -> None:
    """Move coins and xp between owners: levels change with them."""
    one, other = chance.sample([owner.name for owner in owners], 2)
    if chance.random() < 0.5:
        kit.coins.transfer(one, other, PRICE, currency="xp", idempotency_key=key)
        return
    batch = [Posting.transfer(one, other, 3), Posting.transfer(other, one, 2)]
    kit.coins.post_many(batch, idempotency_key=key)


def do(kit: TestKit, owners: Sequence[Owner], number: int) -> None:
    """Do the action of a number."""
    chance, key = random.Random(number), f"action {number}"
    with suppress(Refused, NotFound):  # a quest is complete already, a wallet is empty
        if chance.random() < 0.1:
            give(kit, owners, chance, key)
        else:
            chance.choice(ACTIONS)(kit, chance.choice(owners), chance, key)
