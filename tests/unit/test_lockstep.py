"""Two kits do the same for months; one drops its checkpoints before each step. Both stay equal."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import habitkit.testing
from habitkit import Goal, Schedule, ids
from habitkit.backends.memory import MemoryStore
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.steps import EvaluationContext, Start, evaluate_facts, snapshot_of
from habitkit.habits.domain.streaks import Snapshot
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing.contracts._sample_facts import days
from tests.kit.habits import scenarios
from tests.kit.habits.scenarios import CLOCKS, Plan, Scenario, Step, create, end_of

ROLLING = (
    *((Schedule.rolling(n, span), Goal.done()) for n, span in ((1, 2), (1, 7), (2, 4), (3, 7))),
    *((Schedule.rolling(n, span), Goal.at_least(2)) for n, span in ((1, 3), (2, 31), (4, 5))),
    (Schedule.quota(3), Goal.done()),
)
FEW, MANY, STEPS = 12, 400, 60
OFTEN = ("now", "check_in", "check_in", "edit", "undo", "sweep", "wait", "wait", "weeks")


@pytest.fixture(autouse=True)
def lots_of_its_own(monkeypatch):
    """Draw ids from lots that can be begun again, and leave everybody else's alone."""
    monkeypatch.setattr(ids, "_random", Random(0))


class Side:
    """A kit, and one habit of it."""

    def __init__(self, plan: Plan, *, forgets: bool) -> None:
        self.store = MemoryStore()
        self.kit = habitkit.testing.kit("2026-01-05T08:00Z", store=self.store)
        self.forgets = forgets
        ids._random.seed(0)
        self.habit = create(self.kit, "ada", plan)
        self.scenario = Scenario(self.kit, self.store, self.habit)

    def take(self, number: int, step: Step) -> None:
        """Take a step with ids that are the same on both sides."""
        if self.forgets:
            rows = self.store._stores._ports[STREAKS]._rows
            for key, row in list(rows.rows.items()):
                rows.rows[key] = self._without_checkpoints(row)
        ids._random.seed(number + 1)
        if step.kind == "weeks":
            self.kit.clock.advance(days=3 * step.m)
        elif step.kind == "travel":
            at = self.kit.clock.now() - days(step.n)
            zone = ("Asia/Tokyo", "Pacific/Honolulu", "Pacific/Kiritimati", "UTC")[step.m % 4]
            self.kit.habits.travel("ada", zone, at)
        else:
            self.scenario.take(step)

    def _without_checkpoints(self, row: Snapshot) -> Snapshot:
        """Return a snapshot as the facts alone give it, with no place to begin but the beginning."""
        stores, habit = self.store._stores, self.habit
        habits = stores.port(HABITS)
        facts = KnownFacts(
            habits.live(habit.id), habits.facts(habit.owner, habit.id), habits.voided(habit.id)
        )
        context = EvaluationContext(habit, row.evaluated_at, keep=lambda _: ())
        fresh = snapshot_of(context, evaluate_facts(context, facts, Start()))
        return fresh._replace(rev=row.rev)

    def state(self) -> dict[str, Any]:
        """Return all that can be asked."""
        kit, habit = self.kit, self.habit.id
        today = kit.streaks.state(habit).today
        return {
            **end_of(kit, self.store, self.habit),
            "history": kit.streaks.history(habit, today - days(200), today),
            "explained": [kit.streaks.explain(habit, today - days(n)).status for n in (0, 9, 40)],
        }


def months(seed: int) -> None:
    lots = Random(seed)
    plan = Plan(
        lots.randrange(len(scenarios.PLANS)), lots.randrange(len(CLOCKS)), lots.random() < 0.5
    )
    sides = [Side(plan, forgets=False), Side(plan, forgets=True)]
    for number in range(STEPS):
        kind = lots.choice([*scenarios.STEPS, *OFTEN * 3])
        ago = lots.choice((0, 0, 0, 1, 2, 3, 5, 12, 25, 60))
        step = Step(kind, ago, lots.randrange(13))
        for side in sides:
            side.take(number, step)
        if number % 4 == 3:
            assert sides[0].state() == sides[1].state()
            assert sides[0].kit.streaks.rebuild(sides[0].habit.id).repaired == ()


@pytest.mark.parametrize("seed", range(FEW))
def test_checkpoints_change_no_result(seed):
    months(seed)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(FEW, MANY))
def test_checkpoints_change_no_result_in_many_scenarios(seed):
    months(seed)


@pytest.mark.parametrize("seed", range(FEW // 3))
def test_checkpoints_of_rolling_habits_change_no_result(seed, monkeypatch):
    monkeypatch.setattr(scenarios, "PLANS", ROLLING)
    months(seed)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(FEW // 3, MANY))
def test_checkpoints_of_rolling_habits_change_no_result_in_many_scenarios(seed, monkeypatch):
    monkeypatch.setattr(scenarios, "PLANS", ROLLING)
    months(seed)
