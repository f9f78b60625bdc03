"""The road of habits that are more than plain: all facts are judged before and after a change."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit import streaks
from habitkit.habits import rules
from habitkit.habits.facts import CheckIn
from habitkit.habits.finding import all_facts, habits_of
from habitkit.streaks import rules as streak_rules
from habitkit.streaks.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from habitkit.events import Event
    from habitkit.habits.facts import Fact
    from habitkit.habits.model import Habit
    from habitkit.streaks.derived import Derived
    from habitkit.transaction import Transaction

__all__ = [
    "Outcome",
    "judge",
    "judge_owner",
]


class Outcome(NamedTuple):
    """What a change of the facts did.

    Attributes:
        derived: What the facts come to now.
        events: All that happened, causes before effects.
    """

    derived: Derived
    events: list[Event]


def judge(tx: Transaction, habit: Habit, before: Sequence[Fact], after: Sequence[Fact]) -> Outcome:
    """Derive a habit's events from its facts before and after a change, and tell the difference.

    Args:
        tx: The transaction, which holds the owner's lock.
        habit: The habit.
        before: All facts before the change.
        after: All facts after it.
    """
    snapshot = tx.streaks.get(habit.id) or streak_rules.empty(habit.id, habit.owner)
    seen = snapshot.judged_at
    if seen is None:
        untold = snapshot.look_at is not None and snapshot.look_at <= tx.now
        seen = snapshot.look_at - timedelta.resolution if untold and snapshot.look_at else tx.now
    voided = tx.habits.voided(habit.id)
    known = streaks.derive(habit, before, tx.now, _taken_back(voided, before))
    told = known
    if seen < tx.now and snapshot.look_at is not None and snapshot.look_at <= tx.now:
        told = streaks.derive(habit, before, seen, _taken_back(voided, before))
    now = known
    if after is not before:
        now = streaks.derive(habit, after, tx.now, _taken_back(voided, after))
    rev = tx.rev(habit.owner)
    tx.streaks.put(Snapshot(habit.id, habit.owner, date.min, b"", 0, rev, tx.now, now.look_at))
    return Outcome(now, tx.emit(habit.owner, streaks.difference(told, known, now, tx.now)))


def _taken_back(
    voided: Iterable[tuple[CheckIn, datetime]], facts: Iterable[Fact]
) -> list[tuple[CheckIn, datetime]]:
    """Return which check-ins had been taken back when these were the facts.

    One in whose place a corrected one stands was not.
    """
    live = {(fact.day, fact.at, fact.received_at) for fact in facts if isinstance(fact, CheckIn)}
    return [(fact, at) for fact, at in voided if (fact.day, fact.at, fact.received_at) not in live]


def judge_owner(tx: Transaction, owner: str, added: Sequence[Fact]) -> list[Event]:
    """Judge all habits of an owner anew, for facts of the owner that were added in this action."""
    new = {fact.id for fact in added}
    events: list[Event] = []
    for habit in habits_of(tx, owner):
        after = all_facts(tx, habit)
        if rules.needs_judging(habit, after):
            before = [fact for fact in after if fact.id not in new]
            events += judge(tx, habit, before, after).events
    return events
