"""Habits and coins together: what is done is paid for, what is undone taken back."""

from __future__ import annotations

import pytest

import habitkit.testing
from habitkit.coins import InsufficientFunds
from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import Schedule
from habitkit.reactions import on
from habitkit.testing.contracts._sample_facts import NOW, days
from habitkit.testing.contracts._sample_ledger import sum_of_all
from tests.kit.coins.support import traces_of

TODAY = NOW.date()


class TestRewards:
    @pytest.fixture
    def run(self, kit, store):
        """A daily habit of ada's."""
        return kit.habits.create("ada", "Run", Schedule.daily())

    def test_a_done_day_pays_once(self, kit, run, store):
        assert kit.habits.check_in(run.id).coins == 10
        assert kit.habits.check_in(run.id).coins == 0

        assert kit.coins.balance("ada").available == 10
        (entry,) = kit.coins.statement("ada")
        assert (entry.kind, entry.amount) == ("reward", 10)
        assert sum_of_all(store, "ada") == 0

    def test_a_week_pays_more_at_its_end(self, kit, run):
        paid = []
        for _ in range(8):
            paid.append(kit.habits.check_in(run.id).coins)
            kit.clock.advance(days=1)

        assert paid == [10, 10, 10, 10, 10, 10, 60, 10]

    def test_what_an_undone_check_in_earned_is_taken_back(self, kit, run, store):
        done = kit.habits.check_in(run.id)

        undone = kit.habits.undo(done.id)

        assert undone.coins == -10
        assert kit.coins.balance("ada").posted == 0
        assert [e.kind for e in kit.coins.statement("ada")] == ["correction", "reward"]
        assert kit.habits.undo(done.id).coins == 0
        assert sum_of_all(store, "ada") == 0

    def test_a_taken_back_reward_that_was_spent_is_a_debt_that_blocks_spending(
        self, kit, run, store
    ):
        done = kit.habits.check_in(run.id)
        kit.coins.spend("ada", 10, idempotency_key="hat")

        assert kit.habits.undo(done.id).coins == -10

        owing = kit.coins.balance("ada")
        assert (owing.posted, owing.available) == (-10, 0)
        before = traces_of(kit, store, "ada")
        with pytest.raises(InsufficientFunds):
            kit.coins.spend("ada", 1, idempotency_key="shoe")
        with pytest.raises(InsufficientFunds):
            kit.coins.transfer("ada", "bob", 1, idempotency_key="gift")
        assert traces_of(kit, store, "ada") == before
        kit.coins.award("ada", 4, idempotency_key="mercy")
        assert kit.coins.balance("ada").posted == -6
        kit.coins.award("ada", 8, idempotency_key="more")
        assert kit.coins.balance("ada").available == 2
        assert kit.coins.spend("ada", 2, idempotency_key="shoe").amount == 2
        assert sum_of_all(store, "ada") == 0

    def test_checking_in_again_pays_again(self, kit, run):
        done = kit.habits.check_in(run.id)
        kit.coins.spend("ada", 10, idempotency_key="hat")
        kit.habits.undo(done.id)

        assert kit.habits.check_in(run.id).coins == 10

        assert kit.coins.balance("ada").posted == 0
        assert [entry.amount for entry in kit.coins.statement("ada")] == [10, -10, -10, 10]

    def test_undoing_the_seventh_day_takes_the_weeks_reward_back(self, kit, run):
        for _ in range(6):
            kit.habits.check_in(run.id)
            kit.clock.advance(days=1)
        seventh = kit.habits.check_in(run.id)
        assert kit.coins.balance("ada").posted == 120

        assert kit.habits.undo(seventh.id).coins == -60
        assert kit.habits.check_in(run.id).coins == 60

    def test_a_late_check_in_earns_nothing(self, kit, run):
        late = kit.habits.check_in(run.id, day=TODAY - days(3))

        assert (late.credit, late.coins) == ("history", 0)
        assert kit.coins.balance("ada").posted == 0

    def test_an_imported_history_earns_nothing(self, kit, run):
        kit.habits.backfill(run.id, [TODAY - days(n) for n in range(30)], source="paper")

        assert kit.coins.balance("ada").posted == 0

    def test_a_check_in_of_ones_own_makes_a_day_of_history_pay(self, kit, run):
        kit.habits.backfill(run.id, [TODAY - days(n) for n in range(7)], source="paper")

        done = kit.habits.check_in(run.id)

        assert (done.streak.slots, done.coins) == (7, 10)
        assert kit.habits.undo(done.id).coins == -10
        assert kit.streaks.state(run.id).done_today

    def test_what_a_sealed_day_earned_is_kept(self, kit, run):
        done = kit.habits.check_in(run.id)
        kit.clock.advance(days=4)

        undone = kit.habits.undo(done.id)

        assert (undone.coins, undone.streak.slots) == (0, 0)
        assert kit.coins.balance("ada").posted == 10

    def test_several_habits_pay_into_one_wallet(self, kit, run):
        read = kit.habits.create("ada", "Read", Schedule.daily())

        kit.habits.check_in(run.id)
        kit.habits.check_in(read.id)

        assert kit.coins.balance("ada").posted == 20

    def test_a_check_in_that_fails_after_it_paid_leaves_no_trace_of_the_payment(
        self, kit, store, run
    ):
        def refuse(*_):
            raise ValueError

        refusing = habitkit.testing.kit(store=store, reactions=[on(HabitCompleted, refuse)])
        before = traces_of(kit, store, "ada")

        with pytest.raises(ValueError):
            refusing.habits.check_in(run.id)

        assert traces_of(kit, store, "ada") == before
        assert kit.habits.check_in(run.id).coins == 10
        assert sum_of_all(store, "ada") == 0
