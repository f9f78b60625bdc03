"""Pure rules of RFC 5545 recurrence rules, computed by python-dateutil.

A rule of dateutil counts from its start each time it is asked. Here its days are counted once. One
that never recurs it follows to the end of the calendar, which takes many seconds; here such a rule
is known beforehand.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import MAXYEAR, date, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from math import gcd
from typing import TYPE_CHECKING, Any

from habitkit.errors import MissingExtra
from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from dateutil.rrule import rrule

__all__ = ["days_in_a_year", "next_day", "recurrence"]

_SOME_DAY = date(2024, 1, 1)
_STEPS_IN_400_YEARS = (400, 4800, 20_871, 146_097)
"""Of years, months, weeks and days, in the order of dateutil's frequencies."""


@lru_cache(maxsize=128)
def recurrence(rule: str, start: date) -> rrule:
    """Return a recurrence rule that counts from a day.

    Raises:
        InvalidHabit: If it is not an RFC 5545 rule, or has a period of less than a day.
        MissingExtra: If python-dateutil is not installed.
    """
    try:
        from dateutil import rrule  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("dateutil", "rrule") from None
    expected = "an RFC 5545 rule with a period of days or longer, such as FREQ=MONTHLY;BYDAY=1MO"
    if "DTSTART" in rule.upper() or "\n" in rule:
        raise InvalidHabit("rule", given=rule, expected=f"{expected}, without DTSTART")
    try:
        parsed = rrule.rrulestr(rule, dtstart=datetime.combine(start, datetime.min.time()))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise InvalidHabit("rule", given=rule, expected=expected) from None
    if not isinstance(parsed, rrule.rrule) or _interval(parsed) < 1 or _less_than_a_day(rule):
        raise InvalidHabit("rule", given=rule, expected=expected)
    if _weekday_number(parsed) > _weekdays_in_a_period(parsed):
        raise InvalidHabit("rule", given=rule, expected=expected)
    return parsed


def _less_than_a_day(rule: str) -> bool:
    parts = ("HOURLY", "MINUTELY", "SECONDLY", "BYHOUR", "BYMINUTE", "BYSECOND")
    return any(part in rule.upper() for part in parts)


def _interval(parsed: Any) -> int:
    """Return how many of its steps a rule takes at once; dateutil takes 0 and less as well."""
    interval: int = parsed._interval  # noqa: SLF001 - there is no other way to ask
    return interval


def _weekday_number(parsed: Any) -> int:
    """Return the largest n of "the n-th Monday"; dateutil looks for one beyond its tables."""
    numbered = parsed._bynweekday or ()  # noqa: SLF001 - there is no other way to ask
    return max((abs(n) for _, n in numbered), default=0)


def _weekdays_in_a_period(parsed: Any) -> int:
    """Return how many Mondays a year can have, or a month."""
    of_years = parsed._freq == 0 and not parsed._bymonth  # noqa: SLF001 - as above
    return 53 if of_years else 5


def next_day(rule: str, start: date, after: date) -> date | None:
    """Return the first day from ``after`` on, on which a rule recurs that counts from ``start``."""
    year = min(max(start, after).year + 1, MAXYEAR)
    days = _days(rule, start, year)
    at = bisect_left(days, after)
    return days[at] if at < len(days) else _first_after(rule, start, year)


def days_in_a_year(rule: str, start: date | None) -> int:
    """Return on how many days of its first 366 a rule recurs, at least 1."""
    first = start or _SOME_DAY
    days = _days(rule, first, first.year + 1)
    return max(bisect_right(days, first + timedelta(days=366)), 1)


@lru_cache(maxsize=128)
def _days(rule: str, start: date, year: int) -> tuple[date, ...]:
    """Return all days of a rule until the end of a year."""
    if not _recurs(rule, start):
        return ()
    end = _end_of(year)
    return tuple(at.date() for at in takewhile(end.__ge__, recurrence(rule, start)))


@lru_cache(maxsize=128)
def _first_after(rule: str, start: date, year: int) -> date | None:
    """Return the first day of a rule after the end of a year."""
    instant = recurrence(rule, start).after(_end_of(year)) if _recurs(rule, start) else None
    return None if instant is None else instant.date()


@lru_cache(maxsize=128)
def _recurs(rule: str, start: date) -> bool:
    """Return whether a rule recurs at all, its COUNT and its UNTIL left aside.

    The calendar repeats itself every 400 years, and so does a rule, or after as many times that as
    its interval takes to fit. It is followed where no more than two such times are left. Easter,
    of which dateutil knows, keeps to no such time.
    """
    if "BYEASTER" in rule.upper():
        return True
    counted: Any = recurrence(rule, start)
    interval, frequency = _interval(counted), counted._freq  # noqa: SLF001 - as above
    years = 400 * interval // gcd(interval, _STEPS_IN_400_YEARS[frequency])
    later = max((MAXYEAR - start.year) // years - 1, 0) * years
    day = datetime.combine(start.replace(year=start.year + later), datetime.min.time())
    return next(iter(counted.replace(dtstart=day, count=None, until=None)), None) is not None


def _end_of(year: int) -> datetime:
    return datetime(year, 12, 31)  # noqa: DTZ001 - a day, not an instant
