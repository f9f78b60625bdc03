"""Random histories of a habit: steps that an owner takes, and what must hold after them."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

import pytest
from attrs import evolve

from habitkit.errors import InvalidInput, NotFound, Refused
from habitkit.habits.domain.evaluation import evaluate
from habitkit.habits.domain.facts import CheckInVoid
from habitkit.habits.domain.model import DayClock, FreezeRule, Goal, OfflineCheckIn, Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import days, events_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store, Stores
    from habitkit.testing import TestKit

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
    (Schedule.quota(3, reduced_by_skips=True), Goal.done()),
    (Schedule.every(2, anchor="last_done"), Goal.done()),
    (Schedule.rolling(2, 4), Goal.done()),
    (Schedule.daily(window=(time(6), time(20))), Goal.done()),
)
CLOCKS = (DayClock(), DayClock("Europe/Vienna", time(3)), DayClock(min_day=days(1)))
CLOCK_CHANGES: tuple[dict[str, Any], ...] = (
    {"day_start": time(3)},
    {"day_start": time(12)},
    {"day_start": time(0)},
    {"tz": "Asia/Tokyo"},
    {"tz": "Pacific/Honolulu"},
    {"tz": None},
    {"tz": "Pacific/Kiritimati", "day_start": time(23)},
    {"week_start": "sun"},
    {"min_day": days(1)},
)
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


def create(kit: TestKit, owner: str, plan: Plan) -> Habit:
    schedule, goal = PLANS[plan.number]
    rule = FreezeRule(3, 2) if plan.freezes else None
    return kit.habits.create(owner, "Run", schedule, goal, clock=CLOCKS[plan.clock], freezes=rule)


class Scenario:
    """The random history of one habit: what may be done, and what was."""

    def __init__(self, kit: TestKit, store: Store, habit: Habit) -> None:
        self.kit, self.store, self.habit = kit, store, habit
        self.facts: list[UUID] = []

    def take(self, step: Step) -> None:
        """Take a step; what is refused changes nothing."""
        try:
            done = STEPS[step.kind](self, self.day(step.n), step.m)
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

    def change_clock(self, n: int) -> object:
        """Change the clock, from today on or from a later day."""
        ahead, number = divmod(n, len(CLOCK_CHANGES))
        habit, day = self.habit.id, self.day(-ahead) if ahead else None
        return self.kit.habits.change_clock(habit, **CLOCK_CHANGES[number], effective_day=day)

    def change_freezes(self, n: int) -> object:
        """Change the freeze rule, from today on or from a later day."""
        rule = FreezeRule(n % 4, 1 + n % 2) if n % 4 else None
        return self.kit.habits.change_freezes(self.habit.id, rule, effective_day=self.day(-n // 4))

    def move(self, day: date, n: int) -> object:
        """Correct the day of a check-in."""
        live = read(self.store, lambda stores: stores.port(HABITS).live(self.habit.id))
        return self.kit.habits.edit(live[n % len(live)].id, day=day) if live else None

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


STEPS: dict[str, Callable[[Scenario, date, int], Any]] = {
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
    "clock": lambda it, _, n: it.change_clock(n),
    "freeze rule": lambda it, _, n: it.change_freezes(n),
    "move": lambda it, day, n: it.move(day, n),
    "archive": lambda it, _, __: it.kit.habits.archive(it.habit.id),
    "restore": lambda it, _, __: it.kit.habits.restore(it.habit.id),
    "travel": lambda it, _, n: it.kit.habits.travel(it.habit.owner, ZONES[n % len(ZONES)]),
    "wait": lambda it, _, n: it.kit.clock.advance(hours=9 * n),
    "sweep": lambda it, _, __: it.kit.sweep(),
}


def all_facts(store: Store, habit: Habit) -> list[Fact]:
    """Return all facts of a habit and its owner, those that were voided and their voids too."""

    def work(stores: Stores) -> list[Fact]:
        habits = stores.port(HABITS)
        facts: list[Fact] = [*habits.live(habit.id), *habits.facts(habit.owner, habit.id)]
        for it in habits.voided(habit.id):
            void_id = uuid5(it.check_in.id, "void")
            ids = (void_id, habit.id, habit.owner, it.check_in.id)
            facts += [it.check_in, CheckInVoid(*ids, it.voided_at)]
        return facts

    return read(store, work)


def assert_lawful(kit: TestKit, store: Store, habit: Habit) -> None:
    facts = all_facts(store, habit)
    state = kit.streaks.state(habit.id)
    for given_facts in (facts, facts[::-1]):
        said = evaluate(habit, given_facts, now=kit.clock.now())
        assert evolve(state, strength=0) == evolve(said, strength=0)
        assert state.strength == pytest.approx(said.strength, abs=1e-9)
    assert kit.streaks.rebuild(habit.id).repaired == ()
    assert kit.streaks.state(habit.id) == state


def end_of(kit: TestKit, store: Store, habit: Habit) -> dict[str, Any]:
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
        "coins": kit.coins.balance(habit.owner).posted,
    }
