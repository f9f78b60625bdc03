"""Contract of the laws of streaks: facts of all kinds alone say how a habit stands."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import date, time
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit.errors import InvalidInput, NotFound, Refused
from habitkit.habits.domain.evaluation import evaluate
from habitkit.habits.domain.model import DayClock, FreezeRule, Goal, OfflineCheckIn, Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import Contract, read
from habitkit.testing.contracts._sample_facts import NOW, days, events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

__all__ = ["LawCases"]

TODAY = NOW.date()
NOBODY = UUID(int=0)
DAILY = Schedule.daily()

PLANS: tuple[tuple[Schedule, Goal], ...] = (
    (DAILY, Goal.done()),
    (DAILY, Goal.avoid()),
    (DAILY, Goal.at_least(2)),
    (DAILY, Goal.at_most(2, unrecorded="done")),
    (DAILY, Goal.between(1, 3)),
    (Schedule.weekdays("mon", "thu", "fri", "sat"), Goal.done()),
    (Schedule.quota(3), Goal.done()),
    (Schedule.quota(1), Goal.at_most(4)),
    (Schedule.every(2, anchor="last_done"), Goal.done()),
    (Schedule.rolling(2, 4), Goal.done()),
    (Schedule.daily(window=(time(6), time(20))), Goal.done()),
)
CLOCKS = (DayClock(), DayClock("Europe/Vienna", time(3)), DayClock(min_day=days(1)))
ZONES = ("Asia/Tokyo", "Pacific/Honolulu", "Pacific/Kiritimati", "Europe/Vienna", "UTC")


class Plan(NamedTuple):
    """What a habit of a random history is like."""

    number: int
    clock: int
    freezes: bool


class Step(NamedTuple):
    """One thing that an owner does in a random history."""

    kind: str
    n: int
    m: int


def _create(kit: TestKit, owner: str, plan: Plan) -> Habit:
    schedule, goal = PLANS[plan.number]
    rule = FreezeRule(3, 2) if plan.freezes else None
    return kit.habits.create(owner, "Run", schedule, goal, clock=CLOCKS[plan.clock], freezes=rule)


class _Scenario:
    """The random history of one habit: what may be done, and what was."""

    def __init__(self, kit: TestKit, store: Store, habit: Habit) -> None:
        self.kit, self.store, self.habit = kit, store, habit
        self.facts: list[UUID] = []

    def take(self, step: Step) -> None:
        """Take a step; what is refused changes nothing."""
        try:
            done = _STEPS[step.kind](self, self.day(step.n), step.m)
        except (InvalidInput, NotFound, Refused):
            return
        if hasattr(done, "id"):
            self.facts.append(done.id)

    def day(self, ago: int) -> date:
        """Return the day so long ago."""
        return self.kit.streaks.state(self.habit.id).today - days(ago)

    def undo(self, n: int) -> None:
        """Take one of the facts back."""
        if self.facts:
            self.kit.habits.undo(self.facts[n % len(self.facts)])

    def change(self, day: date, n: int) -> object:
        """Change schedule and goal."""
        schedule, goal = PLANS[n % len(PLANS)]
        habit = self.habit.id
        return self.kit.habits.change_schedule(habit, schedule, goal, effective_day=day)

    def edit(self, n: int) -> object:
        """Correct a check-in."""
        live = read(self.store, lambda stores: stores.port(HABITS).live(self.habit.id))
        return self.kit.habits.edit(live[n % len(live)].id, amount=n) if live else None

    def backfill(self, day: date, n: int) -> None:
        """Take over a history."""
        self.kit.habits.backfill(
            self.habit.id, [day - days(2 * m) for m in range(n)], source="paper"
        )

    def check_in_many(self, day: date, n: int) -> None:
        """Send a batch."""
        self.kit.habits.check_in_many(
            [OfflineCheckIn(self.habit.id, day - days(m), amount=m) for m in range(n)]
        )


_STEPS: dict[str, Callable[[_Scenario, date, int], Any]] = {
    "check_in": lambda it, day, n: it.kit.habits.check_in(it.habit.id, day=day, amount=n % 4),
    "now": lambda it, _, __: it.kit.habits.check_in(it.habit.id),
    "many": lambda it, day, n: it.check_in_many(day, n),
    "backfill": lambda it, day, n: it.backfill(day, n),
    "edit": lambda it, _, n: it.edit(n),
    "undo": lambda it, _, n: it.undo(n),
    "skip": lambda it, day, _: it.kit.habits.skip(it.habit.id, day),
    "unskip": lambda it, day, _: it.kit.habits.unskip(it.habit.id, day),
    "pause": lambda it, day, n: it.kit.habits.pause(it.habit.id, day, day + days(n)),
    "pause_on": lambda it, day, _: it.kit.habits.pause(it.habit.id, day),
    "pause_all": lambda it, day, n: it.kit.habits.pause_all(it.habit.owner, day, day + days(n)),
    "resume": lambda it, day, _: it.kit.habits.resume(it.habit.id, day),
    "resume_all": lambda it, day, _: it.kit.habits.resume_all(it.habit.owner, day),
    "freeze": lambda it, day, n: it.kit.habits.grant_freeze(
        it.habit.id, 1 + n % 2, effective_day=day
    ),
    "repair": lambda it, day, _: it.kit.habits.repair(it.habit.id, day),
    "change": lambda it, day, n: it.change(day, n),
    "archive": lambda it, _, __: it.kit.habits.archive(it.habit.id),
    "restore": lambda it, _, __: it.kit.habits.restore(it.habit.id),
    "travel": lambda it, _, n: it.kit.habits.travel(it.habit.owner, ZONES[n % len(ZONES)]),
    "wait": lambda it, _, n: it.kit.clock.advance(hours=9 * n),
    "sweep": lambda it, _, __: it.kit.sweep(),
}
_PLANS = st.builds(Plan, st.integers(0, len(PLANS) - 1), st.integers(0, 2), st.booleans())
_OFTEN = ("now", "check_in", "wait", "wait", "undo", "sweep")
_HISTORIES = st.lists(
    st.builds(
        Step,
        st.sampled_from((*_STEPS, *_OFTEN)),
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


class LawCases(Contract):
    """Part of ``HabitsContract``: after any history the kit says what the facts say."""

    def test_after_any_history_the_kit_says_what_the_facts_say(self, store: Store) -> None:
        owners = count()

        @self.cases(5)
        @given(st.lists(_PLANS, min_size=1, max_size=2), _HISTORIES)
        def check(plans: list[Plan], steps: list[Step]) -> None:
            kit, owner = habitkit.testing.kit(store=store), f"law{next(owners)}"
            habits = [_create(kit, owner, plan) for plan in plans]
            habits.append(kit.habits.create(owner, "Walk", DAILY))
            scenarios = [_Scenario(kit, store, habit) for habit in habits]
            for number, step in enumerate(steps):
                scenarios[number % len(scenarios)].take(step)
            for habit in habits:
                _assert_lawful(kit, store, habit)
            kit.sweep()
            for habit in habits:
                _assert_lawful(kit, store, habit)

        check()

    @pytest.mark.parametrize("plans", [PLANS[:1], PLANS[1:]], ids=["plain", "others"])
    def test_facts_of_all_kinds_in_any_order_give_one_state_and_one_balance(
        self, store: Store, plans: Sequence[tuple[Schedule, Goal]]
    ) -> None:
        owners = count()
        lived = st.lists(st.booleans(), min_size=1, max_size=12)
        last = PLANS.index(plans[-1])
        chosen = _PLANS.map(lambda plan: plan._replace(number=last - plan.number % len(plans)))

        @self.cases(5)
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
                habit = _create(kit, f"order{next(owners)}", plan)
                scenario = _Scenario(kit, store, habit)
                for number, done in enumerate(marks):
                    if done:
                        scenario.take(Step("check_in", 0, 2))
                    kit.clock.advance(days=1)
                    if number in swept:
                        kit.sweep()
                _record(scenario, steps, order)
                kit.sweep()
                _assert_lawful(kit, store, habit)
                ends.append(_end(kit, store, habit))
            assert ends[0] == ends[1]

        check()

    def test_a_plain_habit_ends_as_one_that_is_due_each_day_and_is_not_plain(
        self, store: Store
    ) -> None:
        owners = count()
        all_weekdays = Schedule.weekdays("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        kinds = st.sampled_from(("now", "check_in", "backfill", "undo", "wait", "sweep"))
        step = st.builds(Step, kinds, st.integers(0, 9), st.integers(1, 9))

        @self.cases(5)
        @given(st.lists(step, max_size=25))
        def check(steps: list[Step]) -> None:
            ends = []
            for schedule in (DAILY, all_weekdays):
                kit = habitkit.testing.kit(store=store)
                habit = kit.habits.create(f"owner{next(owners)}", "Run", schedule)
                scenario = _Scenario(kit, store, habit)
                for it in steps:
                    scenario.take(it)
                kit.sweep()
                _assert_lawful(kit, store, habit)
                ends.append(_end(kit, store, habit))
            assert ends[0] == ends[1]

        check()


def _record(scenario: _Scenario, steps: Sequence[Step], order: Sequence[int]) -> None:
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


def _assert_lawful(kit: TestKit, store: Store, habit: Habit) -> None:
    facts = read(
        store,
        lambda s: [*s.port(HABITS).live(habit.id), *s.port(HABITS).facts(habit.owner, habit.id)],
    )
    state = kit.streaks.state(habit.id)
    for given_facts in (facts, facts[::-1]):
        said = evaluate(habit, given_facts, now=kit.clock.now())
        assert evolve(state, strength=0) == evolve(said, strength=0)
        assert state.strength == pytest.approx(said.strength, abs=1e-9)
    assert kit.streaks.rebuild(habit.id).repaired == ()
    assert kit.streaks.state(habit.id) == state


def _end(kit: TestKit, store: Store, habit: Habit) -> dict[str, Any]:
    """Return all that the facts of an owner's only habit determine, without its identity."""
    emitted: dict[str, Any] = {}
    state = kit.streaks.state(habit.id)
    for event in events_of(kit, habit.owner):
        key = (event.key or "").replace(str(habit.id), "habit")
        if event.type == "Retracted":
            emitted.pop(key, None)
        elif key:
            emitted[key] = event.fields.get("credit"), event.fields.get("slots")
    return {
        "state": evolve(state, habit_id=NOBODY, strength=round(state.strength, 9)),
        "emitted": emitted,
        "coins": kit.coins.balance(habit.owner).posted if "coins" in store.modules else None,
    }
