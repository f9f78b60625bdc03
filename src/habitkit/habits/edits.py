"""Edits of check-ins, of a habit's title and tags, and of the order of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve

from habitkit import ids
from habitkit.errors import NotFound
from habitkit.habits.domain import rules
from habitkit.habits.domain.facts import CheckIn, CheckInVoid
from habitkit.habits.domain.model import CheckedIn, Habit
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.events import HabitChanged
from habitkit.habits.lookup import get, habits_of, lock_fact, lock_habit
from habitkit.habits.metadata import json_metadata
from habitkit.habits.recompute import coins_moved, goal_on, recompute, status_on
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date
    from decimal import Decimal
    from uuid import UUID

    from habitkit.transaction import Transaction

__all__ = ["edit", "reorder", "update"]

_MOST_PLACES = 1000


def edit(
    tx: Transaction,
    fact_id: UUID | str,
    *,
    amount: Decimal | float | None = None,
    note: str | Literal[False] | None = None,
    day: date | None = None,
) -> CheckedIn:
    """Correct a check-in: it is undone, and a new one takes its place and its credit.

    On another day its credit is decided anew, as if it were received now; what was ``history``
    stays so.

    Args:
        tx: The transaction.
        fact_id: The check-in, as ``CheckedIn.id``.
        amount: The right amount; as before by default.
        note: The right note; as before by default, False for none.
        day: The right habit day; as before by default.

    Returns:
        The new fact's id, the streak, the coins that moved and all events.

    Raises:
        NotFound: If there is no such check-in, or it was undone.
        InvalidInput: If an argument is not acceptable; the message names it.
        DayOutOfRange: If the day has not begun or lies more than a hundred years back.
    """
    ids.parse_id(fact_id, "fact_id")
    right = None if amount is None else rules.amount(amount)
    if note is not False:
        rules.note(note)
    if day is not None:
        rules.day(day, "day")
    found = lock_fact(tx, fact_id)
    old = found.fact
    if found.voided or not isinstance(old, CheckIn):
        raise NotFound("check-in", fact_id)
    owner, habit = old.owner, get(tx, old.habit_id)
    other_facts = tx.port(HABITS).facts(owner, habit.id)
    new = evolve(
        old,
        id=old.successor,
        seq=tx.next_seq(owner),
        amount=old.amount if right is None else right,
        note=None if note is False else old.note if note is None else note,
    )
    if day is not None and day != old.day:
        days = rules.timeline(habit, other_facts)
        credit = rules.credit_where(days, day, days.latest_label(tx.now), tx.now)
        credit = "history" if old.credit == "history" else credit
        new = evolve(new, day=day, credit=credit, received_at=tx.now)
    if not new.amount:
        rules.amount_for(goal_on(habit, other_facts, new.day, tx.now), new.amount)
    void = CheckInVoid(tx.new_id(), habit.id, owner, old.id, tx.now, tx.next_seq(owner))
    tx.port(HABITS).add_facts((void, new))
    tx.cause = new.id
    outcome = recompute(tx, habit, other_facts, (new,), (old,))
    state = outcome.state
    return CheckedIn(
        id=new.id,
        habit_id=habit.id,
        day=new.day,
        credit=new.credit,
        streak=state.streak,
        coins=coins_moved(outcome.events, owner),
        events=tuple(outcome.events),
        status=status_on(outcome.evaluation, new.day),
        slack=state.slack,
    )


def update(
    tx: Transaction,
    habit_id: UUID | str,
    *,
    title: str | None = None,
    tags: Collection[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Habit:
    """Give a habit another title, other tags or other metadata.

    Args:
        tx: The transaction.
        habit_id: The habit.
        title: Its title, 1 to 200 characters; as before by default.
        tags: Its tags, all of them; as before by default.
        metadata: Its metadata, all of it, at most 4 KiB; as before by default, ``{}`` for none.

    Returns:
        The habit as it is now.

    Raises:
        NotFound: If there is no such habit.
        InvalidHabit: If an argument is not acceptable; the message names it.
    """
    lock_habit(tx, habit_id)
    habit = get(tx, habit_id)
    new = evolve(
        habit,
        title=habit.title if title is None else rules.title(title),
        tags=habit.tags if tags is None else rules.tags(tags),
        metadata=habit.metadata if metadata is None else json_metadata(metadata),
    )
    if new != habit or metadata is not None:  # in JSON True is not 1, though they are equal
        tx.port(HABITS).put(new)
    if new.tags != habit.tags:
        tx.notify(HabitChanged(habit.owner, tx.now, habit.id))
    return new


def reorder(tx: Transaction, owner: str, habit_ids: Sequence[UUID | str]) -> None:
    """Put an owner's habits in an order; those that are not named come after them.

    Args:
        tx: The transaction.
        owner: Whose habits.
        habit_ids: Up to 1000 habits, each once, in the order wanted.

    Raises:
        NotFound: If one of them is not a habit of the owner.
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    if not isinstance(habit_ids, (list, tuple)) or not 0 < len(habit_ids) <= _MOST_PLACES:
        expected = f"a list of 1 to {_MOST_PLACES} ids of habits"
        raise InvalidHabit("habit_ids", given=habit_ids, expected=expected)
    wanted = [ids.parse_id(habit_id, "habit_ids") for habit_id in habit_ids]
    if len(set(wanted)) < len(wanted):
        raise InvalidHabit("habit_ids", given=habit_ids, expected="ids without duplicates")
    tx.lock(owner)
    positions = {habit_id: position for position, habit_id in enumerate(wanted)}
    habits = {habit_id: tx.port(HABITS).get(habit_id) for habit_id in wanted}
    for habit_id, habit in habits.items():
        if habit is None or habit.owner != owner:
            raise NotFound("habit", habit_id)
    others = [
        habit
        for habit in habits_of(tx, owner)
        if habit.position is not None and habit.id not in positions
    ]
    others.sort(key=lambda habit: (habit.position, habit.seq))
    positions |= {habit.id: len(positions) + n for n, habit in enumerate(others)}
    for habit in (*habits.values(), *others):
        if habit is not None and habit.position != positions[habit.id]:
            tx.port(HABITS).put(evolve(habit, position=positions[habit.id]))
