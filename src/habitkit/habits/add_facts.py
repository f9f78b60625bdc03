"""Adding facts other than check-ins, and emitting the events that they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.habits.domain.history import History
from habitkit.habits.domain.model import Changed
from habitkit.habits.lookup import lock_habit
from habitkit.habits.recompute import coins_moved, recompute, recompute_owner
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.transaction import Transaction

__all__ = ["add_facts", "add_own_facts"]


def add_facts(
    tx: Transaction,
    habit_id: UUID | str,
    operation: str,
    idempotency_key: str | None,
    request: Mapping[str, object],
    facts: Callable[[History, UUID], Sequence[OtherFact]],
    in_force: type[OtherFact] | None = None,
) -> Changed:
    """Add facts about a habit and emit what they changed.

    ``facts`` is called with the habit's history, read without its check-ins. If it adds nothing,
    the result names the last fact of the kind ``in_force``, so that a repeated call can be undone.
    """
    habit = lock_habit(tx, habit_id)
    owner, subject = habit.owner, habit.id

    def work(fact_id: UUID) -> Changed:
        facts_before = tx.port(HABITS).facts(owner, subject)
        history = History(habit, facts_before, tx.now)
        added = list(facts(history, fact_id))
        if not added:
            known = [it.id for it in history.others if in_force and isinstance(it, in_force)]
            return Changed(known[-1] if known else fact_id, subject, 0, ())
        tx.port(HABITS).add_facts(added)
        tx.cause = added[0].id
        events = recompute(tx, habit, [*facts_before, *added], added).events
        return Changed(added[-1].id, subject, coins_moved(events, owner), tuple(events))

    asked = {"habit_id": subject, **request}
    return tx.once(owner, f"habits.{operation}", idempotency_key, asked, Changed, work)


def add_own_facts(
    tx: Transaction,
    owner: str,
    operation: str,
    idempotency_key: str | None,
    request: Mapping[str, object],
    facts: Callable[[UUID], Sequence[OtherFact]],
) -> Changed:
    """Add facts about an owner and emit what they changed in all habits."""
    tx.own(ids.owner(owner))
    tx.lock(owner)

    def work(fact_id: UUID) -> Changed:
        added = list(facts(fact_id))
        tx.port(HABITS).add_facts(added)
        tx.cause = added[0].id
        events = recompute_owner(tx, owner, added)
        return Changed(added[-1].id, None, coins_moved(events, owner), tuple(events))

    return tx.once(owner, f"habits.{operation}", idempotency_key, request, Changed, work)
