"""Values of the habits room."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal, NamedTuple
from uuid import UUID

from attrs import field, frozen

from habitkit._values import fact
from habitkit.errors import InvalidHabit
from habitkit.events import Event
from habitkit.streaks.model import Streak

__all__ = ["CheckIn", "CheckedIn", "Credit", "DayClock", "Habit", "Schedule", "Undone", "Void"]

Credit = Literal["full", "history"]


def _known_kind(_: object, __: object, value: object) -> None:
    if value != "daily":
        raise InvalidHabit("kind", given=value, expected="'daily'")


@frozen
class Schedule:
    """When a habit is due.

    Attributes:
        kind: ``daily``, the only kind so far.
    """

    kind: Literal["daily"] = field(default="daily", validator=_known_kind)

    @classmethod
    def daily(cls) -> Schedule:
        """Every day."""
        return cls("daily")


def _naive_time(_: object, __: object, value: object) -> None:
    if not isinstance(value, time) or value.tzinfo is not None:
        raise InvalidHabit("day_start", given=value, expected="a time without a zone")


@frozen
class DayClock:
    """When a habit's day begins, and where.

    Attributes:
        tz: The IANA name of the zone, for example ``"Europe/Vienna"``; None means UTC.
        day_start: The wall time at which the day begins: with 03:00, one in the morning still
            belongs to the day before.
    """

    tz: str | None = None
    day_start: time = field(default=time(0), validator=_naive_time)


@frozen
class Habit:
    """Something to be done again and again.

    Attributes:
        id: Its identity.
        owner: Whose habit it is; never changes.
        title: What it is called, 1 to 200 characters.
        schedule: When it is due.
        clock: When its day begins.
        created_at: When it was created, in UTC.
    """

    id: UUID
    owner: str
    title: str
    schedule: Schedule
    clock: DayClock
    created_at: datetime


@fact
class CheckIn:
    """The fact that a habit was done; all of it is fixed at capture and never recomputed.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        day: The habit day it counts for.
        at: When it was done, in UTC.
        tz: The zone in which the day was taken.
        note: What the owner wrote, or None.
        credit: ``full`` if received in time, else ``history``: a streak, but no coins.
        source: Where it came from: ``app`` or the importer's name.
        received_at: When the kit learned of it, in UTC.
    """

    id: UUID
    habit_id: UUID
    owner: str
    day: date
    at: datetime
    tz: str
    note: str | None
    credit: Credit
    source: str
    received_at: datetime


@frozen
class Void:
    """The fact that a check-in is taken back.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        fact_id: The check-in that no longer counts.
        received_at: When the kit learned of it, in UTC.
    """

    id: UUID
    habit_id: UUID
    owner: str
    fact_id: UUID
    received_at: datetime


@fact
class CheckedIn:
    """What a check-in did.

    Attributes:
        id: The new fact, for ``undo``.
        habit_id: The habit.
        day: The habit day it counts for.
        credit: ``full`` or ``history``.
        streak: The streak that is alive now.
        coins: The coins it earned, in the currency ``coin``.
        events: All that happened, causes before effects.
    """

    id: UUID
    habit_id: UUID
    day: date
    credit: Credit
    streak: Streak
    coins: int
    events: tuple[Event, ...]


class Undone(NamedTuple):
    """What taking a check-in back did.

    Attributes:
        id: The check-in that no longer counts.
        habit_id: The habit.
        day: The habit day it had counted for.
        streak: The streak that is alive now.
        coins: The coins that moved: negative for those taken back.
        events: All that happened, causes before effects.
    """

    id: UUID
    habit_id: UUID
    day: date
    streak: Streak
    coins: int
    events: tuple[Event, ...]
