"""Importing the days of another tracker: done ones count for the streak but earn nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import day_boundary, habit_day
from habitkit.habits.domain.facts import CheckIn, Skip
from habitkit.habits.domain.history import History
from habitkit.habits.domain.past_days import past_days
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.lookup import lock_habit
from habitkit.habits.recompute import recompute
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from habitkit.habits.domain.past_days import PastDay
    from habitkit.transaction import Transaction

__all__ = ["backfill", "past_day_id"]


def backfill(
    tx: Transaction, habit_id: UUID | str, days: Collection[date | PastDay], *, source: str
) -> int:
    """Add days from another tracker: done ones count for the streak but earn nothing.

    A day that was added before is not added again, so a call may be repeated, and what was undone
    or edited in between stays as it is.

    Args:
        tx: The transaction.
        habit_id: The habit.
        days: The days: a date on which it was done, or a ``PastDay`` with an amount, a note or
            a skip. They are a list or set, as an action may have to read them twice.
        source: Where they come from, for example ``"loop-csv"``.

    Returns:
        How many days are new.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If the days are not a list or set of such values, a day is given twice with
            different values, an amount is 0 where the goal counts none, or the source is not 1 to
            100 characters.
        DayOutOfRange: If a day has not begun or lies more than a hundred years back.
    """
    subject = ids.parse_id(habit_id, "habit_id")
    rules.source(source)
    if not isinstance(days, Collection):
        raise InvalidHabit("days", given=days, expected="a list or set of dates and PastDay")
    records = past_days(days)
    habit = lock_habit(tx, habit_id)
    owner = habit.owner
    others = tx.port(HABITS).facts(owner, subject)
    history = History(habit, others, tx.now)
    zone, day_start = history.timeline.zone_at(tx.now), history.timeline.day_start_at(tx.now)
    zone_name = zone.key
    today = habit_day(tx.now, zone, day_start)
    wanted = {past_day_id(owner, source, subject, record): record for record in records}
    known = {fact.id for fact in others}
    known |= tx.port(HABITS).known([id_ for id_, it in wanted.items() if not it.skipped])
    facts: list[CheckIn | Skip] = []
    for fact_id, record in wanted.items():
        day = record.day
        rules.credit(day, today, tx.now, zone, day_start)
        if not record.skipped:
            rules.amount_for(history.version_on(day).goal, record.amount)
        if fact_id in known:
            continue
        seq = tx.next_seq(owner)
        if record.skipped:
            facts.append(Skip(fact_id, subject, owner, tx.now, day, seq))
            continue
        facts.append(
            CheckIn(
                id=fact_id,
                habit_id=subject,
                owner=owner,
                day=day,
                at=min(day_boundary(day, zone, day_start), tx.now),
                tz=zone_name,
                note=record.note,
                credit="history",
                source=source,
                received_at=tx.now,
                amount=record.amount,
                seq=seq,
            )
        )
    if facts:
        tx.port(HABITS).add_facts(facts)
        skips = [fact for fact in facts if isinstance(fact, Skip)]
        recompute(tx, habit, [*others, *skips], facts)
    return len(facts)


def past_day_id(owner: str, source: str, habit_id: UUID, record: PastDay) -> UUID:
    """Return the id of the fact that a day becomes: the same for the same day of a source."""
    names = (owner, "habits.backfill", source, str(habit_id), str(record.day))
    return ids.derived_id(*names, "skip") if record.skipped else ids.derived_id(*names)
