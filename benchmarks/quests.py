"""What quests cost: a check-in with many rules and quests, and a preview against the bare scan.

Of the rules and quests only those cost that read the type of the event. A check-in without quests
earns what the default ``Economy`` gives. A preview evaluates the events that a scan only reads.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from attrs import evolve

from benchmarks._duel import calls, take_turns
from benchmarks._fill import OWNERS, fill
from benchmarks._kinds import DAILY, DAY, NOW
from benchmarks._matches import engine_of
from benchmarks.streaks import Row
from habitkit import HabitKit, Schedule
from habitkit import quests as habitkit_quests
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, upgrade
from habitkit.habits import HabitCompleted, StreakReached
from habitkit.habits.creation import create
from habitkit.journal.domain.model import EventRow
from habitkit.predicates import field
from habitkit.quests import Count, Distinct, Once, PerDay, Quest, Reward, Rule, Sum, steps
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from uuid import UUID

    from benchmarks._duel import Side, Size
    from habitkit.events import Event
    from habitkit.transaction import Transaction

    Opened = Callable[[ExitStack], HabitKit]

__all__ = ["STORES", "TURNS", "measure"]

STORES = ("memory", "SQLite, NORMAL")
TURNS = len(STORES) + 1
"""How many comparisons advance the progress by a turn a block."""

GOAL_RATIO = 2.0
EVENTS, EVENTS_AN_OWNER = 100_000, 1_000
PAGE = 1_000

MATCHING_RULES = [
    Rule("completion", HabitCompleted, give=Reward(coins=10)),
    Rule("xp", HabitCompleted, give=Reward(xp=10)),
    Rule("this-year", HabitCompleted, field("day") >= f"{NOW.year}-01-01", Reward(coins=1)),
    Rule("first-three", HabitCompleted, give=Reward(xp=5), limit=PerDay(3)),
    Rule("first", HabitCompleted, give=Reward(badge="first"), limit=Once),
]
RULES = [
    *MATCHING_RULES,
    *(Rule(f"rule-{n}", f"Event{n}", give=Reward(coins=5)) for n in range(195)),
]
MATCHING_QUESTS = [
    Quest("days", "Days", Count(HabitCompleted, 10_000)),
    Quest("full", "Full days", Count(HabitCompleted, 10_000, field("credit") == "full")),
    Quest("long", "Long days", Count(HabitCompleted, 9_000), reward=Reward(coins=100)),
]
QUESTS = [
    *MATCHING_QUESTS,
    *(Quest(f"quest-{n}", "A quest", Count(f"Event{n}", 5)) for n in range(10)),
    *(Quest(f"sum-{n}", "A quest", Sum(f"Event{n}", "amount", 50)) for n in range(5)),
    *(Quest(f"kinds-{n}", "A quest", Distinct(f"Event{n}", "kind", 5)) for n in range(2)),
]


def measure(size: Size, new_file: Callable[[], Path], advance: Callable[[], object]) -> list[Row]:
    """Measure all of it.

    Args:
        size: How much.
        new_file: Returns the path of a file that is not there yet.
        advance: Is called after each round.
    """
    opened: list[Opened] = [_in_memory, partial(_on_sqlite, new_file)]
    rows: list[Row] = []
    for name, of_store in zip(STORES, opened, strict=True):
        rows += _check_ins(name, of_store, size, advance)
    return [*rows, *_previews(opened[-1], size, advance)]


def _in_memory(_: ExitStack) -> HabitKit:
    return HabitKit(MemoryStore(), clock=FakeClock(NOW))


def _on_sqlite(new_file: Callable[[], Path], resources: ExitStack) -> HabitKit:
    engine = engine_of(resources, new_file(), "NORMAL")
    upgrade(engine)
    return HabitKit(SqlStore(engine), clock=FakeClock(NOW))


def _beside(name: str, against: str, seconds: list[float], others: list[float]) -> tuple[Row, Row]:
    """Return the rows of what is compared, the second one with its goal."""
    ratios = [one / other for one, other in zip(seconds, others, strict=True)]
    return Row(against, others), Row(name, seconds, None, against, ratios, GOAL_RATIO)


# -- a check-in --------------------------------------------------------------------------------


def _check_ins(
    store: str, opened: Opened, size: Size, advance: Callable[[], object]
) -> tuple[Row, Row]:
    """The first check-in of a habit's day, of owners with and without rules and quests."""
    with ExitStack() as resources:
        without, with_quests = opened(resources), opened(resources)
        sides: list[Side] = []
        for kit in (without, with_quests):
            habits = fill(kit, DAILY, size.actions)
            if kit is with_quests:
                kit.run(_begin)
            sides.append(calls(partial(_check_in, kit, habits)))
        others, seconds = take_turns(size, iter(range(size.actions)), sides, advance)
        for quest in MATCHING_QUESTS:
            (progress,) = with_quests.quests.progress("owner0", quest.key)
            assert progress.value >= (size.warm_up + size.blocks * size.block) // OWNERS
    what = f"{len(RULES)} rules and {len(QUESTS)} quests"
    return _beside(f"check-in, {store}, {what}", f"check-in, {store}, none", seconds, others)


