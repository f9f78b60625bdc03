"""Checking in and taking back where a habit is not simple."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import NotFound
from habitkit.habits.bitmap_changes import coins_moved
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import habit_day, zone
from habitkit.habits.domain.facts import CheckIn, Pause, Void, ZoneChanged
from habitkit.habits.domain.history import History
from habitkit.habits.domain.model import CheckedIn, Undone
from habitkit.habits.domain.streaks import Streak
from habitkit.habits.finding import get
from habitkit.habits.recompute import recompute, recompute_owner

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.habits.domain.derived_events import Derived
    from habitkit.habits.domain.facts import Fact, OtherFact
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import Status
    from habitkit.transaction import Transaction

__all__ = ["check_in_recomputed", "goal_on", "status_on", "undo_other", "undo_recomputed"]


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
    known = tx.habits.facts(habit.owner, habit.id)
    days = rules.timeline(habit, known)
    when = tx.now if at is None else rules.when_done(at, tx.now)
    there = days.zone_at(when).key if tz is None else tz
    here = days.label(tx.now) if tz is None else habit_day(tx.now, zone(tz), habit.clock.day_start)
    today = max(days.latest_label(tx.now), here)
    if day is None:
        day = days.label(when) if tz is None else habit_day(when, zone(tz), habit.clock.day_start)
        today = max(today, day)  # a clock that is a little ahead is forgiven in every zone
    worth = rules.credit_where(days, day, today, tx.now)
    if not amount:
        rules.amount_for(goal_on(habit, known, day, tx.now), amount)
    fact = CheckIn(
        id=fact_id,
        habit_id=habit.id,
        owner=habit.owner,
        day=day,
        at=when,
        tz=there,
        note=note,
        credit=worth,
        source="app",
        received_at=tx.now,
        amount=amount,
    )
    tx.habits.add_check_ins((fact,))
    tx.cause = fact_id
    outcome = recompute(tx, habit, known, (fact,))
    state = outcome.derived.state
    return CheckedIn(
        id=fact_id,
        habit_id=habit.id,
        day=day,
        credit=worth,
        streak=state.streak,
        coins=coins_moved(outcome.events, habit.owner),
        events=tuple(outcome.events),
        status=status_on(outcome.derived, day),
        slack=state.slack,
    )


def goal_on(habit: Habit, facts: Iterable[Fact], day: date, now: datetime) -> Goal:
    """Return the goal by which what is recorded on a day is judged."""
    return History(habit, facts, now).version_on(day).goal


def status_on(derived: Derived, day: date) -> Status:
    """Return how the slot of a day stands; EXEMPT if the day is in none."""
    for slot in reversed(derived.slots):
        if slot.first <= day <= slot.last:
            return slot.status
    return "EXEMPT"


def undo_recomputed(tx: Transaction, habit: Habit, fact: CheckIn, *, voided: bool) -> Undone:
    """Take a check-in back and emit what that changed, under the owner's lock."""
    if not voided:
        tx.cause = tx.new_id()
        tx.habits.add_void(Void(tx.cause, habit.id, habit.owner, fact.id, tx.now))
    others = tx.habits.facts(habit.owner, habit.id)
    outcome = recompute(tx, habit, others, removed=() if voided else (fact,))
    coins = coins_moved(outcome.events, habit.owner)
    streak = outcome.derived.state.streak
    return Undone(fact.id, habit.id, fact.day, streak, coins, tuple(outcome.events))


def undo_other(tx: Transaction, owner: str, fact_id: UUID) -> Undone:
    """Take a fact back that is no check-in, and emit what that changed, under the owner's lock.

    Raises:
        NotFound: If there is no such fact, or it is one that takes another back.
    """
    fact = tx.habits.fact(fact_id)
    if fact is None or isinstance(fact, Void):
        raise NotFound("check-in", fact_id)
    tx.cause = tx.new_id()
    habit_id = None if isinstance(fact, ZoneChanged) else fact.habit_id
    void = Void(tx.cause, habit_id, owner, fact.id, tx.now)
    if habit_id is None:
        if not _is_voided(tx.habits.facts(owner), fact_id):
            tx.habits.add_facts((void,))
        events = recompute_owner(tx, owner, (void,))
        return Undone(fact_id, None, None, Streak(0), coins_moved(events, owner), tuple(events))
    habit = get(tx, habit_id)
    known = tx.habits.facts(owner, habit_id)
    added = () if _is_voided(known, fact_id) else (void,)
    if added:
        tx.habits.add_facts(added)
    outcome = recompute(tx, habit, [*known, *added], added)
    coins = coins_moved(outcome.events, owner)
    streak = outcome.derived.state.streak
    return Undone(fact_id, habit_id, _day(fact), streak, coins, tuple(outcome.events))


def _is_voided(facts: Iterable[OtherFact], fact_id: UUID) -> bool:
    return any(isinstance(fact, Void) and fact.fact_id == fact_id for fact in facts)


def _day(fact: OtherFact) -> date | None:
    """Return the single day that a fact concerns, if it is one."""
    if isinstance(fact, Pause):
        return None
    return getattr(fact, "day", None) or getattr(fact, "effective_day", None)
