"""The road of habits that are more than plain: all facts are judged before and after a change."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit import streaks
from habitkit.errors import DayRefused
from habitkit.habits.facts import CheckIn, Void, ZoneChanged
from habitkit.habits.finding import all_facts, habits_of
from habitkit.habits.rules import MAX_BACKDATE_DAYS
from habitkit.streaks import plain
from habitkit.streaks import rules as streak_rules
from habitkit.streaks.days import LATE_WINDOW
from habitkit.streaks.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.events import Event
    from habitkit.habits.facts import Credit, Fact
    from habitkit.habits.model import Habit
    from habitkit.streaks.derived import Derived
    from habitkit.streaks.timeline import Timeline
    from habitkit.transaction import Transaction

__all__ = [
    "Outcome",
    "credit",
    "judge",
    "judge_owner",
    "needs_judging",
    "timeline",
    "without",
]

_SKEW = timedelta(minutes=15)


class Outcome(NamedTuple):
    """What a change of the facts did.

    Attributes:
        derived: What the facts come to now.
        events: All that happened, causes before effects.
    """

    derived: Derived
    events: list[Event]


def needs_judging(habit: Habit, facts: Iterable[Fact]) -> bool:
    """Tell whether a habit is more than plain."""
    pinned = habit.clock.tz is not None
    return not plain.is_plain(habit) or any(
        not (pinned and isinstance(fact, ZoneChanged)) for fact in facts
    )


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
        if needs_judging(habit, after):
            before = [fact for fact in after if fact.id not in new]
            events += judge(tx, habit, before, after).events
    return events


def timeline(habit: Habit, facts: Iterable[Fact]) -> Timeline:
    """Return the days of a habit's owner."""
    known = list(facts)
    voided = {fact.fact_id for fact in known if isinstance(fact, Void)}
    changes = [fact for fact in known if isinstance(fact, ZoneChanged) and fact.id not in voided]
    return streaks.Timeline(habit.clock, changes)


def credit(days: Timeline, day: date, today: date, now: datetime) -> Credit:
    """Decide once, at receipt, what a check-in for a day is worth.

    Args:
        days: The owner's days.
        day: The day to check in for.
        today: The latest day that has begun where the owner is.
        now: When the check-in was received.

    Raises:
        DayRefused: If the day has not begun (15 minutes of clock skew are forgiven), or lies more
            than a hundred years back.
    """
    earliest = today - timedelta(days=MAX_BACKDATE_DAYS)
    if day < earliest or (day > today and days.begins(day) - now > _SKEW):
        raise DayRefused(day=day, earliest=earliest, latest=today)
    return "history" if now - days.ends(day) > LATE_WINDOW else "full"


def without(facts: Iterable[Fact], fact_id: UUID) -> list[Fact]:
    """Return facts less a check-in."""
    return [fact for fact in facts if not (isinstance(fact, CheckIn) and fact.id == fact_id)]
