"""Changing the schedule, the goal, the clock or the freeze rule of a habit from a day on."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.habits.add_facts import add_facts
from habitkit.habits.domain import rules
from habitkit.habits.domain.changes import OWNERS_ZONE, Change
from habitkit.habits.domain.days import zone
from habitkit.habits.domain.facts import ClockChanged, FreezeRuleChanged, ScheduleChanged
from habitkit.habits.domain.model import DayClock, FreezeRule
from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import time
    from types import EllipsisType
    from uuid import UUID

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Changed
    from habitkit.habits.domain.schedules import Schedule
    from habitkit.transaction import Transaction

__all__ = ["change_clock", "change_freezes", "change_schedule"]

_MOST_DAYS_AHEAD = 36_525
_LAST_DAY = date(9998, 12, 1)


def change_schedule(
    tx: Transaction,
    habit_id: UUID | str,
    schedule: Schedule | None = None,
    goal: Goal | None = None,
    *,
    effective_day: date | None = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Change the schedule or goal; a slot that is running then keeps the old ones.

    The change carries both from that day on: if only one is named, the other one of that day
    stays with it, also if that is changed for an earlier day later on.

    Args:
        tx: The transaction.
        habit_id: The habit.
        schedule: The schedule; as before by default.
        goal: The goal; as before by default.
        effective_day: From which day on; by default from now on, which is today or, if a change in
            force has put the date back, the day of that change. An earlier day is refused.
        idempotency_key: The same key with the same arguments changes it once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
        MissingExtra: If the schedule needs python-dateutil and it is not installed.
        IdempotencyConflict: If the key was used with other arguments.
    """
    if schedule is None and goal is None:
        raise InvalidHabit("schedule", given=None, expected="a schedule, a goal, or both")
    start = None if effective_day is None else rules.day(effective_day, "effective_day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, _first_day(history, start)
        before = history.version_on(first)
        new = (schedule or before.schedule, goal or before.goal)
        rules.possible(*new)
        return (
            ScheduleChanged(
                fact_id, habit.id, habit.owner, tx.now, first, *new, tx.next_seq(habit.owner)
            ),
        )

    request = {"schedule": schedule, "goal": goal, "effective_day": start}
    return add_facts(tx, habit_id, "change_schedule", idempotency_key, request, facts)


def change_clock(
    tx: Transaction,
    habit_id: UUID | str,
    *,
    tz: str | EllipsisType | None = ...,
    day_start: time | None = None,
    week_start: str | None = None,
    min_day: timedelta | None = None,
    effective_day: date | None = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Change the clock of a habit from the beginning of a day on; check-ins keep their days.

    The day begins by the clock before. Only what is named is changed: changes of other settings,
    for earlier or later days, hold beside it, and ``undo`` takes back just this one. Another
    ``week_start`` is first used by the first slot that begins on that day or later.

    Args:
        tx: The transaction.
        habit_id: The habit.
        tz: The IANA name of the zone, or None for where the owner is; as before by default.
        day_start: The wall time at which the day begins; as before by default.
        week_start: The weekday on which a week begins, as ``"mon"``; as before by default.
        min_day: A day that is shorter is not due; as before by default.
        effective_day: From which day on, at most a hundred years ahead; by default from now on,
            which is today or, if a change in force has put the date back, the day of that change.
            An earlier day is refused.
        idempotency_key: The same key with the same arguments changes it once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    optional = {"day_start": day_start, "week_start": week_start, "min_day": min_day}
    given: dict[str, Any] = {name: it for name, it in optional.items() if it is not None}
    if tz is not ...:
        given["tz"] = None if tz is None else zone(tz).key
    if not given:
        expected = "at least one of tz, day_start, week_start and min_day"
        raise InvalidHabit("clock", given=None, expected=expected)
    evolve(DayClock(), **given)  # refuses what no clock has
    start = None if effective_day is None else rules.day(effective_day, "effective_day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, _first_day(history, start)
        named: dict[str, Any] = {
            name: OWNERS_ZONE if it is None else it for name, it in given.items()
        }
        seq = tx.next_seq(habit.owner)
        return (ClockChanged(fact_id, habit.id, habit.owner, tx.now, first, **named, seq=seq),)

    request = {**given, "effective_day": start}
    return add_facts(tx, habit_id, "change_clock", idempotency_key, request, facts)


def change_freezes(
    tx: Transaction,
    habit_id: UUID | str,
    rule: FreezeRule | None,
    *,
    effective_day: date | None = None,
    idempotency_key: str | None = None,
) -> Changed:
    """Change by which rule a habit's streak earns freezes; those that it has earned stay.

    Args:
        tx: The transaction.
        habit_id: The habit.
        rule: The rule by which slots earn that begin on that day or later; None for no freezes.
        effective_day: From which day on, at most a hundred years ahead; by default from now on,
            which is today or, if a change in force has put the date back, the day of that change.
            An earlier day is refused.
        idempotency_key: The same key with the same arguments changes it once.

    Returns:
        The fact's id, for ``undo``, the coins that moved and all events.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    if rule is not None and not isinstance(rule, FreezeRule):
        raise InvalidHabit("rule", given=rule, expected="a FreezeRule or None")
    start = None if effective_day is None else rules.day(effective_day, "effective_day")

    def facts(history: History, fact_id: UUID) -> Sequence[OtherFact]:
        habit, first = history.habit, _first_day(history, start)
        seq = tx.next_seq(habit.owner)
        return (FreezeRuleChanged(fact_id, habit.id, habit.owner, tx.now, first, rule, seq),)

    request = {"rule": rule, "effective_day": start}
    return add_facts(tx, habit_id, "change_freezes", idempotency_key, request, facts)


def _first_day(history: History, day: date | None) -> date:
    """Return the day from which on a change is effective: by default from now on.

    That is today; but a change that is already in force may have put the date back. The next one
    is then effective from its day on, since it would be replaced on that day otherwise.

    Raises:
        InvalidHabit: If it is before that day, or more than a hundred years ahead.
    """
    today, begun = history.today, history.timeline.latest_begun(history.now)
    changed = [it.effective_day for it in history.others if isinstance(it, Change)]
    first = max([today, *(it for it in changed if it <= begun)])
    last = min(today + min(timedelta(days=_MOST_DAYS_AHEAD), _LAST_DAY - today), _LAST_DAY)
    if day is None or first <= day <= max(first, last):
        return first if day is None else day
    since = f"today, {today}," if first == today else f"{first}, the day of the change in force,"
    raise InvalidHabit(
        "effective_day",
        given=day,
        expected=f"{since} or a later day, at most a hundred years ahead",
    )
