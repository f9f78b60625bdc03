"""Pure rules of habits: validation of arguments, and the credit of a check-in."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from habitkit._text import storable
from habitkit.errors import InvalidInstant
from habitkit.habits.domain.amounts import amount as exact
from habitkit.habits.domain.days import LATE_WINDOW, day_boundary, is_sealed
from habitkit.habits.domain.facts import ClockChanged, Void, ZoneChanged
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.rrule import next_day
from habitkit.habits.domain.schedules import Schedule
from habitkit.habits.domain.timeline import Timeline
from habitkit.habits.errors import DayOutOfRange, InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import time
    from decimal import Decimal
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from habitkit.habits.domain.day_clock import DayClock
    from habitkit.habits.domain.facts import Credit, Fact
    from habitkit.habits.domain.model import Habit

__all__ = [
    "MAX_BACKDATE_DAYS",
    "amount",
    "amount_for",
    "credit",
    "credit_where",
    "day",
    "days_by",
    "note",
    "possible",
    "source",
    "tags",
    "timeline",
    "title",
    "when_done",
]

MAX_BACKDATE_DAYS = 36_525
"""How far back a day may be recorded: a hundred years."""

_CLOCK_SKEW = timedelta(minutes=15)
_LONGEST_TITLE = 200
_LONGEST_NOTE = 2000
_LONGEST_SOURCE = 100
_LONGEST_TAG = 50
_MOST_TAGS = 50
_SOME_DAY = date(2024, 1, 1)
_DAY = timedelta(days=1)


def title(value: object) -> str:
    """Return a valid title.

    Raises:
        InvalidHabit: If it is not a string, is blank, or is longer than 200 characters.
    """
    if (
        isinstance(value, str)
        and value.strip()
        and len(value) <= _LONGEST_TITLE
        and storable(value)
    ):
        return value
    raise InvalidHabit(
        "title",
        given=value,
        expected=f"1 to {_LONGEST_TITLE} characters, not only whitespace, valid UTF-8 without NUL",
    )


def note(value: object) -> str | None:
    """Return a valid note or None.

    Raises:
        InvalidHabit: If it is not a string, or longer than 2000 characters.
    """
    if value is None or (
        isinstance(value, str) and len(value) <= _LONGEST_NOTE and storable(value)
    ):
        return value
    raise InvalidHabit(
        "note",
        given=value,
        expected=f"at most {_LONGEST_NOTE} characters, valid UTF-8 without NUL, or None",
    )


def amount(value: object) -> Decimal:
    """Return a valid amount.

    Raises:
        InvalidHabit: If it is not a finite number of at least 0; a bool is not one.
    """
    return exact("amount", value)


def amount_for(goal: Goal, value: Decimal) -> None:
    """Refuse an amount of nothing where the goal counts no amounts.

    Raises:
        InvalidHabit: If it is 0 and the goal is ``done``.
    """
    if not value and goal.kind == "done":
        expected = f"an amount above 0 for the goal {goal.kind!r}"
        raise InvalidHabit("amount", given=value, expected=expected)


def tags(value: object) -> tuple[str, ...]:
    """Return valid tags, each once.

    Raises:
        InvalidHabit: If they are not up to 50 strings of 1 to 50 characters.
    """
    if isinstance(value, (list, tuple, set, frozenset)) and len(value) <= _MOST_TAGS:
        unique = list(dict.fromkeys(value))
        if all(isinstance(tag, str) and _is_tag(tag) for tag in unique):
            return tuple(unique)
    expected = (
        f"up to {_MOST_TAGS} strings of 1 to {_LONGEST_TAG} characters, not only whitespace, "
        "valid UTF-8 without NUL"
    )
    raise InvalidHabit("tags", given=value, expected=expected)


def _is_tag(tag: str) -> bool:
    return 0 < len(tag) <= _LONGEST_TAG and bool(tag.strip()) and storable(tag)


def possible(schedule: object, goal: object) -> None:
    """Refuse a schedule and a goal that do not go together.

    Raises:
        InvalidHabit: If they are of another type, or the goal can evaluate no slot of the schedule.
        MissingExtra: If the schedule needs python-dateutil and it is not installed.
    """
    if not isinstance(schedule, Schedule):
        expected = "a Schedule such as Schedule.daily()"
        raise InvalidHabit("schedule", given=schedule, expected=expected)
    if not isinstance(goal, Goal):
        raise InvalidHabit("goal", given=goal, expected="a Goal such as Goal.done()")
    goal.fit(schedule)
    if schedule.kind == "rrule":
        start = schedule.anchor or _SOME_DAY
        if "BYEASTER" in schedule.rule.upper():
            expected = "an RFC 5545 rule, which cannot contain BYEASTER"
            raise InvalidHabit("rule", given=schedule.rule, expected=expected)
        if next_day(schedule.rule, start, start) is None:
            raise InvalidHabit(
                "rule", given=schedule.rule, expected=f"a rule that recurs on or after {start}"
            )


def day(value: object, what: str) -> date:
    """Return a valid day.

    Raises:
        InvalidHabit: If it is not a date; a datetime is not one.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise InvalidHabit(what, given=value, expected="a date")


