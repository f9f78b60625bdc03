"""What changes a habit's rules: freezes, repairs, new schedules, archiving, and travels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.clock import instant
from habitkit.errors import InvalidHabit
from habitkit.habits import lookup
from habitkit.habits.add_facts import add_facts, add_own_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import LATE_WINDOW, zone
from habitkit.habits.domain.evaluation import fold_history
from habitkit.habits.domain.facts import (
    Archived,
    FreezeGranted,
    Restored,
    ScheduleChanged,
    StreakRepaired,
    ZoneChanged,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Changed
    from habitkit.habits.domain.schedules import Schedule
    from habitkit.transaction import Transaction

__all__ = ["archive", "change_schedule", "grant_freeze", "repair", "restore", "travel"]

_MOST_FREEZES = 1000


def grant_freeze(
    tx: Transaction,
    habit_id: UUID | str,
    count: int = 1,
    *,
    effective_day: date | None = None,
    expires_day: date | None = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Give a habit freezes: each saves its streak from one missed slot.

    Args:
        tx: The transaction.
        habit_id: The habit.
        count: How many, 1 to 1000.
        effective_day: The first day whose slot one may save; today by default.
        expires_day: The last day whose slot one may save; they do not expire by default.
        idempotency_key: The same key with the same arguments gives them once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable, or they expire before they are effective.
        IdempotencyConflict: If the key was used with other arguments.
    """
    if type(count) is not int or not 1 <= count <= _MOST_FREEZES:
        raise InvalidHabit("count", given=count, expected=f"an int from 1 to {_MOST_FREEZES}")
    start = None if effective_day is None else rules.day(effective_day, "effective_day")
    end = None if expires_day is None else rules.day(expires_day, "expires_day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, start or history.today
        if end is not None and end < first:
            raise InvalidHabit("expires_day", given=end, expected=f"a day not before {first}")
        return (
            FreezeGranted(
                id=fact_id,
                habit_id=habit.id,
                owner=habit.owner,
                at=tx.now,
                effective_day=first,
                count=count,
                expires_day=end,
            ),
        )

    request = {"count": count, "effective_day": start, "expires_day": end}
    return add_facts(tx, habit_id, "grant_freeze", idempotency_key, request, facts)


def repair(
    tx: Transaction, habit_id: UUID | str, day: date, *, idempotency_key: str | None = None
) -> Changed:
    """Mend a missed slot, so that it no longer breaks the streak.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: A day of the slot.
        idempotency_key: The same key with the same arguments repairs once.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If the day's slot was not missed, or ended more than 48 hours ago.
        IdempotencyConflict: If the key was used with other arguments.
    """
    rules.day(day, "day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        known = lookup.history(tx, habit, lookup.snapshot_of(tx, habit))
        missed = [
            slot
            for slot in fold_history(known).slots
            if slot.first <= day <= slot.last
            and slot.status == "MISSED"
            and tx.now - slot.deadline <= LATE_WINDOW
        ]
        if not missed:
            expected = "a day of a missed slot that ended less than 48 hours ago"
            raise InvalidHabit("day", given=day, expected=expected)
        return (StreakRepaired(fact_id, habit.id, habit.owner, tx.now, day),)

    return add_facts(tx, habit_id, "repair", idempotency_key, {"day": day}, facts)


def change_schedule(
    tx: Transaction,
    habit_id: UUID | str,
    schedule: Schedule | None = None,
    goal: Goal | None = None,
    *,
    effective_day: date | None = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Put another schedule or goal in force; the slot that runs then is judged as it began.

    Args:
        tx: The transaction.
        habit_id: The habit.
        schedule: The schedule; as before by default.
        goal: The goal; as before by default.
        effective_day: From which day on, not before today; today by default.
        idempotency_key: The same key with the same arguments changes it once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
        MissingExtra: If the schedule needs python-dateutil and it is not installed.
        IdempotencyConflict: If the key was used with other arguments.
    """
    if schedule is None and goal is None:
        raise InvalidHabit("schedule", given=None, expected="a schedule, a goal, or both")
    start = None if effective_day is None else rules.day(effective_day, "effective_day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, start or history.today
        if first < history.today:
            expected = f"today, {history.today}, or later: the past is not rewritten"
            raise InvalidHabit("effective_day", given=first, expected=expected)
        before = history.version_on(first)
        new = (schedule or before.schedule, goal or before.goal)
        rules.possible(*new)
        return (ScheduleChanged(fact_id, habit.id, habit.owner, tx.now, first, *new),)

    request = {"schedule": schedule, "goal": goal, "effective_day": start}
    return add_facts(tx, habit_id, "change_schedule", idempotency_key, request, facts)


def archive(tx: Transaction, habit_id: UUID | str) -> Changed:
    """Put a habit away: from today on nothing is due, and its state stays as it is.

    Archiving what is archived changes nothing.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Raises:
        NotFound: If there is no such habit.
    """

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        fact = Archived(fact_id, habit.id, habit.owner, tx.now, history.today)
        return () if history.archived else (fact,)

    return add_facts(tx, habit_id, "archive", None, {}, facts)


def restore(tx: Transaction, habit_id: UUID | str) -> Changed:
    """Take a habit up again: from today on it is due as before, and the days between do not matter.

    Restoring what is not archived changes nothing.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Raises:
        NotFound: If there is no such habit.
    """

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        fact = Restored(fact_id, habit.id, habit.owner, tx.now, history.today)
        return (fact,) if history.archived else ()

    return add_facts(tx, habit_id, "restore", None, {}, facts)


def travel(
    tx: Transaction,
    owner: str,
    tz: str,
    at: datetime | None = None,
    *,
    idempotency_key: str | None = None,
) -> Changed:
    """Say in which zone an owner is from an instant on; habits without a zone follow.

    Args:
        tx: The transaction.
        owner: Who travels.
        tz: The IANA name of the zone.
        at: From when on, not later than now (15 minutes of clock skew are forgiven); now by
            default.
        idempotency_key: The same key with the same arguments travels once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    zone(tz)
    when = None if at is None else rules.when_done(instant(at), tx.now)

    def facts(fact_id: UUID) -> Sequence[OtherFact]:
        return (ZoneChanged(fact_id, owner, when or tx.now, tz),)

    return add_own_facts(tx, owner, "travel", idempotency_key, {"tz": tz, "at": when}, facts)
