"""The facts that from a day on something else is in force: a schedule, a clock, a freeze rule."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve, frozen

from habitkit.habits.domain.day_clock import DayClock
from habitkit.habits.domain.fact_kinds import OfAKind
from habitkit.habits.domain.freeze_rule import FreezeRule
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.schedules import Schedule

__all__ = ["OWNERS_ZONE", "Change", "ClockChanged", "FreezeRuleChanged", "ScheduleChanged"]

OWNERS_ZONE = "owner"
"""In a ``ClockChanged``, the zone where the owner is; no IANA name."""


@frozen
class ScheduleChanged(OfAKind):
    """The fact that from a day on another schedule and goal are in force.

    It holds both: a change of the schedule carries the goal of that day with it.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        effective_day: The day from which slots that begin are evaluated by them.
        schedule: The schedule.
        goal: The goal.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID
    owner: str
    at: datetime
    effective_day: date
    schedule: Schedule
    goal: Goal
    seq: int = 0

    def __attrs_post_init__(self) -> None:
        """Refuse a schedule and a goal that do not go together."""
        self.goal.fit(self.schedule)


@frozen
class ClockChanged(OfAKind):
    """The fact that from the beginning of a day on some settings of the clock are others.

    It changes only the settings that it names, so several changes add up.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        effective_day: The day; it begins by the clock that is in force before.
        tz: The IANA name of the zone, ``"owner"`` for where the owner is; None for no change.
        day_start: The wall time at which the day begins; None for no change.
        week_start: The weekday on which a week begins; None for no change.
        min_day: A day that is shorter is not due; None for no change.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID
    owner: str
    at: datetime
    effective_day: date
    tz: str | None = None
    day_start: time | None = None
    week_start: str | None = None
    min_day: timedelta | None = None
    seq: int = 0

    def __attrs_post_init__(self) -> None:
        """Refuse a setting that no clock has."""
        self.applied_to(DayClock())

    def applied_to(self, clock: DayClock) -> DayClock:
        """Return a clock with the settings that the fact names."""
        given: dict[str, Any] = {
            "tz": self.tz,
            "day_start": self.day_start,
            "week_start": self.week_start,
            "min_day": self.min_day,
        }
        named = {name: it for name, it in given.items() if it is not None}
        if self.tz == OWNERS_ZONE:
            named["tz"] = None
        return evolve(clock, **named)


@frozen
class FreezeRuleChanged(OfAKind):
    """The fact that from a day on a streak earns freezes by another rule.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        effective_day: The day from which slots that begin earn by it.
        freezes: The rule; None for no freezes.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID
    owner: str
    at: datetime
    effective_day: date
    freezes: FreezeRule | None
    seq: int = 0


Change = ScheduleChanged | ClockChanged | FreezeRuleChanged
"""A fact that something else is in force from a day on."""
