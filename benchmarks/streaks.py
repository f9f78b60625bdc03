"""What streaks cost: the pure core, histories of several lengths, a dashboard, an offline batch.

All sides take blocks in turn. The loop is the plain context of a history day by day, which is what
a library without checkpoints does.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import count
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import evolve, frozen

import habitkit.testing
from benchmarks._duel import Block, calls, take_turns
from benchmarks._kinds import DAY, NOW, TODAY
from habitkit import DayClock, FreezeRule, Goal, Habit, OfflineCheckIn, Schedule
from habitkit.habits import evaluate
from habitkit.habits.domain.evaluation import habit_state
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.history import History
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.steps import EvaluationContext, Start, evaluate_facts, snapshot_of
from habitkit.habits.domain.steps import advance as step_from
from habitkit.habits.service import check_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks._duel import Side, Size
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

__all__ = ["Row", "measure"]

DAILY = Schedule.daily()
HABIT = Habit(UUID(int=1), "ada", "Run", DAILY, DayClock(), NOW - 3650 * DAY)
A_YEAR = 365
DONE, GOAL = Goal.done(), Goal.at_least(1, "km")
THREE_IN_SEVEN, ONE_IN_SEVEN = Schedule.rolling(3, 7), Schedule.rolling(1, 7)


@frozen
class Row:
    """A row of the table.

    Attributes:
        name: What was done.
        seconds: The medians of all blocks.
        goal_seconds: What it shall take at most, or None.
        against: In times of what the ratio is, or None.
        ratios: Block by block.
        goal_ratio: What the ratio shall be at most, or None.
    """

    name: str
    seconds: list[float]
    goal_seconds: float | None = None
    against: str | None = None
    ratios: list[float] | None = None
    goal_ratio: float | None = None

    @property
    def microseconds(self) -> float:
        """How long it took."""
        return median(self.seconds) * 1e6

    @property
    def ratio(self) -> float | None:
        """The median of the ratios."""
        return None if self.ratios is None else median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        if self.goal_seconds is not None:
            return median(self.seconds) <= self.goal_seconds
        if self.goal_ratio is None or self.ratio is None:
            return None
        return self.ratio <= self.goal_ratio


def measure(size: Size, advance: Callable[[], object]) -> list[Row]:
    """Measure all of it."""
    return [*_core(size, advance), *_lengths(size, advance), *_whole(size, advance)]


def _done(days: int) -> list[date]:
    """Return the done days of a history that reaches to yesterday, with a miss every fifty days."""
    return [TODAY - n * DAY for n in range(1, days + 1) if n % 50]


def _facts(days: int) -> list[CheckIn]:
    return [_fact(day) for day in _done(days)]


def _fact(day: date) -> CheckIn:
    at = datetime.combine(day, time(12), UTC)
    return CheckIn(
        *(UUID(int=day.toordinal()), HABIT.id, "ada", day, at, "UTC", None, "full", "app", at)
    )


def _core(size: Size, advance: Callable[[], object]) -> list[Row]:
    """The pure core on ten years of a daily habit, against a loop over its days."""
    facts, days = _facts(10 * A_YEAR), set(_done(10 * A_YEAR))
    rule = FreezeRule(7, 2)
    frozen_too = Habit(
        *(HABIT.id, "ada", "Run", HABIT.schedule, HABIT.clock), HABIT.created_at, freezes=rule
    )
    yesterday = EvaluationContext(HABIT, NOW - DAY)
    snapshot = snapshot_of(yesterday, evaluate_facts(yesterday, KnownFacts(facts, []), Start()))
    start = Start(snapshot.checkpoints, snapshot.credited, snapshot.evaluated_at)
    begin, context = start.needs_from, EvaluationContext(HABIT, NOW)
    assert begin is not None
    before = KnownFacts([fact for fact in facts if fact.day >= begin], [])
    after = KnownFacts([*before.live, _fact(TODAY)], [])

    def check_in(_: object) -> int:
        step = step_from(context, snapshot, start, before, after)
        return step.evaluation.state.streak.slots

    def state(_: object) -> int:
        history = History(HABIT, after.counting, NOW, start.checkpoint)
        return habit_state(history, after, start.boundary, start.since).best.slots

    def by_loop(_: object) -> int:
        done, day, slots = days | {TODAY}, TODAY, 0
        while day in done:
            slots, day = slots + 1, day - DAY
        best = run = 0
        at = TODAY - 10 * A_YEAR * DAY
        while at <= TODAY:
            run = run + 1 if at in done else 0
            best, at = max(best, run), at + DAY
        return slots

    sides: list[Side] = [
        calls(by_loop, _nothing),
        calls(check_in, _nothing),
        calls(state, _nothing),
        calls(lambda _: evaluate(HABIT, facts, now=NOW).best.slots, _nothing),
        calls(lambda _: evaluate(frozen_too, facts, now=NOW).best.slots, _nothing),
    ]
    loop, checked, found, evaluated, saved = _turns(size, sides, advance, few=5)
    return [
        Row("a loop over the days, 10 years", loop),
        _beside("check-in from a checkpoint, 10 years", checked, loop, "the loop"),
        _beside("state from a checkpoint, 10 years", found, loop, "the loop"),
        Row("evaluate: all facts, 10 years", evaluated),
        Row("evaluate: all facts and freezes, 10 years", saved),
    ]


def _beside(name: str, seconds: list[float], others: list[float], against: str) -> Row:
    return Row(name, seconds, None, against, _over(seconds, others))


def _lengths(size: Size, advance: Callable[[], object]) -> list[Row]:
    """A check-in through a kit in memory, with histories of several lengths."""
    return [
        *_of_lengths("check-in", DAILY, DONE, size, advance),
        *_of_lengths("check-in to a daily goal", DAILY, GOAL, size, advance),
        *_of_lengths("check-in of 3 days in 7", THREE_IN_SEVEN, DONE, size, advance),
        *_of_lengths("check-in of 1 day in 7", ONE_IN_SEVEN, DONE, size, advance),
    ]


def _of_lengths(
    name: str, schedule: Schedule, goal: Goal, size: Size, advance: Callable[[], object]
) -> list[Row]:
    kits = [_kit_with(1, years * A_YEAR, goal, schedule) for years in size.years]

    def side(kit: TestKit, habit_id: UUID) -> Side:
        def check_ins(items: Sequence[object]) -> Block:
            seconds = []
            for _ in items:
                started = perf_counter()
                done = kit.habits.check_in(habit_id, amount=9)
                seconds.append(perf_counter() - started)
                kit.habits.undo(done.id)
            return Block(seconds, [])

        return check_ins

    times = _turns(size, [side(kit, ids[0]) for kit, ids in kits], advance)
    first = times[0]
    return [
        Row(f"{name}, memory, a history of {years * A_YEAR:,} days", seconds)
        if seconds is first
        else Row(
            f"{name}, memory, a history of {years * A_YEAR:,} days",
            *(seconds, None, "1 year", _over(seconds, first), 1.25),
        )
        for years, seconds in zip(size.years, times, strict=True)
    ]


def _whole(size: Size, advance: Callable[[], object]) -> list[Row]:
    """A dashboard, and an offline batch against the same check-ins in ``kit.run``."""

    def today(goal: Goal, *, settled: bool = True) -> Side:
        kit, _ = _kit_with(size.habits, 10 * A_YEAR, goal, settled=settled)
        return calls(lambda _: len(kit.streaks.today("ada")))

    sides = [today(DONE), today(GOAL), today(DONE, settled=False)]
    dashboard, of_goals, filled_in = _turns(size, sides, advance, few=20)

    def batch(in_run: bool) -> Side:  # noqa: FBT001
        def act(number: object) -> int:
            fresh = habitkit.testing.kit(NOW)
            habits = [fresh.habits.create("ada", "Run", HABIT.schedule).id for _ in range(10)]
            items = [
                OfflineCheckIn(
                    habits[n % 10], TODAY - (n // 10) * DAY, idempotency_key=f"{number} {n}"
                )
                for n in range(size.batch)
            ]
            if in_run:
                fresh.run(lambda tx: _check_in_each(tx, items))
            else:
                fresh.habits.check_in_many(items)
            return 0

        return calls(act)

    each, many = _turns(size, [batch(True), batch(False)], advance, few=1)  # noqa: FBT003
    return [
        Row(f"dashboard of {size.habits} habits, 10 years each, memory", dashboard, 5e-3),
        Row(f"dashboard of {size.habits} daily goals, 10 years each, memory", of_goals, 5e-3),
        Row(
            f"dashboard of {size.habits} habits, 10 years filled in today, memory", filled_in, 5e-3
        ),
        Row(f"{size.batch} check-ins in kit.run, memory", each),
        _beside(f"check_in_many of {size.batch}, memory", many, each, "in kit.run"),
    ]


def _check_in_each(tx: Transaction, items: Sequence[OfflineCheckIn]) -> None:
    """Check in for each item, as a host's own work would."""
    for item in items:
        with tx.savepoint():
            check_in(tx, item.habit_id, day=item.day, idempotency_key=item.idempotency_key)


