"""The errors of habits.

    InvalidInput
    ├── InvalidZone
    └── InvalidHabit
    Refused
    └── DayOutOfRange

The classes above them are in ``habitkit.errors``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from datetime import date

__all__ = [
    "DayOutOfRange",
    "InvalidHabit",
    "InvalidZone",
]


class InvalidZone(InvalidInput):
    """A time zone that is not in the tz database."""


class InvalidHabit(InvalidInput):
    """An invalid part of a habit or check-in: a title, note, clock, goal or schedule."""


class DayOutOfRange(Refused):
    """A check-in for a day that has not begun yet or is too far in the past.

    Attributes:
        day: The day that was asked for.
        earliest: The earliest day that would be accepted.
        latest: The latest day that would be accepted.
    """

    def __init__(self, *, day: date, earliest: date, latest: date) -> None:
        """Say which days would have been accepted."""
        self.day = day
        self.earliest = earliest
        self.latest = latest
        super().__init__(f"cannot check in for {day}: expected a day from {earliest} to {latest}")
