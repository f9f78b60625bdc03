"""The path for habits that are not simple: evaluates the facts before and after a change.

Evaluation begins at the latest checkpoint that no changed fact touches.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits import lookup
from habitkit.habits.domain import rules
from habitkit.habits.domain.checkpoints import first_day_of
from habitkit.habits.domain.derived_events import derive, difference
from habitkit.habits.domain.history import History
from habitkit.habits.domain.streaks import NO_DAY, Snapshot
from habitkit.habits.lookup import habits_of
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from habitkit.events import Event
    from habitkit.habits.domain.derived_events import Derived
    from habitkit.habits.domain.facts import CheckIn, Fact, OtherFact
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import Status
    from habitkit.transaction import Transaction

__all__ = ["Outcome", "goal_on", "recompute", "recompute_owner", "status_on"]


class Outcome(NamedTuple):
    """The result of a change of the facts.

    Attributes:
        derived: What is derived from the facts now.
        events: All that happened, causes before effects.
    """

    derived: Derived
    events: list[Event]


def recompute(
    tx: Transaction,
    habit: Habit,
    others: Sequence[OtherFact],
    added: Sequence[Fact] = (),
    removed: Sequence[CheckIn] = (),
) -> Outcome:
    """Derive a habit's events from its facts before and after a change, and emit the difference.

    Args:
        tx: The transaction, which holds the owner's lock; the change is written already.
        habit: The habit.
        others: Its facts other than check-ins, those added included.
        added: The facts that the change added.
        removed: The check-ins that it undid.
    """
    snapshot = lookup.snapshot_of(tx, habit)
    day = first_day_of(habit, [*added, *removed], others)
    checkpoints = lookup.checkpoints(tx, snapshot, day)
    first = checkpoints[-1].needs_from if checkpoints else None
    after: list[Fact] = [*tx.port(HABITS).live(habit.id, first), *others]
    new = {fact.id for fact in added}
    before = [*(fact for fact in after if fact.id not in new), *removed]
    voided = tx.port(HABITS).voided(habit.id, first)

    def derived(facts: Sequence[Fact], at: datetime) -> Derived:
        return derive(
            habit, facts, at, voided, checkpoints, strength=tx.settings(HabitSettings).strength
        )

    seen = _last_seen(snapshot, tx.now)
    derived_before = derived(before, tx.now)
    emitted = derived_before
    if seen < tx.now and snapshot.sweep_at is not None and snapshot.sweep_at <= tx.now:
        emitted = derived(before, seen)
    now = derived(after, tx.now) if added or removed else derived_before
    rev = tx.rev(habit.owner)
    tx.port(STREAKS).put(
        Snapshot(
            habit_id=habit.id,
            owner=habit.owner,
            first_day=NO_DAY,
            bitmap=b"",
            best=0,
            rev=rev,
            recomputed_at=tx.now,
            sweep_at=now.sweep_at,
            checkpoints=now.checkpoints,
        )
    )
    return Outcome(now, tx.emit(habit.owner, difference(emitted, derived_before, now, tx.now)))


def _last_seen(snapshot: Snapshot, now: datetime) -> datetime:
    """Return when a habit's events were last emitted."""
    if snapshot.recomputed_at is not None:
        return snapshot.recomputed_at
    if snapshot.sweep_at is not None and snapshot.sweep_at <= now:
        return snapshot.sweep_at - timedelta.resolution
    return now


def recompute_owner(tx: Transaction, owner: str, added: Sequence[OtherFact]) -> list[Event]:
    """Recompute all habits of an owner, for facts of the owner that were added in this action."""
    facts = tx.port(HABITS).facts(owner)
    events: list[Event] = []
    for habit in habits_of(tx, owner):
        others = [fact for fact in facts if getattr(fact, "habit_id", None) in {None, habit.id}]
        if rules.needs_recompute(habit, others):
            events += recompute(tx, habit, others, added).events
    return events


def goal_on(habit: Habit, facts: Iterable[Fact], day: date, now: datetime) -> Goal:
    """Return the goal by which what is recorded on a day is evaluated."""
    return History(habit, facts, now).version_on(day).goal


def status_on(derived: Derived, day: date) -> Status:
    """Return the status of the slot of a day; EXEMPT if the day is in no slot."""
    for slot in reversed(derived.slots):
        if slot.first <= day <= slot.last:
            return slot.status
    return "EXEMPT"
