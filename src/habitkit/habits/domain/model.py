"""Values of the habits module."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from attrs import Attribute, field, frozen

from habitkit.events import Event
from habitkit.habits.domain.facts import CheckIn, Credit, Void
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.schedules import Schedule, weekday
from habitkit.habits.domain.streaks import Status, Streak
from habitkit.habits.errors import InvalidHabit

__all__ = [
    "Changed",
    "CheckIn",
    "CheckedIn",
    "Credit",
    "DayClock",
    "FreezeRule",
    "Goal",
    "Habit",
    "OfflineCheckIn",
    "Refusal",
    "Schedule",
    "Undone",
    "Void",
]

_MOST_FREEZES = 1000


def _naive_time(_: object, __: object, value: object) -> None:
    if not isinstance(value, time) or value.tzinfo is not None:
        raise InvalidHabit("day_start", given=value, expected="a time without a time zone")


def _a_weekday(_: object, __: object, value: object) -> None:
    weekday("week_start", value)


def _part_of_a_day(_: object, __: object, value: object) -> None:
    if not isinstance(value, timedelta) or not timedelta(0) <= value <= timedelta(days=1):
        raise InvalidHabit("min_day", given=value, expected="a timedelta of at most a day")
    if value.microseconds:
        raise InvalidHabit("min_day", given=value, expected="whole seconds")


def _small_number(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or not 1 <= value <= _MOST_FREEZES:
        expected = f"an int from 1 to {_MOST_FREEZES}"
        raise InvalidHabit(attribute.name, given=value, expected=expected)


@frozen
class DayClock:
    """When a habit's day begins, and in which time zone.

    Attributes:
        tz: The IANA name of the zone, for example ``"Europe/Vienna"``; None means where the owner
            is, UTC until that is known.
        day_start: The wall time at which the day begins: with 03:00, one in the morning still
            belongs to the day before.
        week_start: The weekday on which a week begins, as ``"mon"``.
        min_day: A day of which travel leaves less than this is not due.
    """

    tz: str | None = None
    day_start: time = field(default=time(0), validator=_naive_time)
    week_start: str = field(default="mon", validator=_a_weekday)
    min_day: timedelta = field(default=timedelta(hours=6), validator=_part_of_a_day)


@frozen
class FreezeRule:
    """Freezes that a streak earns: each saves it from one missed slot.

    Attributes:
        per_slots: At each multiple of so many done slots a streak earns one.
        most_held: No more are earned while so many earned ones are unused.
    """

    per_slots: int = field(validator=_small_number)
    most_held: int = field(validator=_small_number)


@frozen
class Habit:
    """Something to be done again and again.

    Attributes:
        id: Its identity.
        owner: Whose habit it is; never changes.
        title: What it is called, 1 to 200 characters.
        schedule: When it is due, until it changes.
        clock: When its day begins.
        created_at: When it was created, in UTC.
        goal: What it takes to have done it.
        tags: Words by which it can be found.
        freezes: By which rule its streak earns freezes, or None.
        position: Where it is in the owner's list, from 0; those without one come after the others.
        seq: The place in the order in which the owner's facts and habits were recorded.
        metadata: The host's own values, JSON values by name, or None.
        archived_on: The day from which on it is archived, or None.
        deleted_at: When it was deleted, in UTC, or None; only exports contain deleted habits.
    """

    id: UUID
    owner: str
    title: str
    schedule: Schedule
    clock: DayClock
    created_at: datetime
    goal: Goal = field(factory=Goal)
    tags: tuple[str, ...] = ()
    freezes: FreezeRule | None = None
    position: int | None = None
    seq: int = 0
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    archived_on: date | None = None
    deleted_at: datetime | None = None

    @property
    def archived(self) -> bool:
        """True if it is archived."""
        return self.archived_on is not None


@frozen
class CheckedIn:
    """The result of a check-in.

    Attributes:
        id: The new fact, for ``undo``.
        habit_id: The habit.
        day: The habit day it counts for.
        credit: ``full`` or ``history``.
        streak: The current streak.
        coins: The coins that moved, in the currency ``coin``: those that it earned, and those of
            earlier slots that were due with time and not paid yet.
        events: All that happened, what time has brought first, causes before effects.
        status: The status of the slot of that day; EXEMPT if the day is in no slot.
        slack: How many more days may pass undone before the next slot fails.
    """

    id: UUID
    habit_id: UUID
    day: date
    credit: Credit
    streak: Streak
    coins: int
    events: tuple[Event, ...]
    status: Status = "DONE"
    slack: int = 0


@frozen
class OfflineCheckIn:
    """A check-in that a device recorded while it had no connection.

    Attributes:
        habit_id: The habit.
        day: The habit day; by default the day of ``at``.
        at: When it was done; now by default.
        tz: The IANA zone the owner was in; the habit's own by default.
        amount: How much, in the unit of the habit's goal, as for ``check_in``.
        note: A remark.
        idempotency_key: The device's own name of it: the same one is recorded once.
    """

    habit_id: UUID | str
    day: date | None = None
    at: datetime | None = None
    tz: str | None = None
    amount: Decimal | float = 1
    note: str | None = None
    idempotency_key: str | None = None


@frozen
class Refusal:
    """Why an item of a batch was refused.

    Attributes:
        index: Where it is in the batch, from 0.
        error: The class of the error that the item alone would have raised.
        reason: What was wrong with it.
    """

    index: int
    error: str
    reason: str


@frozen
class Changed:
    """The result of adding a fact other than a check-in.

    Attributes:
        id: The fact, for ``undo``; of no fact if there was nothing to change.
        habit_id: The habit; None for a fact of the owner.
        coins: The coins that moved: negative for those taken back.
        events: All that happened, causes before effects.
    """

    id: UUID
    habit_id: UUID | None
    coins: int
    events: tuple[Event, ...]


@frozen
class Undone:
    """The result of undoing a fact.

    Attributes:
        id: The fact that no longer counts.
        habit_id: The habit; None for a fact of the owner.
        day: The habit day it had counted for; None for what concerns no single day.
        streak: The current streak; an empty one for a fact of the owner.
        coins: The coins that moved: negative for those taken back.
        events: All that happened, causes before effects.
    """

    id: UUID
    habit_id: UUID | None
    day: date | None
    streak: Streak
    coins: int
    events: tuple[Event, ...]