def _begin(tx: Transaction) -> None:
    habitkit_quests.set_rules(tx, RULES)
    for quest in QUESTS:
        habitkit_quests.define(tx, quest)
    for number in range(OWNERS):
        for quest in QUESTS:
            habitkit_quests.start(tx, f"owner{number}", quest.key)


def _check_in(kit: HabitKit, habits: list[UUID], number: int) -> int:
    return kit.habits.check_in(habits[number]).streak.slots


# -- a preview ---------------------------------------------------------------------------------


def _previews(opened: Opened, size: Size, advance: Callable[[], object]) -> tuple[Row, Row]:
    """A preview of rules, against reading the events that they are evaluated on."""
    each = min(EVENTS_AN_OWNER, size.block * 10)
    owners = [f"owner{number}" for number in range(min(EVENTS // EVENTS_AN_OWNER, size.block))]
    once = evolve(size, block=1, warm_up=1)
    with ExitStack() as resources:
        kit = opened(resources)
        kit.run(lambda tx: _record(tx, owners, each))
        sides = [calls(partial(_scan, kit, owners)), calls(partial(_preview, kit))]
        others, seconds = take_turns(once, count(), sides, advance)
    what = f"{each * len(owners):,} events, SQLite"
    return _beside(f"preview, {what}", f"kit.events.page, {what}", seconds, others)


def _record(tx: Transaction, owners: list[str], each: int) -> None:
    """Write what a daily habit emits in so many events, without the facts of it."""
    for owner in owners:
        habit = create(tx, owner, "Run", Schedule.daily())
        first = tx.rev(owner) + 1
        events = _events(owner, habit.id, each)
        tx.stores.events.append(
            [EventRow(first + n, 0, event, deliver=False) for n, event in enumerate(events)]
        )


def _events(owner: str, habit_id: UUID, number: int) -> Iterator[Event]:
    for n in range(number):
        at, slots = NOW - (number - n) * DAY, n + 1
        done_at, day = at - timedelta(minutes=1), at.date()
        if slots % 7:
            yield HabitCompleted(owner, at, habit_id, day, "full", at, done_at=done_at)
        else:
            yield StreakReached(owner, at, habit_id, day, slots, at, done_at)


def _scan(kit: HabitKit, owners: list[str], _: object) -> int:
    read = 0
    for owner in owners:
        page = kit.events.page(owner, limit=PAGE)
        while page:
            read += sum(it.type != "HabitCreated" for it in page)
            last = page[-1]
            page = kit.events.page(owner, after=(last.rev, last.position), limit=PAGE)
    return read


def _preview(kit: HabitKit, _: object) -> int:
    long_streak = Rule("streak", StreakReached, give=Reward(coins=steps("slots", {7: 50, 70: 90})))
    return kit.quests.preview([*RULES, long_streak]).events
