"""Pure rules of schedules: the days from which to which each of their slots goes."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits.domain.rrule import days_in_a_year, next_day

if TYPE_CHECKING:
    from habitkit.habits.domain.schedules import Schedule

__all__ = ["Occurrence", "first_occurrence", "frequency", "in_season"]

_DAY = timedelta(days=1)
_MOST_STEPS = 500
_PERIOD_DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
_A_YEAR = 366


class Occurrence(NamedTuple):
    """The days of a slot.

    Attributes:
        first: The first day.
        last: The last day.
        partial: True if its period had begun before it could.
    """

    first: date
    last: date
    partial: bool = False


def first_occurrence(
    schedule: Schedule, origin: date, week_start: int, after: date
) -> Occurrence | None:
    """Return the first slot of a schedule that begins on a day or later, None if there is none.

    Args:
        schedule: The schedule.
        origin: The day from which it counts where it has no anchor.
        week_start: The weekday on which a week begins where it names none, Monday as 0.
        after: The earliest day on which the slot may begin.
    """
    try:
        return _SPANS[schedule.kind](schedule, schedule.anchor or origin, week_start, after)
    except OverflowError:
        return None  # beyond the last day of the calendar


def frequency(schedule: Schedule) -> tuple[float, float]:
    """Return how many completions a day a schedule asks for, and how many days its slots take up.

    Months and years count as in the Gregorian calendar's mean, 365.25 days a year.
    """
    n, period = schedule.n, _PERIOD_DAYS[schedule.unit]
    match schedule.kind:
        case "weekdays":
            return len(schedule.on) / 7, 7 / len(schedule.on)
        case "every":
            return 1 / (n * period), n * period
        case "quota":
            return n / period, period
        case "rolling":
            return n / schedule.span, 1.0
        case "rrule":
            days = days_in_a_year(schedule.rule, schedule.anchor)
            return days / _A_YEAR, _A_YEAR / days
    return 1.0, 1.0


def in_season(schedule: Schedule, day: date) -> bool:
    """Return whether a day lies in a schedule's season."""
    if schedule.season is None:
        return True
    first, last = schedule.season
    of_year = (day.month, day.day)
    return first <= of_year <= last if first <= last else of_year >= first or of_year <= last


def _daily(_: Schedule, __: date, ___: int, after: date) -> Occurrence:
    return Occurrence(after, after)


def _weekdays(schedule: Schedule, _: date, __: int, after: date) -> Occurrence:
    day = after + _DAY * min((weekday - after.weekday()) % 7 for weekday in schedule.on)
    return Occurrence(day, day)


def _every(schedule: Schedule, anchor: date, _: int, after: date) -> Occurrence | None:
    n, unit = schedule.n, schedule.unit
    if schedule.after_done:
        before = after - _DAY
        if unit in {"day", "week"}:
            return Occurrence(after, before + _DAY * (n if unit == "day" else 7 * n))
        return Occurrence(after, _months_on(before, n if unit == "month" else 12 * n) or after)
    if unit in {"day", "week"}:
        day = after + _DAY * ((anchor - after).days % (n if unit == "day" else 7 * n))
        return Occurrence(day, day)
    return _every_months(schedule, anchor, n if unit == "month" else 12 * n, after)


def _every_months(schedule: Schedule, anchor: date, step: int, after: date) -> Occurrence | None:
    between = (after.year - anchor.year) * 12 + after.month - anchor.month
    months = between - between % step
    for _ in range(_MOST_STEPS):
        day = _months_on(anchor, months, clamp=schedule.month_end == "clamp")
        if day is not None and day >= after:
            return Occurrence(day, day)
        months += step
    return None


def _months_on(day: date, months: int, *, clamp: bool = True) -> date | None:
    """Return the same day of another month, or its last one; None if it is missing there."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    if not date.min.year <= year <= date.max.year:
        raise OverflowError
    last = monthrange(year, month)[1]
    return None if day.day > last and not clamp else date(year, month, min(day.day, last))


def _quota(schedule: Schedule, _: date, week_start: int, after: date) -> Occurrence:
    if schedule.unit == "week":
        begins = week_start if schedule.week_start is None else schedule.week_start
        gone = (after.weekday() - begins) % 7
        return Occurrence(after, after + _DAY * (6 - gone), gone > 0)
    if schedule.unit == "month":
        last = after.replace(day=monthrange(after.year, after.month)[1])
        return Occurrence(after, last, after.day > 1)
    return Occurrence(after, date(after.year, 12, 31), after > date(after.year, 1, 1))


def _rrule(schedule: Schedule, anchor: date, _: int, after: date) -> Occurrence | None:
    day = next_day(schedule.rule, anchor, after)
    return None if day is None else Occurrence(day, day)


_SPANS = {
    "daily": _daily,
    "weekdays": _weekdays,
    "every": _every,
    "quota": _quota,
    "rolling": _daily,
    "rrule": _rrule,
}