def source(value: object) -> str:
    """Return a valid source of a history.

    Raises:
        InvalidHabit: If it is not a string, is empty, or is longer than 100 characters.
    """
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_SOURCE and storable(value):
        return value
    raise InvalidHabit(
        "source",
        given=value,
        expected=f"1 to {_LONGEST_SOURCE} characters, valid UTF-8 without NUL",
    )


def credit(day: date, today: date, now: datetime, tz: ZoneInfo, day_start: time) -> Credit:
    """Return the credit of a check-in for a day, decided once, when it is received.

    ``full`` until 48 h after the day's deadline, then ``history``: it counts for the streak and
    earns nothing.

    Args:
        day: The day to check in for.
        today: The habit day of ``now``.
        now: When the check-in was received.
        tz: The zone of the habit's clock.
        day_start: The wall time at which the day begins.

    Raises:
        DayOutOfRange: If the day has not begun (15 minutes of clock skew are accepted), or lies
            more than a hundred years back.
    """
    if day == today:
        return "full"
    earliest = today - timedelta(days=MAX_BACKDATE_DAYS)
    begun = day < today or (
        day == today + _DAY and day_boundary(day, tz, day_start) - now <= _CLOCK_SKEW
    )
    if not begun or day < earliest:
        raise DayOutOfRange(day=day, earliest=earliest, latest=today)
    return "history" if is_sealed(day, now, tz, day_start) else "full"


def credit_where(days: Timeline, day: date, today: date, now: datetime) -> Credit:
    """Do what ``credit`` does, for an owner who may have travelled.

    Args:
        days: The owner's days.
        day: The day to check in for.
        today: The latest day that has begun where the owner is.
        now: When the check-in was received.

    Raises:
        DayOutOfRange: If the day has not begun (15 minutes of clock skew are accepted), or lies
            more than a hundred years back.
    """
    earliest = today - timedelta(days=MAX_BACKDATE_DAYS)
    if day < earliest or (day > today and days.begins(day) - now > _CLOCK_SKEW):
        raise DayOutOfRange(day=day, earliest=earliest, latest=today)
    return "history" if now - days.ends(day) > LATE_WINDOW else "full"


def when_done(at: datetime, now: datetime) -> datetime:
    """Return an instant at which something may have been done.

    Raises:
        InvalidInstant: If it is later than now (15 minutes of clock skew are accepted) or more than
            a hundred years ago.
    """
    if not -timedelta(days=MAX_BACKDATE_DAYS + 1) <= at - now <= _CLOCK_SKEW:
        expected = f"an instant of the last hundred years and not later than now, {now}"
        raise InvalidInstant("at", given=at, expected=expected)
    return at


def timeline(habit: Habit, facts: Iterable[Fact]) -> Timeline:
    """Return the days of a habit's owner."""
    return days_by(habit.clock, facts, habit.id)


def days_by(clock: DayClock, facts: Iterable[Fact], habit_id: UUID | None = None) -> Timeline:
    """Return the days of an owner by a clock.

    Args:
        clock: The first clock.
        facts: The facts of the owner, and of the habit.
        habit_id: The habit whose changes of the clock count; None for one that has no facts.
    """
    all_facts = list(facts)
    voided = {fact.fact_id for fact in all_facts if isinstance(fact, Void)}
    counting = [fact for fact in all_facts if fact.id not in voided]
    return Timeline(
        clock,
        [fact for fact in counting if isinstance(fact, ZoneChanged)],
        [fact for fact in counting if isinstance(fact, ClockChanged) and fact.habit_id == habit_id],
    )
