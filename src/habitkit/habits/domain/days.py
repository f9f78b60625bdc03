"""Pure rules of the habit day: which day an instant belongs to, and when a day begins."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from habitkit.habits.errors import InvalidZone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["LATE_WINDOW", "day_boundary", "habit_day", "is_sealed", "zone"]

LATE_WINDOW = timedelta(hours=48)
"""How long after a day's deadline a check-in for it still earns full credit."""

_DAY = timedelta(days=1)
_MIDNIGHT = time(0)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - a tenth of an import; coins alone need no zone

    return ZoneInfo(name)


def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises:
        InvalidZone: If it is not in the tz database.
    """
    try:
        return _zone(name)
    except (LookupError, OSError, ValueError, TypeError):
        raise InvalidZone(
            "tz", given=name, expected="an IANA zone such as 'Europe/Vienna'"
        ) from None


@lru_cache(maxsize=4096)
def day_boundary(day: date, tz: ZoneInfo, day_start: time = _MIDNIGHT) -> datetime:
    """Return the instant at which a habit day begins, in UTC.

    A wall time that occurs twice counts the first time (PEP 495, fold=0); one that a transition
    skips moves forward by the length of the gap (RFC 5545, section 3.3.5).
    """
    return datetime.combine(day, day_start, tz).astimezone(UTC)


def habit_day(at: datetime, tz: ZoneInfo, day_start: time = _MIDNIGHT) -> date:
    """Return the day an instant belongs to: the largest day whose boundary is not after it.

    Args:
        at: An aware instant.
        tz: The zone.
        day_start: The wall time at which the day begins.
    """
    day = at.astimezone(UTC).date() + _DAY  # no later one has begun: no zone is 24 h ahead of UTC
    while day_boundary(day, tz, day_start) > at:
        day -= _DAY
    return day


def is_sealed(day: date, now: datetime, tz: ZoneInfo, day_start: time) -> bool:
    """Return whether what a day entitles to is final: 48 h have passed since its deadline."""
    return now - day_boundary(day + _DAY, tz, day_start) > LATE_WINDOW
