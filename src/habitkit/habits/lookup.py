"""Look up habits and their histories, read from the latest checkpoint that is still valid."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.errors import NotFound
from habitkit.habits.domain.checkpoints import until
from habitkit.habits.domain.evaluation import habit_state
from habitkit.habits.domain.facts import CheckIn, ScheduleChanged
from habitkit.habits.domain.history import History
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.steps import Start
from habitkit.habits.domain.strength import name_of
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.stored import StoredFact, VoidedCheckIn
    from habitkit.habits.domain.streaks import Checkpoint, HabitState, Snapshot
    from habitkit.transaction import Transaction

__all__ = [
    "MOST_HABITS",
    "get",
    "habits_of",
    "history",
    "known_facts",
    "lock_fact",
    "lock_habit",
    "of_owner",
    "start",
    "state",
    "state_of",
    "states",
]

_BEFORE_CREATION = timedelta(days=5)  # what is recorded in time, and a day of any zone

MOST_HABITS = 10_000
"""How many habits of an owner are read together."""


def get(tx: Transaction, habit_id: UUID | str | None) -> Habit:
    """Return a habit.

    Raises:
        NotFound: If there is no such habit in scope, or it was deleted.
    """
    stored = tx.port(HABITS).get(ids.parse_id(habit_id, "habit_id"))
    if stored is None or stored.deleted_at is not None:
        raise NotFound("habit", habit_id)
    tx.own(stored.owner, "habit", habit_id)
    return stored


def _checkpoints(tx: Transaction, snapshot: Snapshot, day: date) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of a habit that hold whatever changes on a day or later.

    One whose strength was computed by another function than that of the kit does not.
    """
    if not snapshot.checkpoints:
        return ()
    strength = tx.settings(HabitSettings).strength
    computed_by = "" if strength is None else name_of(strength)
    if snapshot.checkpoints[-1].strength_by != computed_by:
        return ()
    return until(snapshot.checkpoints, day)


def start(tx: Transaction, habit: Habit, snapshot: Snapshot | None, day: date = date.max) -> Start:
    """Return where evaluation begins if facts of a day, or later ones, change.

    What was final is not to a clock that was set back, so then it begins at the beginning.

    Args:
        tx: The transaction.
        habit: The habit.
        snapshot: What was computed before; None for nothing.
        day: The first habit day whose facts change.
    """
    if snapshot is None or snapshot.evaluated_at > tx.now:
        return Start()
    usable = _checkpoints(tx, snapshot, day)
    earliest = habit.created_at.date() - _BEFORE_CREATION
    return Start(usable, snapshot.credited, snapshot.evaluated_at, earliest)


def known_facts(
    tx: Transaction, habit: Habit, start: Start, others: Sequence[OtherFact]
) -> KnownFacts:
    """Return the facts of a habit that evaluation from a start needs.

    Check-ins that were voided are needed only to find out what was credited long ago, and under
    rolling schedules.
    """
    live = tx.port(HABITS).live(habit.id, start.needs_from)
    if start.since is not None and not _is_rolling(habit, others):
        return KnownFacts(live, others)
    return KnownFacts(live, others, tx.port(HABITS).voided(habit.id, start.needs_from))


def _is_rolling(habit: Habit, others: Iterable[OtherFact]) -> bool:
    """Return whether a habit has, or ever had, a rolling schedule."""
    changes = (fact.schedule for fact in others if isinstance(fact, ScheduleChanged))
    return any(schedule.kind == "rolling" for schedule in (habit.schedule, *changes))


def history(
    tx: Transaction,
    habit: Habit,
    day: date = date.max,
) -> History:
    """Return the history of a habit, for some days.

    Args:
        tx: The transaction.
        habit: The habit.
        day: The first day that is asked for; without one, what is not final yet.
    """
    snapshot = tx.port(STREAKS).get(habit.id)
    since = start(tx, habit, snapshot, day).checkpoint
    recent = tx.port(HABITS).live(habit.id, None if since is None else since.needs_from)
    return History(habit, [*recent, *tx.port(HABITS).facts(habit.owner, habit.id)], tx.now, since)


