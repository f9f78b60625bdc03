"""Offline sync: what a device recorded while it had no connection, all at once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from habitkit import ids, together
from habitkit.clock import instant
from habitkit.errors import (
    AnswerForgotten,
    IdempotencyConflict,
    InvalidHabit,
    InvalidInput,
    NotFound,
    Refused,
)
from habitkit.events import HabitCompleted, StreakReached
from habitkit.habits.checking_in import CHECK_IN, check_in
from habitkit.habits.model import CheckedIn, OfflineCheckIn, Refusal
from habitkit.habits.store import HabitBatches
from habitkit.streaks import rules
from habitkit.streaks.days import habit_day, zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from habitkit.events import Event
    from habitkit.habits.model import Habit
    from habitkit.streaks.model import Snapshot
    from habitkit.together import Foreseen
    from habitkit.transaction import Transaction

__all__ = ["check_in_many"]

_MOST_ITEMS = 10_000
_RECENT_DAYS = 4  # what is further back earns nothing
_REFUSALS = (InvalidInput, NotFound, Refused, IdempotencyConflict, AnswerForgotten)


def check_in_many(tx: Transaction, batch: Sequence[OfflineCheckIn]) -> list[CheckedIn | Refusal]:
    """Record many check-ins in one transaction; each is taken or refused for itself.

    Args:
        tx: The transaction.
        batch: Up to 10,000 check-ins. With an ``idempotency_key`` each, a batch may be sent again.

    Returns:
        For each item, in their order, what it did, or why it was refused.

    Raises:
        InvalidHabit: If the batch is none.
    """
    if not isinstance(batch, (list, tuple)) or len(batch) > _MOST_ITEMS:
        expected = f"a list of up to {_MOST_ITEMS} OfflineCheckIn"
        raise InvalidHabit("batch", given=type(batch).__name__, expected=expected)
    if any(not isinstance(item, OfflineCheckIn) for item in batch):
        raise InvalidHabit("batch", given=batch, expected="OfflineCheckIn items only")
    subjects = [_subject(item) for item in batch]
    asked = {subject.int: subject for subject in subjects if subject is not None}
    found = together.habits_of(tx.habits, list(asked.values()))
    theirs = {habit.id.int: habit for habit in found if tx.scope in {None, habit.owner}}
    habits = [None if subject is None else theirs.get(subject.int) for subject in subjects]
    results: list[CheckedIn | Refusal] = []
    if theirs:
        tx.lock_all({habit.owner for habit in theirs.values()})
    if theirs and isinstance(tx.habits, HabitBatches):
        ours = [(item, habit) for item, habit in zip(batch, habits, strict=True) if habit]
        days = _days(tx, ours)
        with together.together(tx, _foreseen(ours, days)) as foresee_payments:
            foresee_payments(_payments(tx, days))
            for item in batch:
                results.append(_one(tx, len(results), item))
    while len(results) < len(batch):  # all of it, or what memory did not tell
        results.append(_one(tx, len(results), batch[len(results)]))
    return results


def _subject(item: OfflineCheckIn) -> UUID | None:
    """Return the habit an item names, if it names one."""
    try:
        return ids.parse_id(item.habit_id, "habit_id")
    except InvalidInput:
        return None


def _key(item: OfflineCheckIn) -> str | None:
    """Return the key of an item, if it has one that may be used."""
    try:
        return ids.key(item.idempotency_key)
    except InvalidInput:
        return None


def _foreseen(
    ours: Iterable[tuple[OfflineCheckIn, Habit]], days: Iterable[tuple[Habit, date]]
) -> Foreseen:
    """Return what the items will ask for; a wrong guess costs a statement and nothing else."""
    habits = {habit.id.int: habit for _, habit in ours}
    first: dict[int, date] = {}
    for habit, day in days:
        first[habit.id.int] = min(day, first.get(habit.id.int, day))
    keys: dict[str, dict[str, None]] = {}
    for item, habit in ours:
        key = _key(item)
        if key is not None:
            keys.setdefault(habit.owner, {})[key] = None
    return together.Foreseen(
        owners=sorted({habit.owner for habit in habits.values()}),
        habits=[habit.id for habit in habits.values()],
        days={habits[number].id: day for number, day in first.items()},
        operation=CHECK_IN,
        keys={owner: list(theirs) for owner, theirs in keys.items()},
        facts=[ids.derived_id(owner, CHECK_IN, key) for owner in keys for key in keys[owner]],
    )


def _days(
    tx: Transaction, ours: Iterable[tuple[OfflineCheckIn, Habit]]
) -> list[tuple[Habit, date]]:
    """Return the days that items are most likely about, each once."""
    days: dict[tuple[int, date], tuple[Habit, date]] = {}
    for item, habit in ours:
        day = _day(tx, habit, item)
        if day is not None:
            days[habit.id.int, day] = (habit, day)
    return list(days.values())


def _payments(tx: Transaction, days: Iterable[tuple[Habit, date]]) -> dict[str, list[str]]:
    """Return under which keys days are likely to be paid for, by owner."""
    today = tx.now.date()
    strips: dict[int, Snapshot] = {}
    keys: dict[str, list[str]] = {}
    for habit, day in days:
        events: list[Event] = [HabitCompleted(habit.owner, tx.now, habit.id, day, "full")]
        if abs((day - today).days) <= _RECENT_DAYS:
            before = strips.get(habit.id.int) or tx.streaks.get(habit.id)
            before = before or rules.empty(habit.id, habit.owner)
            after = strips[habit.id.int] = rules.mark(before, day, before.rev, done=True)
            _, gained = rules.milestones_moved(before, after, day)
            events += [StreakReached(habit.owner, tx.now, habit.id, *each) for each in gained]
        for event in events:
            keys.setdefault(habit.owner, []).extend(tx.economy.keys_of(event))
    return keys


def _day(tx: Transaction, habit: Habit, item: OfflineCheckIn) -> date | None:
    """Return the day an item is most likely about."""
    if item.day is not None:
        return item.day if type(item.day) is date else None
    try:
        when = tx.now if item.at is None else instant(item.at)
        return habit_day(when, zone(item.tz or habit.clock.tz or "UTC"), habit.clock.day_start)
    except (InvalidInput, OverflowError, ValueError):
        return None


def _one(tx: Transaction, index: int, item: OfflineCheckIn) -> CheckedIn | Refusal:
    """Check in, or say why not; what is refused has written nothing."""
    try:
        with tx.savepoint():
            return check_in(
                tx,
                item.habit_id,
                day=item.day,
                at=item.at,
                tz=item.tz,
                amount=item.amount,
                note=item.note,
                idempotency_key=item.idempotency_key,
            )
    except _REFUSALS as error:
        return Refusal(index, type(error).__name__, str(error))
