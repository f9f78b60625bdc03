"""Archiving a habit, and restoring it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit.habits import lookup
from habitkit.habits.add_facts import add_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.credited import is_by_record
from habitkit.habits.domain.facts import Archived, Restored
from habitkit.habits.domain.slot_status import slots
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Changed, Habit
    from habitkit.transaction import Transaction

__all__ = ["archive", "first_archivable_day", "restore"]

_DAY = timedelta(days=1)


def archive(tx: Transaction, habit_id: UUID | str, *, day: date | None = None) -> Changed:
    """Archive a habit: from a day on nothing is due, and its state stays as it is.

    What was done keeps its coins: no day before the last one with a check-in is accepted. Archiving
    an archived habit again changes nothing, and returns the id of the same fact.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: From which day on, not after today and not before the last day with a check-in; by
            default today, or that day if it is later.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If the day is no date or out of that range, or before the day from which on
            the habit is archived already.
    """
    since = None if day is None else rules.day(day, "day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        if history.archived:
            if since is not None and since < history.lasting_until:
                expected = (
                    f"{history.lasting_until}, from which day on the habit is archived already, or "
                    "none; to archive it from an earlier day on, restore it first"
                )
                raise InvalidHabit("day", given=since, expected=expected)
            return ()
        last = _last_recorded(tx, habit, history.today)
        latest = history.today if last is None else max(history.today, last)
        first = latest if since is None else _checked(tx, habit, since, latest)
        seq = tx.next_seq(habit.owner)
        return (Archived(fact_id, habit.id, habit.owner, tx.now, first, seq),)

    return add_facts(tx, habit_id, "archive", None, {}, facts, Archived)


def first_archivable_day(tx: Transaction, habit: Habit, day: date) -> date:
    """Return the first day, not before a given one, from which on a habit may be archived.

    That is the last day with a check-in. A maximum, or what is avoided, does not count on the day
    of archiving, so there it is the day after the last slot that is done.
    """
    last = _last_recorded(tx, habit, day)
    first = day if last is None else last
    history = lookup.history(tx, habit, day)
    for slot in reversed(slots(history)):
        if slot.last < first:
            break
        if is_by_record(slot) and history.version_on(slot.first).goal.kind in {"avoid", "at_most"}:
            return slot.last + _DAY
    return first


def _last_recorded(tx: Transaction, habit: Habit, since: date) -> date | None:
    """Return the last day with a check-in that counts, if that is a given day or a later one."""
    live = tx.port(HABITS).live(habit.id, since)
    return live[-1].day if live else None


def _checked(tx: Transaction, habit: Habit, day: date, latest: date) -> date:
    """Return a day from which on a habit may be archived.

    Raises:
        InvalidHabit: If it is too late or too early.
    """
    if day > latest:
        raise InvalidHabit("day", given=day, expected=f"{latest} or an earlier day")
    first = first_archivable_day(tx, habit, day)
    if day < first:
        days = f"{first}" if first == latest else f"a day from {first} to {latest}"
        expected = f"{days}, so that all that was done still counts"
        raise InvalidHabit("day", given=day, expected=expected)
    return day


def restore(tx: Transaction, habit_id: UUID | str) -> Changed:
    """Restore an archived habit: it is due again from today on, and the days between do not count.

    Restoring a habit again changes nothing, and returns the id of the same fact.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Raises:
        NotFound: If there is no such habit.
    """

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        if not history.archived:
            return ()
        seq = tx.next_seq(habit.owner)
        return (Restored(fact_id, habit.id, habit.owner, tx.now, history.today, seq),)

    return add_facts(tx, habit_id, "restore", None, {}, facts, Restored)
