"""An economy that changes: for a fact the rules at its receipt hold."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest

import habitkit.testing
from habitkit.coins import CoinSettings
from habitkit.coins.domain.economy import Economy, RewardRule
from habitkit.coins.store import LEDGER
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.habits.domain.model import Schedule
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, events_of

HOUR = timedelta(hours=1)
CHANGE = NOW + HOUR
TODAY = NOW.date()
ECONOMY = Economy(
    rules=(
        RewardRule("completion", HabitCompleted, 10),
        RewardRule("bonus", HabitCompleted, 2, "gem"),
        RewardRule("streak", StreakReached, 50),
    ),
    currencies=frozenset({"coin", "xp", "gem"}),
).changed(
    CHANGE,
    (
        RewardRule("completion", HabitCompleted, 7, "xp"),
        RewardRule("streak", StreakReached, 60),
    ),
)
OLD, NEW = {"coin": 10, "gem": 2, "xp": 0}, {"coin": 0, "gem": 0, "xp": 7}
NOTHING = {"coin": 0, "gem": 0, "xp": 0}


class TestChangedEconomies:
    @pytest.fixture
    def changing(self, store):
        """A kit whose economy changes at nine o'clock."""
        return habitkit.testing.kit(store=store, coins=CoinSettings(ECONOMY))

    @pytest.fixture
    def swim(self, changing):
        """A daily habit of ada's."""
        return changing.habits.create("ada", "Swim", Schedule.daily())

    def test_facts_received_before_a_rule_change_are_paid_by_the_old_rules(self, changing, swim):
        changing.clock.set(CHANGE - timedelta.resolution)
        changing.habits.check_in(swim.id)
        assert _held(changing) == OLD

        changing.clock.set(CHANGE)
        changing.habits.check_in(swim.id, day=TODAY - timedelta(days=1))

        assert _held(changing) == {"coin": 10, "gem": 2, "xp": 7}

    def test_a_reward_paid_by_the_old_rules_is_taken_back_by_them(self, changing, swim):
        done = changing.habits.check_in(swim.id)
        changing.clock.set(CHANGE)

        changing.habits.undo(done.id)
        assert _held(changing) == NOTHING

        changing.habits.check_in(swim.id)
        assert _held(changing) == NEW

    def test_undoing_the_first_of_two_check_ins_leaves_the_day_to_the_rules_of_the_second(
        self, changing, swim
    ):
        first = changing.habits.check_in(swim.id)
        changing.clock.set(CHANGE)
        second = changing.habits.check_in(swim.id)
        assert _held(changing) == OLD

        undone = changing.habits.undo(first.id)
        assert undone.events[0].type == "HabitCompleted"
        assert _held(changing) == NEW
        assert changing.streaks.state(swim.id).done_today

        changing.habits.undo(second.id)
        assert _held(changing) == NOTHING

    def test_undoing_the_second_of_two_check_ins_changes_nothing(self, changing, swim):
        changing.habits.check_in(swim.id)
        changing.clock.set(CHANGE)
        second = changing.habits.check_in(swim.id)

        assert changing.habits.undo(second.id).events == ()
        assert _held(changing) == OLD

    def test_a_check_in_received_by_a_clock_that_went_back_follows_the_old_rules(
        self, changing, swim
    ):
        changing.clock.set(CHANGE)
        late = changing.habits.check_in(swim.id)
        assert _held(changing) == NEW
        changing.clock.set(NOW)

        early = changing.habits.check_in(swim.id)
        assert _held(changing) == OLD
        changing.habits.undo(early.id)
        assert _held(changing) == NEW
        changing.habits.undo(late.id)
        assert _held(changing) == NOTHING

    def test_a_streak_is_paid_by_the_rules_of_its_last_day(self, changing, swim):
        changing.clock.set(CHANGE - timedelta(days=6))
        for _ in range(6):
            changing.habits.check_in(swim.id)
            changing.clock.advance(days=1)
        assert _held(changing)["coin"] == 60
        changing.clock.set(CHANGE - timedelta.resolution)
        first = changing.habits.check_in(swim.id)
        assert _held(changing)["coin"] == 120

        changing.clock.set(CHANGE)
        second = changing.habits.check_in(swim.id)
        changing.habits.undo(first.id)

        assert _held(changing) == {"coin": 120, "gem": 12, "xp": 7}
        changing.habits.undo(second.id)
        assert _held(changing) == {"coin": 60, "gem": 12, "xp": 0}

    def test_the_order_of_arrival_makes_no_difference(self, store):
        arrivals = [NOW, CHANGE, CHANGE + HOUR]
        outcomes = set()
        for number, order in enumerate(permutations(range(3))):
            for undone in range(3):
                kit = habitkit.testing.kit(store=store, coins=CoinSettings(ECONOMY))
                owner = f"ada{number}/{undone}"
                habit = kit.habits.create(owner, "Swim", Schedule.daily())
                facts = {}
                for position in order:
                    kit.clock.set(arrivals[position])
                    facts[position] = kit.habits.check_in(habit.id, day=TODAY).id
                kit.clock.set(CHANGE + HOUR)
                kit.habits.undo(facts[undone])
                kept = read(
                    store,
                    partial(_entitlements, owner),
                )
                paid = tuple((row.currency, row.amount) for row in kept if row.amount)
                outcomes.add((undone, tuple(_held(kit, owner).items()), paid))

        assert len(outcomes) == 3, "one for each of the facts that may be undone"
        assert {undone: dict(held) for undone, held, _ in outcomes} == {0: NEW, 1: OLD, 2: OLD}

    def test_events_contain_when_the_first_check_in_was_received(self, changing, swim):
        changing.clock.set(CHANGE)
        changing.habits.check_in(swim.id)

        (completed,) = (e for e in events_of(changing, "ada") if e.type == "HabitCompleted")
        assert completed.fields["received_at"] == CHANGE.isoformat()


def _entitlements(owner, stores):
    return stores.port(LEDGER).entitlements(owner, None, 9)


def _held(kit, owner="ada"):
    return {currency: kit.coins.balance(owner, currency).posted for currency in NOTHING}
