"""The habits of all owners whose streaks end soon, for reminders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.clock import storable_instant
from habitkit.habits import lookup
from habitkit.habits.domain.stored import ExpiringStreak
from habitkit.habits.domain.streaks import AtRisk
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.habits.domain.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["at_risk"]


def at_risk(
    tx: Transaction, before: datetime, *, after: AtRisk | None = None, limit: int = 100
) -> list[AtRisk]:
    """Return habits of all owners whose streaks end unless something is done before an instant.

    A streak that a freeze would save is among them; ``state.risk`` is ``PROTECTED`` then. A habit
    that is done, paused or archived is not, and neither is one that goes on if nothing is done.

    Args:
        tx: The transaction; in the scope of one owner it returns the habits of that owner.
        before: The instant, aware: for an evening reminder the end of the owners' day.
        after: The last one already seen, for the next page.
        limit: How many at most, 1 to 1000.

    Returns:
        The habits, in the order of ``listed_at``: the most urgent first.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    until, most = storable_instant(before, "before"), ids.limit(limit)
    if after is not None and not isinstance(after, AtRisk):
        raise InvalidHabit("after", given=after, expected="an AtRisk of the page before, or None")
    seen = None if after is None else ExpiringStreak(after.owner, after.habit_id, after.listed_at)
    found: list[AtRisk] = []
    while len(found) < most:
        page = tx.port(STREAKS).expiring(until, seen, most)
        found += _evaluated(tx, page, until)
        if len(page) < most:
            break
        seen = page[-1]
    return found[:most]


def _evaluated(tx: Transaction, page: Sequence[ExpiringStreak], before: datetime) -> list[AtRisk]:
    """Return those that are at risk now: time may have passed since they were stored."""
    habits: dict[str, list[Habit]] = {}
    listed: dict[UUID, datetime] = {}
    for streak in page:
        habit = tx.port(HABITS).get(streak.habit_id) if tx.scope in {None, streak.owner} else None
        if habit is not None:
            habits.setdefault(habit.owner, []).append(habit)
            listed[habit.id] = streak.act_by
    found = {}
    for owner, of_owner in habits.items():
        titles = {habit.id: habit.title for habit in of_owner}
        for state in lookup.states(tx, owner, of_owner):
            if state.act_by is not None and state.act_by < before:
                at_risk = AtRisk(
                    owner, state.habit_id, titles[state.habit_id], state, listed[state.habit_id]
                )
                found[state.habit_id] = at_risk
    return [found[streak.habit_id] for streak in page if streak.habit_id in found]
