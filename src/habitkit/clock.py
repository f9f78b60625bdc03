"""Clocks, and validation of instants; no other file reads the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from habitkit.errors import InvalidInstant

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Clock",
    "SystemClock",
    "instant",
    "is_storable",
    "stopwatch",
    "storable_instant",
    "ticks",
    "wall_ns",
]

ticks = time.monotonic_ns
"""Nanoseconds of a clock that never goes back, for objects that live as long as the kit."""

wall_ns = time.time_ns
"""Nanoseconds since 1970 of the machine's clock, which all of its processes share."""

_FIRST = datetime(2, 1, 1, tzinfo=UTC)
_AFTER_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_STORABLE = "an instant in the years 2 to 9998"


class Clock(Protocol):
    """Gives the time; pass another one to control time in tests."""

    def now(self) -> datetime:
        """Return the current instant as an aware datetime in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current instant in UTC."""
        return datetime.now(UTC)


def instant(value: object, what: str = "at") -> datetime:
    """Return an aware datetime in UTC.

    Args:
        value: An aware datetime of any zone.
        what: The argument's name, for the message.

    Raises:
        InvalidInstant: If the value is not a datetime, a naive one, or in UTC beyond the calendar.
    """
    if isinstance(value, datetime) and value.utcoffset() is not None:
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise InvalidInstant(what, given=value, expected=_STORABLE) from None
    raise InvalidInstant(what, given=value, expected="an aware datetime such as datetime.now(UTC)")


def storable_instant(value: object, what: str = "at") -> datetime:
    """Return an aware datetime in UTC that every store can keep and give back.

    Raises:
        InvalidInstant: If the value is no such datetime.
    """
    at = instant(value, what)
    if is_storable(at):
        return at
    raise InvalidInstant(what, given=value, expected=_STORABLE)


def is_storable(at: datetime) -> bool:
    """Tell whether every store can keep an aware datetime and give it back.

    A driver may read it in a zone of its own, where a day at the end of the calendar is outside of
    it, and write the last of all instants as infinity.
    """
    return _FIRST <= at < _AFTER_LAST


def stopwatch() -> Callable[[], float]:
    """Return a function that gives the seconds since now, for bounding how long something takes."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
