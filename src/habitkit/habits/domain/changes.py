"""The facts that from a day on something else is in force: a schedule, a clock, a freeze rule."""

from datetime import date, datetime
from uuid import UUID

from attrs import frozen

from habitkit.habits.domain.day_clock import DayClock
from habitkit.habits.domain.fact_kinds import OfAKind
from habitkit.habits.domain.freeze_rule import FreezeRule
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.schedules import Schedule

__all__ = ["Change", "ClockChanged", "FreezeRuleChanged", "ScheduleChanged"]


@frozen
class ScheduleChanged(OfAKind):
    """The fact that from a day on another schedule and goal are in force.

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
    """The fact that another clock is in force from the beginning of a day on.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        effective_day: The day; it begins by the clock that is in force before.
        clock: The clock.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID
    owner: str
    at: datetime
    effective_day: date
    clock: DayClock
    seq: int = 0


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
