"""A thousand orders of one set of facts of all kinds: one state, one settled map, one balance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from attrs import evolve

import habitkit.testing
from habitkit import DayClock, FreezeRule, Goal, HabitKit, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.coins.store import COINS
from habitkit.testing import TestKit

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
DAY = timedelta(days=1)
LIVED = 30
FEW, MANY = 12, 1000

PLANS: dict[str, dict[str, Any]] = {
    "daily": {"schedule": Schedule.daily()},
    "daily with freezes": {"schedule": Schedule.daily(), "freezes": FreezeRule(3, 2)},
    "weekdays": {"schedule": Schedule.weekdays("mon", "tue", "thu", "sat")},
    "an amount": {"schedule": Schedule.daily(), "goal": Goal.at_least(3)},
    "a limit": {"schedule": Schedule.daily(), "goal": Goal.at_most(3, unrecorded="done")},
    "a quota": {"schedule": Schedule.quota(3), "clock": DayClock("Europe/Vienna", time(3))},
    "since last done": {"schedule": Schedule.every(2, anchor="last_done")},
    "nothing": {"schedule": Schedule.daily(), "goal": Goal.avoid()},
}


class Step(NamedTuple):
    """A fact that arrives, or the taking back of one."""

    name: str
    act: Callable[[TestKit, UUID], Any]
    undoes: str | None = None


class Outcome(NamedTuple):
    """What the facts alone decide."""

    state: str
    settled: frozenset[tuple[str, int]]
    balance: int
    true: frozenset[tuple[str, str]]


def steps(lots: Random) -> list[Step]:
    """Return what arrives in any order: check-ins, days that do not matter, freezes."""

    def day() -> date:
        return TODAY - lots.choice([0, 0, 1, 1, 2, 2, 3, 5, 8, 13, 21]) * DAY

    def check_in(on: date, amount: int) -> Callable[[TestKit, UUID], Any]:
        return lambda kit, habit: kit.habits.check_in(habit, day=on, amount=amount)

    all_steps = [
        Step(f"check-in {n}", check_in(day(), lots.choice([1, 2, 3, 4]))) for n in range(10)
    ]
    skipped, paused, away, old = day(), day(), day(), day() - 9 * DAY
    all_steps += [
        Step("skip", lambda kit, habit: kit.habits.skip(habit, skipped)),
        Step("pause", lambda kit, habit: kit.habits.pause(habit, paused, paused + 2 * DAY)),
        Step("away", lambda kit, _: kit.habits.pause_all("ada", away, away + DAY)),
        Step("freeze", lambda kit, it: kit.habits.grant_freeze(it, 2, effective_day=away)),
        Step("paper", lambda kit, it: kit.habits.backfill(it, [old], source="paper")),
    ]
    undone = lots.sample([it.name for it in all_steps if it.name != "paper"], 5)
    undone += [f"lived {n}" for n in lots.sample(range(LIVED), 4)]
    return all_steps + [Step(f"undo {name}", _nothing, name) for name in undone]


def _nothing(_: TestKit, __: UUID) -> None:
    """Undoing is done by name."""


def shuffled(all_steps: list[Step], lots: Random) -> list[Step]:
    """Return steps in any order in which nothing is taken back before it is there."""
    order = lots.sample(all_steps, len(all_steps))
    later = [step for step in order if step.undoes in {it.name for it in all_steps}]
    for step in later:
        order.remove(step)
        names: list[str | None] = [it.name for it in order]
        there = names.index(step.undoes) + 1
        order.insert(lots.randint(there, len(order)), step)
    return order


def play(plan: dict[str, Any], order: list[Step], lived: set[int]) -> Outcome:
    """Live a month day by day, then let the facts arrive at one instant."""
    store = MemoryStore()
    kit = habitkit.testing.kit(NOW - LIVED * DAY, store=store)
    habit = kit.habits.create("ada", "Run", **plan).id
    facts = {}
    for n in range(LIVED):
        facts[f"lived {n}"] = (
            kit.habits.check_in(habit, amount=2 + n % 3).id if n in lived else None
        )
        kit.clock.advance(days=1)
        if n % 5 == 0:
            kit.sweep()
    kit.habits.travel("ada", "Asia/Tokyo", NOW - 4 * DAY)
    for step in order:
        if step.undoes is None:
            facts[step.name] = getattr(step.act(kit, habit), "id", None)
        elif (fact := facts[step.undoes]) is not None:
            kit.habits.undo(fact)
    kit.sweep()
    assert kit.streaks.rebuild(habit).repaired == ()
    rows = store._stores._ports[COINS]._settled
    return Outcome(
        str(evolve(kit.streaks.state(habit), habit_id=UUID(int=0))),
        frozenset((row.key.replace(str(habit), "run"), row.amount) for row in rows if row.amount),
        kit.coins.balance("ada").posted,
        frozenset((name, key.replace(str(habit), "run")) for name, key in still_true(kit)),
    )


def still_true(kit: HabitKit) -> set[tuple[str, str]]:
    """Return the derived events that were emitted and not taken back."""
    true: set[tuple[str, str]] = set()
    for event in kit.events.page("ada", limit=1000):
        if event.type == "Retracted":
            true -= {(str(event.fields["of"]), str(event.key))}
        elif event.type in {"HabitCompleted", "StreakReached", "StreakBroken"}:
            true |= {(event.type, str(event.key))}
    return true


def outcomes(name: str, orders: int) -> set[Outcome]:
    """Return how so many orders of one set of facts end."""
    lots = Random(name)
    all_steps = steps(lots)
    lived = {n for n in range(LIVED) if lots.random() < 0.85}
    return {play(PLANS[name], shuffled(all_steps, lots), lived) for _ in range(orders)}


@pytest.mark.parametrize("name", PLANS)
def test_some_orders_have_one_outcome(name):
    (outcome,) = outcomes(name, FEW)

    assert outcome.balance == sum(amount for _, amount in outcome.settled)
    assert outcome.balance > 0 or name == "nothing"  # what nobody has recorded earns nothing
    assert outcome.true


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PLANS)
def test_a_thousand_orders_have_one_outcome(name):
    assert len(outcomes(name, MANY)) == 1