def state_of(tx: Transaction, habit: Habit) -> HabitState:
    """Return the current state of a habit."""
    begin = start(tx, habit, tx.port(STREAKS).get(habit.id))
    others = tx.port(HABITS).facts(habit.owner, habit.id)
    return state(tx, habit, begin, known_facts(tx, habit, begin, others))


def state(tx: Transaction, habit: Habit, start: Start, facts: KnownFacts) -> HabitState:
    """Return the state of a habit from its facts.

    Args:
        tx: The transaction.
        habit: The habit.
        start: Where evaluation begins.
        facts: Its facts; check-ins of days before the start's ``needs_from`` may be missing.
    """
    return _state(tx, History(habit, facts.counting, tx.now, start.checkpoint), start, facts)


def states(tx: Transaction, owner: str, habits: Iterable[Habit]) -> list[HabitState]:
    """Return the states of an owner's habits that are not archived, in their order."""
    all_habits = list(habits)
    snapshots = {snapshot.habit_id: snapshot for snapshot in tx.port(STREAKS).of_owner(owner)}
    starts = {habit.id: start(tx, habit, snapshots.get(habit.id)) for habit in all_habits}
    others: dict[UUID | None, list[OtherFact]] = {}
    for fact in tx.port(HABITS).facts(owner):
        others.setdefault(getattr(fact, "habit_id", None), []).append(fact)
    live: dict[UUID, list[CheckIn]] = {}
    for check_in in tx.port(HABITS).recent({key: it.needs_from for key, it in starts.items()}):
        live.setdefault(check_in.habit_id, []).append(check_in)
    found = []
    for habit in all_habits:
        begin, of_habit = starts[habit.id], [*others.get(None, ()), *others.get(habit.id, ())]
        voided: Sequence[VoidedCheckIn] = ()
        if _is_rolling(habit, of_habit) or (begin.since is None and habit.id in live):
            voided = tx.port(HABITS).voided(habit.id, begin.needs_from)
        facts = KnownFacts(live.get(habit.id, []), of_habit, voided)
        history = History(habit, facts.counting, tx.now, begin.checkpoint)
        if not history.archived:
            found.append(_state(tx, history, begin, facts))
    return found


def _state(tx: Transaction, history: History, start: Start, facts: KnownFacts) -> HabitState:
    strength = tx.settings(HabitSettings).strength
    return habit_state(history, facts, start.boundary, start.since, strength)


def lock_habit(tx: Transaction, habit_id: UUID | str) -> Habit:
    """Lock the owner of a habit and return the habit as it was before.

    Whoever was first may have given it another title, other tags or another place, or have archived
    or deleted it; nothing else of a habit ever changes.

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
        raise NotFound("fact", fact_id)
    tx.own(found.fact.owner, "fact", fact_id)
    tx.lock(found.fact.owner)
    if isinstance(found.fact, CheckIn):  # it may have been voided before the lock was taken
        return tx.port(HABITS).fact(subject) or found
    return found


def habits_of(tx: Transaction, owner: str, *, deleted: bool = False) -> list[Habit]:
    """Return all habits of an owner, oldest first."""
    return tx.port(HABITS).page(None, MOST_HABITS, owner=owner, deleted=deleted)


def of_owner(
    tx: Transaction,
    owner: str,
    *,
    archived: bool | None = None,
    after: UUID | str | None = None,
    limit: int = 50,
) -> list[Habit]:
    """Return an owner's habits, oldest first.

    Args:
        tx: The transaction.
        owner: Whose habits.
        archived: True for only those that are archived, False for only the others; all by default.
        after: The id of the last habit already seen; nothing comes after one that the owner does
            not have.
        limit: How many at most, 1 to 1000.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    given: object = archived
    if given is not None and not isinstance(given, bool):
        raise InvalidHabit("archived", given=archived, expected="True, False or None")
    start = None if after is None else ids.parse_id(after, "after")
    return tx.port(HABITS).page(start, ids.limit(limit), owner=owner, archived=archived)
