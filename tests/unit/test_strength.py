"""A strength of the host's own: whatever a kit says of it, ``evaluate`` says of the facts."""

from __future__ import annotations

import asyncio
import math
from datetime import date
from decimal import Decimal
from functools import partial
from random import Random

import pytest
from attrs import evolve

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, Schedule, ids
from habitkit.backends.memory import MemoryStore
from habitkit.errors import ConfigurationError
from habitkit.habits import HabitSettings, evaluate, smoothed
from habitkit.habits.domain.strength import name_of
from habitkit.habits.store import STREAKS
from habitkit.testing.contracts._base import read
from tests.kit.habits import scenarios
from tests.kit.habits.scenarios import Plan, Scenario, Step, all_facts, create

STEPS = ("now", "check_in", "check_in", "edit", "undo", "many", "pause", "change", "backfill")


def counted(previous, slot):
    """Count slots; it differs from the default after any of them."""
    return previous + 1 if slot.status == "DONE" else previous / 2 - 0.25


def kept_up(previous, slot):
    return 0.9 * previous + (0.1 if slot.status in {"DONE", "EXEMPT", "FROZEN"} else 0)


FUNCTIONS = (None, counted, kept_up, smoothed)


@pytest.fixture(autouse=True)
def lots_of_its_own(monkeypatch):
    monkeypatch.setattr(ids, "_random", Random(0))


def kit_on(store, now="2026-01-05T08:00Z", strength=None):
    return habitkit.testing.kit(now, store=store, habits=HabitSettings(strength))


def snapshot(store, habit):
    return read(store, lambda stores: stores.port(STREAKS).get(habit.id))


def weeks(kit, habit, days=40):
    for day in range(days):
        kit.clock.advance(days=1)
        if day % 6:
            kit.habits.check_in(habit.id)


@pytest.mark.parametrize("seed", range(12))
def test_each_kit_shows_the_strength_of_its_own_function(seed):
    lots, store = Random(seed), MemoryStore()
    kits = [kit_on(store, strength=strength) for strength in FUNCTIONS]
    number, clock = lots.randrange(len(scenarios.PLANS)), lots.randrange(len(scenarios.CLOCKS))
    plan = Plan(number, clock, lots.random() < 0.5)
    habit = create(kits[lots.randrange(4)], "ada", plan)
    sides = [Scenario(kit, store, habit) for kit in kits]
    for number in range(40):
        sides[lots.randrange(4)].take(Step(lots.choice(STEPS), lots.choice((0, 0, 1, 3, 9)), 4))
        for kit in kits:
            kit.clock.advance(days=number % 3)
        if number % 5:
            continue
        for kit, strength in zip(kits, FUNCTIONS, strict=True):
            now, facts = kit.clock.now(), all_facts(store, habit)
            said = evaluate(habit, facts, now=now, strength=strength)
            in_list = kit.streaks.today("ada")
            for state in (kit.streaks.state(habit.id), kit.streaks.simulate(habit.id), *in_list):
                assert evolve(state, strength=0) == evolve(said, strength=0)
                assert state.strength == pytest.approx(said.strength, abs=1e-9)


@pytest.mark.parametrize("schedule", [Schedule.daily(), Schedule.quota(3), Schedule.rolling(2, 4)])
def test_checkpoints_of_one_strength_function_are_not_used_by_another_and_are_rebuilt(schedule):
    store = MemoryStore()
    ours, other_kit = kit_on(store, strength=counted), kit_on(store, strength=kept_up)
    habit = ours.habits.create("ada", "Run", schedule)
    weeks(ours, habit)
    other_kit.clock.set(ours.clock.now())
    assert {it.strength_by for it in snapshot(store, habit).checkpoints} == {name_of(counted)}
    assert ours.rebuild().repaired == ()

    assert other_kit.rebuild().repaired == (habit.id,)

    assert {it.strength_by for it in snapshot(store, habit).checkpoints} == {name_of(kept_up)}
    assert other_kit.rebuild().repaired == ()
    said = evaluate(habit, all_facts(store, habit), now=ours.clock.now(), strength=counted)
    assert ours.streaks.state(habit.id) == said
    ours.habits.check_in(habit.id)
    assert {it.strength_by for it in snapshot(store, habit).checkpoints} == {name_of(counted)}


