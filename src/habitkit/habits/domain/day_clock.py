"""The clock of a habit: when its days and weeks begin, and in which time zone."""

from __future__ import annotations

from datetime import time, timedelta

from attrs import field, frozen

from habitkit.habits.domain.schedules import weekday
from habitkit.habits.errors import InvalidHabit

__all__ = ["DayClock"]


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


@frozen
class DayClock:
    """When a habit's day begins, and in which time zone.

    Attributes:
        tz: The IANA name of the zone, for example ``"Europe/Vienna"``; None means where the owner
            is, UTC until that is known.
        day_start: The wall time at which the day begins: with 03:00, one in the morning still
            belongs to the day before.
        week_start: The weekday on which a week begins, as ``"mon"``.
        min_day: A day of which travel, or a change of the clock, leaves less than this is not due.
    """

    tz: str | None = None
    day_start: time = field(default=time(0), validator=_naive_time)
    week_start: str = field(default="mon", validator=_a_weekday)
    min_day: timedelta = field(default=timedelta(hours=6), validator=_part_of_a_day)
