"""Undoing a fact, and with it the coins that it alone earned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import NotFound
from habitkit.habits.domain.facts import CheckIn, CheckInVoid, Pause, Void, ZoneChanged
from habitkit.habits.domain.model import Undone
from habitkit.habits.domain.streaks import Streak
from habitkit.habits.lookup import get, lock_fact
from habitkit.habits.recompute import coins_moved, recompute, recompute_owner
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.transaction import Transaction

__all__ = ["undo"]


def undo(tx: Transaction, fact_id: UUID | str) -> Undone:
    """Undo a fact. Coins that it alone earned are taken back too, unless its slot is sealed.

    Undoing a fact a second time changes nothing.

    Args:
        tx: The transaction.
        fact_id: The fact: a check-in, as ``CheckedIn.id``, or any other, as ``Changed.id``.

    Returns:
        The streak, the coins that moved and all events.

    Raises:
        NotFound: If there is no such fact.
    """
    found = lock_fact(tx, fact_id)
    fact, voided = found.fact, found.voided
    if not isinstance(fact, CheckIn):
        return _undo_other(tx, fact)
    habit = get(tx, fact.habit_id)
    if not voided:
        tx.cause = tx.new_id()
        void = CheckInVoid(
            tx.cause, habit.id, habit.owner, fact.id, tx.now, tx.next_seq(habit.owner)
        )
        tx.port(HABITS).add_facts((void,))
    others = tx.port(HABITS).facts(habit.owner, habit.id)
    outcome = recompute(tx, habit, others, removed=() if voided else (fact,))
    coins = coins_moved(outcome.events, habit.owner)
    streak = outcome.state.streak
    return Undone(fact.id, habit.id, fact.day, streak, coins, tuple(outcome.events))


def _undo_other(tx: Transaction, fact: OtherFact) -> Undone:
    """Undo a fact other than a check-in, and emit what that changed, under the owner's lock.

    Raises:
        NotFound: If it is a fact that takes another back.
    """
    owner, fact_id = fact.owner, fact.id
    if isinstance(fact, Void):
        raise NotFound("fact", fact_id)
    tx.cause = tx.new_id()
    habit_id = None if isinstance(fact, ZoneChanged) else fact.habit_id
    void = Void(tx.cause, habit_id, owner, fact.id, tx.now, tx.next_seq(owner))
    if habit_id is None:
        if not _is_voided(tx.port(HABITS).facts(owner), fact_id):
            tx.port(HABITS).add_facts((void,))
        events = recompute_owner(tx, owner, (void,))
        return Undone(fact_id, None, None, Streak(0), coins_moved(events, owner), tuple(events))
    habit = get(tx, habit_id)
    other_facts = tx.port(HABITS).facts(owner, habit_id)
    added = () if _is_voided(other_facts, fact_id) else (void,)
    if added:
        tx.port(HABITS).add_facts(added)
    outcome = recompute(tx, habit, [*other_facts, *added], added)
    coins = coins_moved(outcome.events, owner)
    streak = outcome.state.streak
    return Undone(fact_id, habit_id, _day(fact), streak, coins, tuple(outcome.events))


def _is_voided(facts: Iterable[OtherFact], fact_id: UUID) -> bool:
    return any(isinstance(fact, Void) and fact.fact_id == fact_id for fact in facts)


def _day(fact: OtherFact) -> date | None:
    """Return the single day that a fact concerns, if it is one."""
    if isinstance(fact, Pause):
        return None
    return getattr(fact, "day", None) or getattr(fact, "effective_day", None)
