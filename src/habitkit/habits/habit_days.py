"""The habit day for hosts, who may give a zone by its name."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING

from habitkit.clock import storable_instant
from habitkit.habits.domain import days
from habitkit.habits.domain.model import DayClock
from habitkit.habits.errors import InvalidZone

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

__all__ = ["habit_day"]

_MIDNIGHT = time(0)


def habit_day(at: datetime, tz: ZoneInfo | str, day_start: time = _MIDNIGHT) -> date:
    """Return the day an instant belongs to: the largest day whose beginning is not after it.

    Args:
        at: An aware datetime.
        tz: The zone, or its IANA name such as ``"Europe/Vienna"``.
        day_start: The wall time at which the day begins.

    Returns:
        The day, as a check-in at that instant counts for it.

    Raises:
        InvalidInstant: If ``at`` has no zone, or lies outside the years 2 to 9998.
        InvalidZone: If ``tz`` is neither a ``ZoneInfo`` nor a name in the tz database.
        InvalidHabit: If ``day_start`` is no time, or one with a zone.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - a tenth of an import; coins alone need no zone

    instant = storable_instant(at)
    where: object = days.zone(tz) if isinstance(tz, str) else tz
    if not isinstance(where, ZoneInfo):
        expected = "a ZoneInfo or an IANA zone such as 'Europe/Vienna'"
        raise InvalidZone("tz", given=tz, expected=expected)
    return days.habit_day(instant, where, DayClock(day_start=day_start).day_start)
