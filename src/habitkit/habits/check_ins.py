"""Checking in: recording that a habit was done."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.clock import instant
from habitkit.habits.domain import rules
from habitkit.habits.domain.amounts import ONE
from habitkit.habits.domain.days import habit_day, zone
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.model import CheckedIn
from habitkit.habits.lookup import lock_habit
from habitkit.habits.recompute import coins_moved, goal_on, recompute, status_on
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal
    from uuid import UUID

    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.timeline import Timeline
    from habitkit.transaction import Transaction

__all__ = ["check_in"]


def check_in(
    tx: Transaction,
    habit_id: UUID | str,
    *,
    day: date | None = None,
    at: datetime | None = None,
    tz: str | None = None,
    amount: Decimal | float = 1,
    note: str | None = None,
    idempotency_key: str | None = None,
) -> CheckedIn:
    """Record that a habit was done.

    The habit day is taken from ``at`` in the zone and fixed for good, or given as ``day`` ("I
    forgot yesterday"). A second check-in on a day that is done is kept and changes nothing else.

    Args:
        tx: The transaction.
        habit_id: The habit.
        day: The habit day; by default the day of ``at``.
        at: When it was done, not later than now (15 minutes of clock skew are accepted); now by
            default.
        tz: The IANA zone the owner is in; the habit's own by default.
        amount: How much, in the unit of the habit's goal: a finite number of at least 0, and above
            0 where the goal is ``done``. Under ``avoid`` 0 says that it was avoided, and anything
            above is a slip. It is kept as an exact decimal, a float by its shortest text: 0.1 is
            one tenth.
        note: A remark, at most 2000 characters.
        idempotency_key: The same key with the same arguments checks in once.

    Returns:
        The fact's id, the streak, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
        DayOutOfRange: If the day has not begun or lies more than a hundred years back.
        IdempotencyConflict: If the key was used with other arguments.
    """
    subject = ids.parse_id(habit_id, "habit_id")
    when = None if at is None else instant(at)
    if day is not None:
        rules.day(day, "day")
    if tz is not None:
        zone(tz)
    how_much = rules.amount(amount)
    rules.note(note)
    habit = lock_habit(tx, habit_id)
    if idempotency_key is None:
        return _check_in(tx, habit, day, when, tz, how_much, note, tx.new_id())
    work = partial(_check_in, tx, habit, day, when, tz, how_much, note)
    request: dict[str, object] = {
        "habit_id": subject,
        "day": day,
        "at": when,
        "tz": tz,
        "note": note,
    }
    if how_much != ONE:
        request["amount"] = str(how_much)
    return tx.once(habit.owner, "habits.check_in", idempotency_key, request, CheckedIn, work)


def _check_in(
    tx: Transaction,
    habit: Habit,
    day: date | None,
    at: datetime | None,
    tz: str | None,
    amount: Decimal,
    note: str | None,
    fact_id: UUID,
) -> CheckedIn:
    """Add the fact and emit what it changed, under the owner's lock."""
    other_facts = tx.port(HABITS).facts(habit.owner, habit.id)
    days = rules.timeline(habit, other_facts)
    when = tx.now if at is None else rules.when_done(at, tx.now)
    zone_name = days.zone_at(when).key if tz is None else tz
    today = max(days.latest_label(tx.now), _label(days, tx.now, tz))
    if day is None:
        day = _label(days, when, tz)
        today = max(today, day)  # a clock that is a little ahead is accepted in every zone
    credit = rules.credit_where(days, day, today, tx.now)
    if not amount:
        rules.amount_for(goal_on(habit, other_facts, day, tx.now), amount)
    fact = CheckIn(
        id=fact_id,
        habit_id=habit.id,
        owner=habit.owner,
        day=day,
        at=when,
        tz=zone_name,
        note=note,
        credit=credit,
        source="app",
        received_at=tx.now,
        amount=amount,
        seq=tx.next_seq(habit.owner),
    )
    tx.port(HABITS).add_facts((fact,))
    tx.cause = fact_id
    outcome = recompute(tx, habit, other_facts, (fact,))
    state = outcome.state
    return CheckedIn(
        id=fact_id,
        habit_id=habit.id,
        day=day,
        credit=credit,
        streak=state.streak,
        coins=coins_moved(outcome.events, habit.owner),
        events=tuple(outcome.events),
        status=status_on(outcome.evaluation, day),
        slack=state.slack,
    )


def _label(days: Timeline, at: datetime, tz: str | None) -> date:
    """Return the habit day of an instant, in another zone if one is given."""
    return days.label(at) if tz is None else habit_day(at, zone(tz), days.day_start_at(at))