def _kit_with(
    habits: int, days: int, goal: Goal, schedule: Schedule = DAILY, *, settled: bool = True
) -> tuple[TestKit, list[UUID]]:
    """Return a kit in which an owner has done some habits for so many days.

    They were filled in at once: today or, if ``settled``, a week ago.
    """
    kit = habitkit.testing.kit(NOW)
    ids = [kit.habits.create("ada", "Run", schedule, goal).id for _ in range(habits)]
    for habit_id in ids:
        kit.habits.backfill(habit_id, _done(days), source="benchmark")
    if settled:
        kit.clock.advance(days=7)
        for habit_id in ids:
            kit.habits.check_in(habit_id)
        kit.clock.advance(days=1)
    return kit, ids


def _turns(
    size: Size, sides: list[Side], advance: Callable[[], object], few: int | None = None
) -> list[list[float]]:
    """Let sides take blocks in turn, of fewer actions if one takes long."""
    smaller = size if few is None else _shortened(size, few)
    return take_turns(smaller, count(), sides, advance)


def _shortened(size: Size, block: int) -> Size:
    return evolve(size, block=min(block, size.block), warm_up=1, metered=0)


def _nothing(_: object) -> int:
    """Take results as equal that are not to be compared."""
    return 0


def _over(seconds: list[float], others: list[float]) -> list[float]:
    return [one / other for one, other in zip(seconds, others, strict=True)]
