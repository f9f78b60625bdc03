"""Skipping and pausing days, and ending that."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit.errors import NotFound
from habitkit.habits.add_facts import add_facts, add_own_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.facts import Pause, Skip, Void
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Changed, Habit
    from habitkit.transaction import Transaction

__all__ = ["pause", "pause_all", "resume", "resume_all", "skip", "unskip"]

_DAY = timedelta(days=1)


def skip(
    tx: Transaction,
    habit_id: UUID | str,
    day: date | None = None,
    *,
    idempotency_key: str | None = None,
) -> Changed:
    """Skip a day: it counts as neither done nor missed.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: The habit day; today by default.
        idempotency_key: The same key with the same arguments skips once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    checked_day = None if day is None else rules.day(day, "day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        return (
            Skip(
                fact_id,
                habit.id,
                habit.owner,
                tx.now,
                checked_day or history.today,
                tx.next_seq(habit.owner),
            ),
        )

    return add_facts(tx, habit_id, "skip", idempotency_key, {"day": checked_day}, facts)


def unskip(tx: Transaction, habit_id: UUID | str, day: date | None = None) -> Changed:
    """Undo the skip of a day.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: The habit day; today by default.

    Raises:
        NotFound: If there is no such habit, or the day is not skipped.
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    checked_day = None if day is None else rules.day(day, "day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        day = checked_day or history.today
        skips = [fact for fact in history.others if isinstance(fact, Skip) and fact.day == day]
        if not skips:
            raise NotFound("skip", day)
        return _voids(tx, history.habit, skips, fact_id)

    return add_facts(tx, habit_id, "unskip", None, {}, facts)


def pause(
    tx: Transaction,
    habit_id: UUID | str,
    start: date,
    end: date | None = None,
    *,
    idempotency_key: str | None = None,
) -> Changed:
    """Pause a habit, for a vacation or an illness; the days may lie in the past.

    Args:
        tx: The transaction.
        habit_id: The habit.
        start: The first day.
        end: The last day; by default the pause lasts until ``resume``.
        idempotency_key: The same key with the same arguments pauses once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable, or the end comes before the start.
        IdempotencyConflict: If the key was used with other arguments.
    """
    first, last = _span(start, end)

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit = history.habit
        return (
            Pause(fact_id, habit.id, habit.owner, tx.now, first, last, tx.next_seq(habit.owner)),
        )

    return add_facts(tx, habit_id, "pause", idempotency_key, {"start": first, "end": last}, facts)


def pause_all(
    tx: Transaction,
    owner: str,
    start: date,
    end: date | None = None,
    *,
    idempotency_key: str | None = None,
) -> Changed:
    """Pause all habits of an owner, including those created later.

    Args:
        tx: The transaction.
        owner: Whose habits.
        start: The first day.
        end: The last day; by default the pause lasts until ``resume_all``.
        idempotency_key: The same key with the same arguments pauses once.

    Raises:
        InvalidInput: If an argument is not acceptable, or the end comes before the start.
        IdempotencyConflict: If the key was used with other arguments.
    """
    first, last = _span(start, end)

    def facts(fact_id: UUID) -> Sequence[OtherFact]:
        return (Pause(fact_id, None, owner, tx.now, first, last, tx.next_seq(owner)),)

    return add_own_facts(
        tx, owner, "pause_all", idempotency_key, {"start": first, "end": last}, facts
    )


def resume(tx: Transaction, habit_id: UUID | str, day: date | None = None) -> Changed:
    """End the pauses of a habit: from a day on it is due again.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: The first day that counts again; today by default.

    Raises:
        NotFound: If there is no such habit, or it is not paused on that day.
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    checked_day = None if day is None else rules.day(day, "day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        day = checked_day or history.today
        pauses = [p for p in _pauses(history.others, day) if p.habit_id is not None]
        if not pauses:
            raise NotFound("pause", day)
        return (*_voids(tx, history.habit, pauses, fact_id), *_shortened(tx, pauses, day))

    return add_facts(tx, habit_id, "resume", None, {}, facts)


def resume_all(tx: Transaction, owner: str, day: date) -> Changed:
    """End the pauses of an owner: from a day on all habits are due again.

    Args:
        tx: The transaction.
        owner: Whose habits.
        day: The first day that counts again.

    Raises:
        NotFound: If the owner is not paused on that day.
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    first = rules.day(day, "day")

    def facts(fact_id: UUID) -> Sequence[OtherFact]:  # noqa: ARG001 - each end has its own
        own_facts = tx.port(HABITS).facts(owner)
        voided = {fact.fact_id for fact in own_facts if isinstance(fact, Void)}
        of_all = [f for f in own_facts if isinstance(f, Pause) and f.habit_id is None]
        pauses = _pauses((fact for fact in of_all if fact.id not in voided), first)
        if not pauses:
            raise NotFound("pause", first)
        ends = [
            Void(tx.new_id(), None, owner, fact.id, tx.now, tx.next_seq(owner)) for fact in pauses
        ]
        return (*ends, *_shortened(tx, pauses, first))

    return add_own_facts(tx, owner, "resume_all", None, {}, facts)


def _span(start: date, end: date | None) -> tuple[date, date | None]:
    first = rules.day(start, "start")
    last = None if end is None else rules.day(end, "end")
    if last is not None and last < first:
        raise InvalidHabit("end", given=last, expected=f"a day not before the start, {first}")
    return first, last


def _pauses(facts: Iterable[OtherFact], day: date) -> list[Pause]:
    """Return the pauses that a day lies in."""
    return [
        fact
        for fact in facts
        if isinstance(fact, Pause) and fact.start <= day <= (fact.end or date.max)
    ]


def _voids(
    tx: Transaction, habit: Habit, pauses: Sequence[OtherFact], fact_id: UUID
) -> list[OtherFact]:
    """Return the facts that take facts of a habit back."""
    new = (fact_id, *(tx.new_id() for _ in pauses[1:]))
    return [
        Void(void_id, habit.id, habit.owner, fact.id, tx.now, tx.next_seq(habit.owner))
        for void_id, fact in zip(new, pauses, strict=True)
    ]


def _shortened(tx: Transaction, pauses: Sequence[Pause], day: date) -> list[OtherFact]:
    """Return pauses that end before a day in the place of longer ones."""
    return [
        Pause(
            tx.new_id(),
            fact.habit_id,
            fact.owner,
            tx.now,
            fact.start,
            day - _DAY,
            tx.next_seq(fact.owner),
        )
        for fact in pauses
        if fact.start < day
    ]