def test_a_kit_with_a_custom_strength_function_uses_no_checkpoints_of_another_kit():
    store = MemoryStore()
    usual, ours = kit_on(store), kit_on(store, strength=counted)
    habit = usual.habits.create("ada", "Run", Schedule.daily())
    never = usual.habits.create("ada", "Rest", Schedule.daily())
    weeks(usual, habit)
    ours.clock.set(usual.clock.now())

    assert {it.strength_by for it in snapshot(store, habit).checkpoints} == {""}
    said = evaluate(habit, all_facts(store, habit), now=ours.clock.now(), strength=counted)
    of_none = evaluate(never, [], now=ours.clock.now(), strength=counted)
    assert ours.streaks.state(habit.id) == said
    assert ours.streaks.state(never.id) == of_none
    assert ours.streaks.today("ada") == [said, of_none]
    assert of_none.strength < 0

    ours.clock.advance(days=1)
    before = ours.coins.balance("ada").available
    assert ours.habits.check_in(habit.id).coins == 10
    assert ours.coins.balance("ada").available == before + 10
    assert snapshot(store, habit).checkpoints
    assert kit_on(store, ours.clock.now()).streaks.state(habit.id).strength <= 1


def test_the_default_by_name_is_the_default():
    store = MemoryStore()
    kit = kit_on(store, strength=smoothed)
    habit = kit.habits.create("ada", "Run", Schedule.daily())
    weeks(kit, habit)

    assert {it.strength_by for it in snapshot(store, habit).checkpoints} == {""}


def test_every_kind_of_kit_takes_one(tmp_path):
    url = f"sqlite:///{tmp_path}/habits.db"
    with HabitKit.open(url, habits=HabitSettings(counted)) as kit:
        run = kit.habits.create("ada", "Run", Schedule.weekdays("mon", "sun"))
        kit.habits.check_in(run.id, day=run.created_at.date())
        alone = kit.owned_by("ada").streaks.state(run.id)
        assert alone == kit.run(lambda tx: habitkit.habits.queries.state(tx, run.id))
        expected = float(alone.status == "DONE")

    async def there():
        async with await AsyncHabitKit.open(url, habits=HabitSettings(counted)) as kit:
            return await kit.streaks.state(run.id)

    assert alone.strength == asyncio.run(there()).strength == expected


@pytest.mark.parametrize("wrong", ["smoothed", 0.5])
def test_an_object_that_cannot_be_called_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="expected a function"):
        habitkit.testing.kit(habits=HabitSettings(wrong))


class Steady:
    """A strength with a state of its own."""

    def __call__(self, previous, _):
        return previous


@pytest.mark.parametrize(
    ("strength", "name"),
    [
        (smoothed, ""),
        (counted, f"{__name__}.counted"),
        (Steady(), f"{__name__}.Steady"),
        (partial(counted, 0.5, slot=1), f"{__name__}.counted(0.5,)[('slot', 1)]"),
    ],
)
def test_functions_have_names(strength, name):
    assert name_of(strength) == name


def test_open_slots_are_not_passed_to_a_strength_function():
    def strict(previous, slot):
        return previous + {"DONE": 0.1, "MISSED": -0.1, "EXEMPT": 0, "FROZEN": 0}[slot.status]

    kit = habitkit.testing.kit(now="2026-01-05T12:00Z", habits=HabitSettings(strict))
    run = kit.habits.create("ada", "Run", Schedule.daily())
    for _ in range(9):
        kit.habits.check_in(run.id)
        kit.clock.advance(days=1)

    assert kit.streaks.state(run.id).strength == pytest.approx(0.9)


@pytest.mark.parametrize("wrong", [None, "x", math.nan, math.inf, Decimal("0.5")])
def test_a_strength_function_that_returns_no_number_is_refused_at_once(wrong):
    kit = habitkit.testing.kit(now="2026-01-05T12:00Z", habits=HabitSettings(lambda _, __: wrong))
    run = kit.habits.create("ada", "Run", Schedule.daily())

    with pytest.raises(ConfigurationError, match=r"expected a finite number from .*lambda"):
        kit.habits.check_in(run.id)

    assert kit.streaks.done_days(run.id, date(2026, 1, 1), date(2026, 1, 31)) == []


def test_a_strength_function_may_declare_a_name_of_its_own():
    def stepping(step):
        def strength(previous, slot):
            return previous + step * (slot.status == "DONE")

        return strength

    first, second = stepping(0.1), stepping(0.2)
    assert name_of(first) == name_of(second)
    first.name, second.name = "by 0.1", "by 0.2"
    assert (name_of(first), name_of(second)) == ("by 0.1", "by 0.2")
