"""Checking in: by the bitmap for a simple habit, by recomputing from the facts for others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.clock import instant
from habitkit.habits import lookup
from habitkit.habits.bitmap_changes import coins_moved, first_received, move_receipt, turn
from habitkit.habits.domain import bitmap, rules
from habitkit.habits.domain.days import habit_day, zone
from habitkit.habits.domain.days import zone as zone_of
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.model import CheckedIn
from habitkit.habits.lookup import lock_habit
from habitkit.habits.recompute import goal_on, recompute, status_on
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.events import Event
    from habitkit.habits.domain.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["check_in", "check_in_now", "check_in_recomputed"]


def check_in(
    tx: Transaction,
    habit_id: UUID | str,
    *,
    day: date | None = None,
    at: datetime | None = None,
    tz: str | None = None,
    amount: float = 1,
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
            0 where the goal counts no amounts.
        note: A remark, at most 2000 characters.
        idempotency_key: The same key with the same arguments checks in once.

    Returns:
        The fact's id, the streak, the coins earned and all events.

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
        zone_of(tz)
    if amount != 1 or type(amount) is not int:
        rules.amount(amount)
    rules.note(note)
    habit = lock_habit(tx, habit_id)
    if idempotency_key is None:
        return check_in_now(tx, habit, day, when, tz, amount, note, tx.new_id())
    work = partial(check_in_now, tx, habit, day, when, tz, amount, note)
    request: dict[str, object] = {
        "habit_id": subject,
        "day": day,
        "at": when,
        "tz": tz,
        "note": note,
    }
    if amount != 1:
        request["amount"] = amount
    return tx.once(habit.owner, "habits.check_in", idempotency_key, request, CheckedIn, work)


def check_in_now(
    tx: Transaction,
    habit: Habit,
    day: date | None,
    at: datetime | None,
    tz: str | None,
    amount: float,
    note: str | None,
    fact_id: UUID,
) -> CheckedIn:
    """Add the fact and emit what it changed, under the owner's lock."""
    snapshot = lookup.snapshot_of(tx, habit)
    if snapshot.recomputed_at is not None or tx.settings(HabitSettings).strength is not None:
        return check_in_recomputed(tx, habit, day, at, tz, amount, note, fact_id)
    if not amount:
        rules.amount_for(habit.goal, amount)
    home_name, day_start = habit.clock.tz or "UTC", habit.clock.day_start
    home = zone_of(home_name)  # where a day is sealed does not depend on travels
    zone = zone_of(tz) if tz else home
    today = habit_day(tx.now, zone, day_start)
    when = tx.now if at is None else rules.when_done(at, tx.now)
    if day is None:
        day = today if at is None else habit_day(when, zone, day_start)
        today = max(today, day)  # a clock that is a little ahead is accepted in every zone
    credit = rules.credit(day, today, tx.now, home, day_start)
    fact = CheckIn(
        id=fact_id,
        habit_id=habit.id,
        owner=habit.owner,
        day=day,
        at=when,
        tz=tz or home_name,
        note=note,
        credit=credit,
        source="app",
        received_at=tx.now,
        amount=amount,
        seq=tx.next_seq(habit.owner),
    )
    _, earned_before = bitmap.reading(snapshot, day)
    first = first_received(tx, habit, day) if earned_before else None
    tx.port(HABITS).add_facts((fact,))
    tx.cause = fact_id
    earned = earned_before or credit == "full"
    events: list[Event] = []
    if credit == "full" and (first is None or tx.now < first):
        if first is not None:
            events += move_receipt(tx, habit, snapshot, day, tx.now)
        first = tx.now
    snapshot, turned = turn(tx, habit, snapshot, day, done=True, earned=earned, received_at=first)
    events += turned
    return CheckedIn(
        id=fact_id,
        habit_id=habit.id,
        day=day,
        credit=credit,
        streak=bitmap.current_run(snapshot, max(day, today)),
        coins=coins_moved(events, habit.owner),
        events=tuple(events),
    )


def check_in_recomputed(
    tx: Transaction,
    habit: Habit,
    day: date | None,
    at: datetime | None,
    tz: str | None,
    amount: float,
    note: str | None,
    fact_id: UUID,
) -> CheckedIn:
    """Add a check-in and emit what it changed, under the owner's lock."""
    other_facts = tx.port(HABITS).facts(habit.owner, habit.id)
    days = rules.timeline(habit, other_facts)
    when = tx.now if at is None else rules.when_done(at, tx.now)
    zone_name = days.zone_at(when).key if tz is None else tz
    label = days.label(tx.now) if tz is None else habit_day(tx.now, zone(tz), habit.clock.day_start)
    today = max(days.latest_label(tx.now), label)
    if day is None:
        day = days.label(when) if tz is None else habit_day(when, zone(tz), habit.clock.day_start)
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
    state = outcome.derived.state
    return CheckedIn(
        id=fact_id,
        habit_id=habit.id,
        day=day,
        credit=credit,
        streak=state.streak,
        coins=coins_moved(outcome.events, habit.owner),
        events=tuple(outcome.events),
        status=status_on(outcome.derived, day),
        slack=state.slack,
    )
