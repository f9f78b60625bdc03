"""Properties of streaks: after any history the kit says what the facts of all kinds say."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit.habits.domain.model import Schedule
from tests.kit.habits.scenarios import (
    DAILY,
    PLANS,
    STEPS,
    Plan,
    Scenario,
    Step,
    assert_lawful,
    create,
    end_of,
)
from tests.kit.support import examples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.habits.domain.model import Goal
    from habitkit.store import Store

_PLANS = st.builds(Plan, st.integers(0, len(PLANS) - 1), st.integers(0, 2), st.booleans())
_OFTEN = ("now", "check_in", "wait", "wait", "undo", "sweep")
_HISTORIES = st.lists(
    st.builds(
        Step,
        st.sampled_from((*STEPS, *_OFTEN)),
        st.sampled_from((0, 0, 1, 2, 3, 5, 12, -1)),
        st.integers(0, 12),
    ),
    max_size=14,
)
_UNORDERED = ("check_in", "backfill", "skip", "pause", "pause_all", "freeze", "sweep")


@st.composite
def _orders(draw: st.DrawFn) -> tuple[list[Step], list[int], list[int]]:
    """Draw steps and two orders of their numbers; what comes a second time is undone then."""
    kinds = st.sampled_from(("check_in", "check_in", *_UNORDERED))
    steps = draw(st.lists(st.builds(Step, kinds, st.integers(0, 9), st.integers(0, 7)), max_size=9))
    undone = [n for n, step in enumerate(steps) if step.kind != "backfill" and step.m % 3 == 0]
    numbers = [*range(len(steps)), *undone]
    return steps, numbers, draw(st.permutations(numbers))


class TestStreakProperties:
    """After any history the kit says what the facts say."""

    def test_after_any_history_the_kits_results_equal_those_of_the_facts(
        self, store: Store
    ) -> None:
        owners = count()

        @examples(store, in_memory=20, in_sqlite=5)
        @given(st.lists(_PLANS, min_size=1, max_size=2), _HISTORIES)
        def check(plans: list[Plan], steps: list[Step]) -> None:
            kit, owner = habitkit.testing.kit(store=store), f"law{next(owners)}"
            habits = [create(kit, owner, plan) for plan in plans]
            habits.append(kit.habits.create(owner, "Walk", DAILY))
            scenarios = [Scenario(kit, store, habit) for habit in habits]
            for number, step in enumerate(steps):
                scenarios[number % len(scenarios)].take(step)
            for habit in habits:
                assert_lawful(kit, store, habit)
            kit.sweep()
            for habit in habits:
                assert_lawful(kit, store, habit)

        check()

    @pytest.mark.parametrize("plans", [PLANS[:1], PLANS[1:]], ids=["plain", "others"])
    def test_facts_of_all_kinds_in_any_order_give_one_state_and_one_balance(
        self, store: Store, plans: Sequence[tuple[Schedule, Goal]]
    ) -> None:
        owners = count()
        lived = st.lists(st.booleans(), min_size=1, max_size=12)
        last = PLANS.index(plans[-1])
        chosen = _PLANS.map(lambda plan: plan._replace(number=last - plan.number % len(plans)))

        @examples(store, in_memory=20, in_sqlite=5)
        @given(chosen, lived, st.sets(st.integers(0, 11)), _orders())
        def check(
            plan: Plan,
            marks: list[bool],
            swept: set[int],
            script: tuple[list[Step], list[int], list[int]],
        ) -> None:
            steps, *orders = script
            ends = []
            for order in orders:
                kit = habitkit.testing.kit(store=store)
                habit = create(kit, f"order{next(owners)}", plan)
                scenario = Scenario(kit, store, habit)
                for number, done in enumerate(marks):
                    if done:
                        scenario.take(Step("check_in", 0, 2))
                    kit.clock.advance(days=1)
                    if number in swept:
                        kit.sweep()
                _record(scenario, steps, order)
                kit.sweep()
                assert_lawful(kit, store, habit)
                ends.append(end_of(kit, store, habit))
            assert ends[0] == ends[1]

        check()

    def test_a_plain_habit_ends_as_one_that_is_due_each_day_and_is_not_plain(
        self, store: Store
    ) -> None:
        owners = count()
        all_weekdays = Schedule.weekdays("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        kinds = st.sampled_from(("now", "check_in", "backfill", "undo", "wait", "sweep"))
        step = st.builds(Step, kinds, st.integers(0, 9), st.integers(1, 9))

        @examples(store, in_memory=20, in_sqlite=5)
        @given(st.lists(step, max_size=25))
        def check(steps: list[Step]) -> None:
            ends = []
            for schedule in (DAILY, all_weekdays):
                kit = habitkit.testing.kit(store=store)
                habit = kit.habits.create(f"owner{next(owners)}", "Run", schedule)
                scenario = Scenario(kit, store, habit)
                for it in steps:
                    scenario.take(it)
                kit.sweep()
                assert_lawful(kit, store, habit)
                ends.append(end_of(kit, store, habit))
            assert ends[0] == ends[1]

        check()


def _record(scenario: Scenario, steps: Sequence[Step], order: Sequence[int]) -> None:
    """Take steps in an order at one instant; what comes a second time is taken back."""
    emitted: dict[int, UUID | None] = {}
    for number in order:
        if number in emitted:
            fact_id = emitted[number]
            if fact_id is not None:
                scenario.kit.habits.undo(fact_id)
            continue
        before = len(scenario.facts)
        scenario.take(steps[number])
        emitted[number] = scenario.facts[-1] if len(scenario.facts) > before else None
