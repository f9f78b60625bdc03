"""Creating a habit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit import ids
from habitkit.habits import lookup
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import zone as zone_of
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.model import DayClock, FreezeRule, Habit, Schedule
from habitkit.habits.domain.steps import Start, first_snapshot
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.events import HabitCreated
from habitkit.habits.metadata import json_metadata
from habitkit.habits.rebuilding import rebuilt
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from habitkit.habits.domain.streaks import Snapshot
    from habitkit.transaction import Transaction

__all__ = ["create"]


def create(
    tx: Transaction,
    owner: str,
    title: str,
    schedule: Schedule,
    goal: Goal | None = None,
    *,
    clock: DayClock | None = None,
    tags: Collection[str] = (),
    freezes: FreezeRule | None = None,
    metadata: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Habit:
    """Create a habit.

    Args:
        tx: The transaction.
        owner: Whose habit it will be, for good.
        title: What it is called, 1 to 200 characters.
        schedule: When it is due.
        goal: What it takes to have done it; ``Goal.done()`` by default.
        clock: When its day begins and where; midnight where the owner is by default.
        tags: Words by which it can be found: up to 50 of 1 to 50 characters.
        freezes: By which rule its streak earns freezes.
        metadata: Values of your own: JSON values by name, at most 4 KiB as compact JSON in UTF-8.
        idempotency_key: The same key with the same arguments creates one habit.

    Returns:
        The habit.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(owner))
    rules.title(title)
    goal = Goal.done() if goal is None else goal
    rules.possible(schedule, goal)
    words = rules.tags(tags)
    own_values = json_metadata(metadata)
    if freezes is not None and not isinstance(freezes, FreezeRule):
        raise InvalidHabit("freezes", given=freezes, expected="a FreezeRule or None")
    day_clock = DayClock() if clock is None else clock
    if not isinstance(day_clock, DayClock):
        raise InvalidHabit("clock", given=clock, expected="a DayClock or None")
    if day_clock.tz is not None:
        zone_of(day_clock.tz)
    tx.lock(owner)

    def work(habit_id: UUID) -> Habit:
        habit = Habit(
            id=habit_id,
            owner=owner,
            title=title,
            schedule=schedule,
            clock=day_clock,
            created_at=tx.now,
            goal=goal,
            tags=words,
            freezes=freezes,
            seq=tx.next_seq(owner),
            metadata=own_values,
        )
        tx.port(HABITS).add(habit)
        tx.port(STREAKS).put(_snapshot(tx, habit))
        tx.emit(owner, [HabitCreated(owner, tx.now, habit_id, title)])
        return habit

    request = {"title": title, "schedule": schedule, "clock": clock}
    more = {"goal": goal, "tags": words or None, "freezes": freezes, "metadata": own_values}
    usual = {"goal": Goal.done(), "tags": None, "freezes": None, "metadata": None}
    request |= {name: value for name, value in more.items() if value != usual[name]}
    return tx.once(owner, "habits.create", idempotency_key, request, Habit, work)


def _snapshot(tx: Transaction, habit: Habit) -> Snapshot:
    """Return the snapshot of a new habit; time alone may be all that earns its freezes."""
    if habit.freezes is None or habit.goal.kind not in {"avoid", "at_most"}:
        return first_snapshot(habit, tx.rev(habit.owner))
    others = tx.port(HABITS).facts(habit.owner, habit.id)
    return rebuilt(tx, habit, lookup.known_facts(tx, habit, Start(), others))
