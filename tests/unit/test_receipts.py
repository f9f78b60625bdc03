"""Facts with instants of their own end in the same payments, in whatever order they arrive."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from attrs import frozen

import habitkit.testing
from habitkit import Economy, RewardRule, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.coins import CoinSettings
from habitkit.coins.store import COINS
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.habits.domain.model import Habit
from habitkit.testing import TestKit

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = 16
CURRENCIES = ("coin", "xp")

STEADY = Economy.default()
CHANGING = (
    Economy(STEADY.rules, frozenset(CURRENCIES))
    .changed(
        START + 7 * 24 * HOUR + 15 * HOUR,
        (RewardRule("completion", HabitCompleted, 7, "xp"), RewardRule("more", HabitCompleted, 1)),
    )
    .changed(
        START + 11 * 24 * HOUR,
        (RewardRule("completion", HabitCompleted, 3), RewardRule("streak", StreakReached, 60)),
    )
)


@frozen
class Fact:
    """A check-in, and when it was received; with ``undone``, also when it was taken back."""

    name: int
    day: date
    received_at: datetime
    undone: datetime | None


def facts(random: Random, *, sealed: bool) -> list[Fact]:
    """Return what happened in two weeks: two runs of days, some of them several times, some undone.

    Args:
        random: Decides.
        sealed: True if some days are undone, or made up for, after they were sealed.
    """
    made: list[Fact] = []
    for n in range(DAYS):
        day = START + n * 24 * HOUR
        for _ in range(random.choice([0, 1, 1, 1, 1, 2, 3])):
            latest = 110 if sealed and random.random() < 0.2 else 70
            received_at = day + random.randrange(1, latest) * HOUR
            later = 200 if sealed and random.random() < 0.3 else 71
            undone = None
            if random.random() < 0.3:
                first = int((received_at - day) / HOUR)
                undone = day + random.randrange(first, max(later, first + 1)) * HOUR
            made.append(Fact(len(made), day.date(), received_at, undone))
    return made


def shuffled(facts: list[Fact], random: Random) -> list[tuple[Fact, bool]]:
    """Return check-ins and undos in any order, but each undo after its check-in."""
    steps = [(fact, back) for fact in facts for back in (False, True) if fact.undone or not back]
    random.shuffle(steps)
    seen: set[int] = set()
    order = []
    for fact, back in steps:
        first = fact.name not in seen
        seen.add(fact.name)
        order.append((fact, back if not fact.undone else not first))
    return order


Outcome = tuple[frozenset[tuple[str, str, int]], tuple[int, ...], list[date], object]


def play(order: list[tuple[Fact, bool]], economy: Economy) -> Outcome:
    """Let everything arrive, each at its instant, and return what was paid for what."""
    store = MemoryStore()
    kit = habitkit.testing.kit(START, store=store, coins=CoinSettings(economy))
    run = kit.habits.create("ada", "Run", Schedule.daily())
    ids: dict[int, UUID] = {}
    for fact, back in order:
        if back:
            assert fact.undone is not None
            kit.clock.set(fact.undone)
            kit.habits.undo(ids[fact.name])
        else:
            kit.clock.set(fact.received_at)
            ids[fact.name] = kit.habits.check_in(run.id, day=fact.day).id
    return outcome(kit, store, run)


def outcome(kit: TestKit, store: MemoryStore, run: Habit) -> Outcome:
    kit.clock.set(START + DAYS * 48 * HOUR)
    assert kit.streaks.rebuild(run.id).repaired == ()
    kit.sweep()
    assert kit.coins.audit().findings == ()
    settled = frozenset(
        (row.key.replace(str(run.id), ""), row.currency, row.amount)
        for row in store._stores._ports[COINS]._settled
        if row.amount
    )
    wanted = tuple(
        kit.coins.balance("ada", currency).posted
        for currency in CURRENCIES
        if currency in kit.run(lambda tx: tx.settings(CoinSettings).economy.currencies)
    )
    done = kit.streaks.done_days(run.id, START.date(), START.date() + timedelta(days=DAYS))
    return settled, wanted, done, kit.streaks.state(run.id).best


def check(seed: int, orders: int, economy: Economy, *, sealed: bool) -> None:
    random = Random(seed)
    made = facts(random, sealed=sealed)
    first = play(shuffled(made, random), economy)
    assert first[0]
    assert sum(amount for *_, amount in first[0]) == sum(first[1])
    for _ in range(orders - 1):
        assert play(shuffled(made, random), economy) == first


ECONOMIES = pytest.mark.parametrize("economy", [STEADY, CHANGING], ids=["steady", "changing"])


@ECONOMIES
@pytest.mark.parametrize("seed", range(6))
def test_the_same_facts_in_any_order_are_paid_the_same(seed, economy):
    check(seed, 12, economy, sealed=False)


@ECONOMIES
@pytest.mark.parametrize("seed", [0, 1, 103, 113, 125, 126])
def test_so_are_facts_that_come_after_their_day_is_sealed(seed, economy):
    check(seed, 12, economy, sealed=True)


@pytest.mark.slow
@ECONOMIES
@pytest.mark.parametrize("sealed", [False, True])
def test_a_thousand_orders_of_the_same_facts_are_paid_the_same(economy, sealed):
    check(99, 1_000, economy, sealed=sealed)
