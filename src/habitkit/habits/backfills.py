"""Importing the done days of another tracker: they count for the streak but earn nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import day_boundary, habit_day
from habitkit.habits.domain.model import CheckIn, Habit
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.lookup import lock_habit
from habitkit.habits.recompute import recompute
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from habitkit.transaction import Transaction

__all__ = ["backfill"]


def backfill(tx: Transaction, habit_id: UUID | str, days: Collection[date], *, source: str) -> int:
    """Add done days from another tracker: each counts for the streak but earns nothing.

    A day that was added before is skipped, so a call may be repeated.

    Args:
        tx: The transaction.
        habit_id: The habit.
        days: The days on which it was done: a list or set, as an action may have to read them
            twice.
        source: Where they come from, for example ``"loop-csv"``.

    Returns:
        How many days are new.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If the days are not a list or set of dates, or the source is not 1 to 100
            characters.
        DayOutOfRange: If a day has not begun or lies more than a hundred years back.
    """
    subject = ids.parse_id(habit_id, "habit_id")
    rules.source(source)
    if not isinstance(days, Collection):
        raise InvalidHabit("days", given=days, expected="a list or set of dates")
    habit = lock_habit(tx, habit_id)
    owner = habit.owner
    days_of_habit = rules.timeline(habit, tx.port(HABITS).facts(owner, subject))
    zone, day_start = days_of_habit.zone_at(tx.now), days_of_habit.day_start_at(tx.now)
    zone_name = zone.key
    today = habit_day(tx.now, zone, day_start)
    wanted = {
        ids.derived_id(owner, "habits.backfill", source, str(subject), str(day)): day
        for day in sorted({rules.day(day, "days") for day in days})
    }
    recorded = tx.port(HABITS).known(list(wanted))
    facts = []
    for fact_id, day in wanted.items():
        rules.credit(day, today, tx.now, zone, day_start)
        if fact_id not in recorded:
            at = min(day_boundary(day, zone, day_start), tx.now)
            facts.append(
                CheckIn(
                    id=fact_id,
                    habit_id=subject,
                    owner=owner,
                    day=day,
                    at=at,
                    tz=zone_name,
                    note=None,
                    credit="history",
                    source=source,
                    received_at=tx.now,
                    seq=tx.next_seq(owner),
                )
            )
    _add_history(tx, habit, facts)
    return len(facts)


def _add_history(tx: Transaction, habit: Habit, facts: Sequence[CheckIn]) -> None:
    """Add many facts of history credit at once and emit what they changed."""
    if not facts:
        return
    tx.port(HABITS).add_facts(facts)
    recompute(tx, habit, tx.port(HABITS).facts(habit.owner, habit.id), facts)
