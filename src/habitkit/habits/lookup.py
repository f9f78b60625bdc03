"""Look up habits and their histories, read from the latest checkpoint that is still valid."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.errors import NotFound
from habitkit.habits.domain import bitmap
from habitkit.habits.domain.checkpoints import until
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.history import History
from habitkit.habits.domain.strength import name_of
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from habitkit.habits.domain.facts import Fact, OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.stored import StoredFact
    from habitkit.habits.domain.streaks import Checkpoint, Snapshot
    from habitkit.transaction import Transaction

__all__ = [
    "MOST_HABITS",
    "checkpoints",
    "get",
    "habits_of",
    "histories",
    "history",
    "lock_fact",
    "lock_habit",
    "of_owner",
    "snapshot_of",
]

MOST_HABITS = 10_000
"""How many habits of an owner are read together."""


def get(tx: Transaction, habit_id: UUID | str | None) -> Habit:
    """Return a habit.

    Raises:
        NotFound: If there is no such habit in scope.
    """
    stored = tx.port(HABITS).get(ids.parse_id(habit_id, "habit_id"))
    if stored is None:
        raise NotFound("habit", habit_id)
    tx.own(stored.owner, "habit", habit_id)
    return stored


def snapshot_of(tx: Transaction, habit: Habit) -> Snapshot:
    """Return the stored snapshot of a habit, or an empty one."""
    return tx.port(STREAKS).get(habit.id) or bitmap.empty(habit.id, habit.owner)


def checkpoints(tx: Transaction, snapshot: Snapshot, day: date) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of a habit that hold whatever changes on a day or later.

    What was final is not to a clock that was set back, so then none does; nor does one whose
    strength was computed by another function than that of the kit.
    """
    if (
        snapshot.recomputed_at is None
        or snapshot.recomputed_at > tx.now
        or not snapshot.checkpoints
    ):
        return ()
    strength = tx.settings(HabitSettings).strength
    computed_by = "" if strength is None else name_of(strength)
    if snapshot.checkpoints[-1].strength_by != computed_by:
        return ()
    return until(snapshot.checkpoints, day)


def history(
    tx: Transaction,
    habit: Habit,
    snapshot: Snapshot,
    day: date = date.max,
    others: Sequence[OtherFact] | None = None,
    added: Iterable[Fact] = (),
) -> History:
    """Return the history of a habit, for some days.

    Args:
        tx: The transaction.
        habit: The habit.
        snapshot: Its snapshot.
        day: The first day that is asked for; without one, what is not final yet.
        others: Its facts other than check-ins, if they were read already.
        added: More facts than the store has.
    """
    other_facts = tx.port(HABITS).facts(habit.owner, habit.id) if others is None else others
    since = _latest(checkpoints(tx, snapshot, day))
    recent = tx.port(HABITS).live(habit.id, None if since is None else since.needs_from)
    return History(habit, [*recent, *other_facts, *added], tx.now, since)


def histories(
    tx: Transaction, owner: str, habits: Iterable[Habit], snapshots: Mapping[UUID, Snapshot]
) -> dict[UUID, History]:
    """Return what ``history`` does of what is not final yet, of habits without a bitmap.

    Args:
        tx: The transaction.
        owner: Whose habits.
        habits: The habits.
        snapshots: Their snapshots by habit.
    """
    no_bitmap = tx.settings(HabitSettings).strength is not None
    since = {
        habit_id: _latest(checkpoints(tx, snapshot, date.max))
        for habit_id, snapshot in snapshots.items()
        if snapshot.recomputed_at is not None or no_bitmap
    }
    if not since:
        return {}
    days = {habit_id: None if at is None else at.needs_from for habit_id, at in since.items()}
    facts: dict[UUID | None, list[Fact]] = {}
    for fact in (*tx.port(HABITS).facts(owner), *tx.port(HABITS).recent(days)):
        facts.setdefault(getattr(fact, "habit_id", None), []).append(fact)
    of_all = facts.get(None, [])
    return {
        habit.id: History(habit, [*of_all, *facts.get(habit.id, [])], tx.now, since[habit.id])
        for habit in habits
        if habit.id in since
    }


def _latest(usable: Sequence[Checkpoint]) -> Checkpoint | None:
    return usable[-1] if usable else None


def lock_habit(tx: Transaction, habit_id: UUID | str) -> Habit:
    """Lock the owner of a habit and return the habit as it was before.

    Whoever was first may have given it another title, other tags or another place; nothing else of
    a habit ever changes.

    Raises:
        NotFound: If there is no such habit in scope.
    """
    habit = get(tx, habit_id)
    tx.lock(habit.owner)
    return habit


def lock_fact(tx: Transaction, fact_id: UUID | str) -> StoredFact:
    """Lock the owner of a fact and return the fact.

    Raises:
        NotFound: If there is no such fact in scope.
    """
    subject = ids.parse_id(fact_id, "fact_id")
    found = tx.port(HABITS).fact(subject)
    if found is None:
        raise NotFound("check-in", fact_id)
    tx.own(found.fact.owner, "check-in", fact_id)
    tx.lock(found.fact.owner)
    if isinstance(found.fact, CheckIn):  # it may have been voided before the lock was taken
        return tx.port(HABITS).fact(subject) or found
    return found


def habits_of(tx: Transaction, owner: str) -> list[Habit]:
    """Return all habits of an owner, oldest first."""
    return tx.port(HABITS).page(None, MOST_HABITS, owner=owner)


def of_owner(
    tx: Transaction, owner: str, *, after: UUID | str | None = None, limit: int = 50
) -> list[Habit]:
    """Return an owner's habits, oldest first.

    Args:
        tx: The transaction.
        owner: Whose habits.
        after: The id of the last habit already seen; nothing comes after one that the owner does
            not have.
        limit: How many at most, 1 to 1000.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    start = None if after is None else ids.parse_id(after, "after")
    return tx.port(HABITS).page(start, ids.limit(limit), owner=owner)
