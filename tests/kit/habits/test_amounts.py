"""Amounts are exact decimals, compared as they were typed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import habitkit.testing
from habitkit.errors import IdempotencyConflict
from habitkit.habits import InvalidHabit
from habitkit.habits.domain import loop
from habitkit.habits.domain.model import Goal, OfflineCheckIn, Refusal, Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from habitkit.habits.domain.goals import Fold
    from habitkit.habits.domain.streaks import Slot
    from habitkit.store import Store
    from habitkit.testing import TestKit

TODAY = NOW.date()
DAY = timedelta(days=1)
DAILY = Schedule.daily()
LARGEST = Decimal("9.99999999999999999999999999999E+308")
NO_AMOUNTS: list[Any] = [
    *(-1, -0.1, Decimal("-1E-9"), True, False, "1", b"1", 1j, Fraction(1, 2), [1]),
    *(float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")),
    *(10**309, Decimal("1E+309"), Decimal("1E-325"), Decimal("1E+999999"), 10**5000),
    *(2**100, Decimal("0.1234567890123456789012345678901")),
]

numbers = st.one_of(
    st.integers(0, 10**15),
    st.floats(0, 1e15),
    st.floats(0, allow_infinity=False),
    st.decimals(0, 10**6, places=2),
    st.decimals(0, 10**12, places=9),
)
several = st.lists(numbers, min_size=1, max_size=6)


def _slot(kit: TestKit, habit_id: UUID) -> Slot:
    (slot,) = kit.streaks.history(habit_id, TODAY, TODAY)
    return slot


def _amounts(store: Store, habit_id: UUID) -> list[Decimal]:
    return [fact.amount for fact in read(store, lambda s: s.port(HABITS).live(habit_id))]


class TestGoals:
    """What is compared is what was typed."""

    @pytest.mark.parametrize(
        ("goal", "amounts"),
        [
            (Goal.at_least(0.3), (0.1, 0.2)),
            (Goal.at_least(0.3), (0.2, 0.1)),
            (Goal.at_least(1), [0.1] * 10),
            (Goal.at_least(Decimal("1.1")), (1.1,)),
            (Goal.at_least(1.1), (Decimal("1.10"),)),
            (Goal.at_least(2**53 + 1), (2**53, 1)),
            (Goal.at_least(LARGEST, fold="max"), (1, LARGEST)),
            (Goal.at_most(0.3), [0.1] * 3),
            (Goal.at_most(0.3, fold="last"), (5, 0.3)),
            (Goal.at_most(1e16), (1e16, 0)),
            (Goal.between(0.3, 0.3), (0.1, 0.1, 0.1)),
            (Goal.between(0.7, 0.8), (0.1, 0.7)),
        ],
        ids=str,
    )
    def test_what_is_typed_meets_a_goal_to_the_digit(
        self, kit: TestKit, goal: Goal, amounts: Any
    ) -> None:
        habit = kit.habits.create("ada", "Run", DAILY, goal)
        for amount in amounts:
            kit.habits.check_in(habit.id, amount=amount)
            kit.clock.advance(seconds=1)
        kit.clock.advance(days=1)

        assert (_slot(kit, habit.id).status, _slot(kit, habit.id).progress) == ("DONE", 1.0)

    @pytest.mark.parametrize(
        ("goal", "amounts"),
        [
            (Goal.at_least(Decimal("0.30000000000000000000000001")), (0.1, 0.2)),
            (Goal.at_least(2**53 + 1), (2**53,)),
            (Goal.at_least(1e16, fold="max"), (10**16 - 1, 1)),
            (Goal.at_most(0.3), (0.1, 0.2, Decimal("1E-28"))),
            (Goal.at_most(1e300), (1e300, 5e-324)),
            (Goal.between(1, 2, fold="last"), (1.5, Decimal("2.00000000000000000001"))),
        ],
        ids=str,
    )
    def test_a_goal_is_missed_by_the_smallest_difference(
        self, kit: TestKit, goal: Goal, amounts: Any
    ) -> None:
        habit = kit.habits.create("ada", "Run", DAILY, goal)
        for amount in amounts:
            kit.habits.check_in(habit.id, amount=amount)
            kit.clock.advance(seconds=1)
        kit.clock.advance(days=1)

        assert _slot(kit, habit.id).status == "MISSED"

    def test_equal_amounts_are_equal_values_that_read_the_same(
        self, kit: TestKit, store: Store
    ) -> None:
        typed: list[Any] = [100, 100.0, Decimal(100), Decimal("100.00"), Decimal("1E+2")]
        goals = [Goal.at_least(amount) for amount in typed]
        assert len(set(goals)) == len(set(map(repr, goals))) == 1
        habits = [kit.habits.create("ada", "Run", DAILY, goal) for goal in goals]
        for habit in habits:
            for amount in typed:
                kit.habits.check_in(habit.id, amount=amount)

        for habit in habits:
            assert repr(kit.habits.get(habit.id).goal.low) == "Decimal('100')"
            assert repr(_amounts(store, habit.id)) == repr([Decimal(100)] * 5)
            assert repr(_slot(kit, habit.id).amount) == "Decimal('500')"

    def test_an_amount_is_1_by_default_and_0_has_no_sign(self, kit: TestKit, store: Store) -> None:
        habit = kit.habits.create("ada", "Coffee", DAILY, Goal.at_most(-0.0))
        kit.habits.check_in(habit.id)
        kit.clock.advance(seconds=1)
        kit.habits.check_in(habit.id, amount=-0.0)

        assert repr(_amounts(store, habit.id)) == "[Decimal('1'), Decimal('0')]"
        assert repr(kit.habits.get(habit.id).goal.high) == "Decimal('0')"

    def test_a_changed_goal_is_kept_to_the_digit(self, kit: TestKit) -> None:
        habit = kit.habits.create("ada", "Run", DAILY)
        goal = Goal.between(Decimal("0.1234567890123456789"), LARGEST)
        kit.habits.change_schedule(habit.id, goal=goal)

        assert repr(kit.streaks.explain(habit.id, TODAY).goal) == repr(goal)


class TestProgress:
    """How far a goal is reached is a float, computed from exact decimals."""

    @settings(max_examples=60, deadline=None)
    @given(several, numbers.filter(bool), st.sampled_from(("sum", "max", "last")))
    def test_folds_progress_and_status_are_those_of_fractions(
        self, amounts: list[Any], bound: Any, fold: Fold
    ) -> None:
        kit = habitkit.testing.kit()
        low = kit.habits.create("ada", "Run", DAILY, Goal.at_least(bound, fold=fold))
        high = kit.habits.create("ada", "Sugar", DAILY, Goal.at_most(bound, fold=fold))
        for amount in amounts:
            kit.habits.check_in(low.id, amount=amount)
            kit.habits.check_in(high.id, amount=amount)
            kit.clock.advance(seconds=1)
        kit.clock.advance(days=1)

        limit, *exact = (Fraction(str(number)) for number in (bound, *amounts))
        folded = {"sum": sum(exact), "max": max(exact), "last": exact[-1]}[fold]
        reached, kept = _slot(kit, low.id), _slot(kit, high.id)
        assert reached.amount is not None
        assert Fraction(reached.amount) == folded
        assert reached.progress == float(min(Fraction(1), folded / limit))
        assert reached.status == ("DONE" if folded >= limit else "MISSED")
        assert kept.progress == float(min(Fraction(1), max(Fraction(0), 2 - folded / limit)))
        assert kept.status == ("DONE" if folded <= limit else "MISSED")

    def test_the_hosts_decimal_context_changes_nothing(self, kit: TestKit) -> None:
        habit = kit.habits.create("ada", "Run", DAILY, Goal.at_least(Decimal("2.46915")))
        with localcontext(Context(prec=2, traps=[Inexact])):
            kit.habits.check_in(habit.id, amount=1.234575)
            done = kit.habits.check_in(habit.id, amount=1.234575)
            slot = _slot(kit, habit.id)

        assert (done.status, slot.amount, slot.progress) == ("DONE", Decimal("2.46915"), 1.0)


class TestUseCases:
    """Every way in takes the same numbers and refuses the same."""

    def test_what_is_no_amount_is_refused_everywhere(self, kit: TestKit) -> None:
        habit = kit.habits.create("ada", "Run", DAILY, Goal.at_most(5))
        done = kit.habits.check_in(habit.id, amount=2)
        calls: list[tuple[str, Callable[[Any], object]]] = [
            ("amount", lambda amount: kit.habits.check_in(habit.id, amount=amount)),
            ("amount", lambda amount: kit.habits.edit(done.id, amount=amount)),
            ("low", Goal.at_least),
            ("high", Goal.at_most),
            ("low", lambda amount: Goal.between(amount, 9)),
        ]

        for no_amount in NO_AMOUNTS:
            for what, call in calls:
                with pytest.raises(InvalidHabit, match=f"^{what}: expected a finite number of at"):
                    call(no_amount)
            (refused,) = kit.habits.check_in_many([OfflineCheckIn(habit.id, amount=no_amount)])
            assert isinstance(refused, Refusal)
            assert refused.error == "InvalidHabit"
            assert refused.reason.startswith("amount: expected a finite number")
        assert _slot(kit, habit.id).amount == 2

    def test_an_error_says_what_is_accepted(self, kit: TestKit) -> None:
        habit = kit.habits.create("ada", "Run", DAILY)
        with pytest.raises(InvalidHabit) as refusal:
            kit.habits.check_in(habit.id, amount=Decimal("1E+400"))

        assert str(refusal.value) == (
            "amount: expected a finite number of at least 0 (int, Decimal or float): 0, or from "
            "1E-324 to below 1E309 with at most 30 significant digits, got Decimal('1E+400')"
        )

    def test_an_edit_and_a_batch_take_decimals(self, kit: TestKit, store: Store) -> None:
        habit = kit.habits.create("ada", "Run", DAILY, Goal.at_least(0.3))
        short = kit.habits.check_in(habit.id, amount=Decimal("0.05"))
        first, second = kit.habits.check_in_many(
            [
                OfflineCheckIn(habit.id, TODAY, amount=Decimal("0.10")),
                OfflineCheckIn(habit.id, TODAY, amount=0.1),
            ]
        )
        assert not isinstance(first, Refusal)
        assert not isinstance(second, Refusal)
        assert second.status == "OPEN"

        edited = kit.habits.edit(short.id, amount=0.1)

        assert (edited.status, _slot(kit, habit.id).amount) == ("DONE", Decimal("0.3"))
        assert repr(_amounts(store, habit.id)) == repr([Decimal("0.1")] * 3)

    def test_the_same_number_is_the_same_request(self, kit: TestKit) -> None:
        habit = kit.habits.create("ada", "Run", DAILY, Goal.at_least(5))
        for typed in (5, 5.0, Decimal(5), Decimal("5.00"), Decimal("0.5E+1")):
            made = kit.habits.create(
                "ada", "Walk", DAILY, Goal.at_least(typed), idempotency_key="h"
            )
            assert made == kit.habits.get(made.id)
            done = kit.habits.check_in(habit.id, amount=typed, idempotency_key="c")
            kit.habits.change_schedule(habit.id, goal=Goal.at_most(typed), idempotency_key="s")
            assert done.status == "DONE"
        assert kit.habits.check_in(habit.id, amount=1, idempotency_key="1").id == (
            kit.habits.check_in(habit.id, amount=1.0, idempotency_key="1").id
        )
        for other in (6, Decimal("5.0000000000000000000001")):
            with pytest.raises(IdempotencyConflict, match="amount"):
                kit.habits.check_in(habit.id, amount=other, idempotency_key="c")
            with pytest.raises(IdempotencyConflict, match="goal"):
                kit.habits.create("ada", "Walk", DAILY, Goal.at_least(other), idempotency_key="h")

    def test_a_rebuild_finds_what_was_derived_from_decimals(self, kit: TestKit) -> None:
        habit = kit.habits.create("ada", "Run", DAILY, Goal.at_least(0.3))
        for amount in (0.1, 0.2, Decimal("1E-324")):
            kit.habits.check_in(habit.id, amount=amount)

        assert kit.streaks.rebuild(habit.id).repaired == ()

    def test_loops_thousandths_meet_a_target_as_typed(self) -> None:
        marks = {TODAY: 300, TODAY + DAY: 301}
        for target in (0.3, Decimal("0.3"), Decimal("0.300")):
            runs = {
                kind: loop.streaks(
                    marks,
                    frequency=loop.Frequency(),
                    end=TODAY + DAY,
                    target=loop.Target(target, kind),
                )
                for kind in ("at_least", "at_most")
            }
            assert runs == {
                "at_least": [loop.Run(TODAY, TODAY + DAY)],
                "at_most": [loop.Run(TODAY, TODAY)],
            }
