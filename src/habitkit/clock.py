"""The only file that reads the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from habitkit.errors import InvalidInstant

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "SystemClock", "instant", "stopwatch"]


class Clock(Protocol):
    """Tells the time. Inject another one to make time a value of your tests."""

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
        InvalidInstant: If the value is no datetime, or a naive one.
    """
    if isinstance(value, datetime) and value.utcoffset() is not None:
        try:
            return value.astimezone(UTC)
        except OverflowError:
            pass  # outside of the years 1 to 9999
    raise InvalidInstant(what, given=value, expected="an aware datetime such as datetime.now(UTC)")


def stopwatch() -> Callable[[], float]:
    """Return a function that tells the seconds since now, for bounding how long something takes."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
