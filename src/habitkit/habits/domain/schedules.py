"""Schedules: when a habit is due."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["MonthDay", "Per", "Schedule", "Unit", "Window", "weekday"]

Unit = Literal["day", "week", "month", "year"]
Per = Literal["week", "month", "year"]
MonthDay = tuple[int, int]
"""A month and a day of it, as they come every year."""
Window = tuple[time, time]
"""The wall times between which a check-in counts; the end is excluded."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KINDS = ("daily", "weekdays", "every", "quota", "rolling", "rrule")
_MOST_UNITS = {"day": 3650, "week": 520, "month": 120, "year": 10}
_DAYS_OF_PERIOD = {"week": 7, "month": 31, "year": 366}
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LONGEST_RULE = 500


@frozen
class Schedule:
    """A schedule: a sequence of slots in which a habit is due, each of one day or several.

    The constructors ``daily``, ``weekdays``, ``every``, ``quota``, ``rolling`` and ``rrule`` make
    one. Each takes a ``window``, the wall times between which a check-in counts, and a ``season``,
    the first and last (month, day) of the year on which it is due; a season may go over New Year.

    Attributes:
        kind: Which constructor made it.
        n: Units between two due days (``every``), days a period (``quota``), or days in a span
            (``rolling``).
        unit: The unit of ``every``, or the period of ``quota``.
        span: The span of ``rolling`` in days.
        on: The due days of ``weekdays``, Monday as 0.
        week_start: The day on which a week of ``quota`` begins, Monday as 0; None means that of the
            habit's clock.
        anchor: A due day of ``every``, or the day from which ``rrule`` counts; None means the day
            from which the schedule is in force.
        after_done: True if ``every`` counts from the day it was last done.
        month_end: What ``every`` does in a month that lacks the day: ``clamp`` takes its last day,
            ``skip`` is not due there.
        rule: The rule of ``rrule``, as RFC 5545 writes it.
        window: Between which wall times a check-in counts, or None for the whole day.
        season: The days of the year on which it is due, or None for all.
        reduced_by_skips: True if each skipped day of a period lowers the ``n`` of ``quota`` by one.
    """

    kind: Literal["daily", "weekdays", "every", "quota", "rolling", "rrule"] = "daily"
    n: int = 1
    unit: Unit = "day"
    span: int = 1
    on: tuple[int, ...] = ()
    week_start: int | None = None
    anchor: date | None = None
    after_done: bool = False
    month_end: Literal["clamp", "skip"] = "clamp"
    rule: str = ""
    window: tuple[time, time] | None = None
    season: tuple[tuple[int, int], tuple[int, int]] | None = None
    reduced_by_skips: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse values that no constructor makes."""
        _one_of("kind", self.kind, _KINDS)
        _one_of("month_end", self.month_end, ("clamp", "skip"))
        if self.kind == "weekdays" and not self.on:
            raise InvalidHabit("weekdays", given=self.on, expected=f"at least one of {_WEEKDAYS}")
        if self.kind == "quota":
            most = _DAYS_OF_PERIOD[_one_of("per", self.unit, _DAYS_OF_PERIOD)]
        else:
            most = _MOST_UNITS[_one_of("unit", self.unit, _MOST_UNITS)]
        if self.kind == "rolling":
            _whole("days", self.span, 3650)
            most = self.span
        _whole("n", self.n, most)
        for number in (*self.on, *(() if self.week_start is None else (self.week_start,))):
            if type(number) is not int or not 0 <= number < len(_WEEKDAYS):
                raise InvalidHabit(
                    "weekday", given=number, expected="an int from 0 (Monday) to 6 (Sunday)"
                )
        if self.anchor is not None:
            _date("anchor", self.anchor)
        if self.kind == "rrule":
            _rule(self.rule)
        _window(self.window)
        _season(self.season)
        if type(self.reduced_by_skips) is not bool:
            raise InvalidHabit(
                "reduced_by_skips", given=self.reduced_by_skips, expected="True or False"
            )

    @property
    def by_days(self) -> bool:
        """True if several days of a slot are needed, each of which has to meet the goal."""
        return self.kind == "quota" and self.n > 1

    @classmethod
    def daily(
        cls, *, window: Window | None = None, season: tuple[MonthDay, MonthDay] | None = None
    ) -> Schedule:
        """Every day."""
        return cls("daily", window=window, season=season)

    @classmethod
    def weekdays(
        cls,
        *names: str,
        window: Window | None = None,
        season: tuple[MonthDay, MonthDay] | None = None,
    ) -> Schedule:
        """On some days of the week: ``Schedule.weekdays("mon", "wed")``.

        Raises:
            InvalidHabit: If no day is given, or a name is not one of ``mon`` to ``sun``.
        """
        on = sorted({weekday("weekdays", name) for name in names})
        return cls("weekdays", on=tuple(on), window=window, season=season)

    @classmethod
    def every(
        cls,
        n: int,
        unit: Unit = "day",
        *,
        anchor: date | Literal["last_done"] | None = None,
        month_end: Literal["clamp", "skip"] = "clamp",
        window: Window | None = None,
        season: tuple[MonthDay, MonthDay] | None = None,
    ) -> Schedule:
        """Every so many days, weeks, months or years.

        Args:
            n: How many units from one due day to the next: at most 3650 days, 520 weeks, 120 months
                or 10 years.
            unit: ``day``, ``week``, ``month`` or ``year``.
            anchor: One of the due days, before or after which the others are counted; or
                ``"last_done"``: due so many units after it was last done, on any day until then.
                By default the day from which the schedule is in force.
            month_end: In a month that lacks the day, ``clamp`` takes the last one, ``skip`` none.
            window: Between which wall times a check-in counts.
            season: On which days of the year it is due.

        Raises:
            InvalidHabit: If an argument is not one of these.
        """
        after_done = anchor == "last_done"
        day = None if after_done or anchor is None else _date("anchor", anchor)
        return cls(
            "every",
            n,
            unit,
            anchor=day,
            after_done=after_done,
            month_end=month_end,
            window=window,
            season=season,
        )

    @classmethod
    def quota(
        cls,
        n: int,
        per: Per = "week",
        *,
        week_start: str | None = None,
        window: Window | None = None,
        season: tuple[MonthDay, MonthDay] | None = None,
        reduced_by_skips: bool = False,
    ) -> Schedule:
        """On any ``n`` days of a week, month or year of the calendar.

        With ``n`` of 1 a goal's amounts are taken over the whole period; with more, ``n`` days must
        each meet the goal.

        Args:
            n: On how many days, at most the days of the period.
            per: The period: ``week``, ``month`` or ``year``.
            week_start: The day on which a week begins; that of the habit's clock by default.
            window: Between which wall times a check-in counts.
            season: On which days of the year it is due.
            reduced_by_skips: True if one day less is needed for each skipped day of a period on
                which nothing was recorded; the period is exempt when none is left. By default all
                ``n`` are needed as long as so many days are neither skipped nor paused.

        Raises:
            InvalidHabit: If ``n`` is not 1 to the days of the period, or another argument is not
                one of these.
        """
        start = None if week_start is None else weekday("week_start", week_start)
        return cls(
            "quota",
            n,
            per,
            week_start=start,
            window=window,
            season=season,
            reduced_by_skips=reduced_by_skips,
        )

    @classmethod
    def rolling(
        cls,
        n: int,
        days: int,
        *,
        window: Window | None = None,
        season: tuple[MonthDay, MonthDay] | None = None,
    ) -> Schedule:
        """On ``n`` of any so many days in a row, as Loop Habit Tracker counts.

        Each day is a slot; done days close together make those between and after them done too. It
        is the only schedule under which a later day changes the status of an earlier one.

        Raises:
            InvalidHabit: If ``n`` is not 1 to ``days``, or ``days`` not 1 to 3650.
        """
        return cls("rolling", n, span=days, window=window, season=season)

    @classmethod
    def rrule(
        cls,
        rule: str,
        *,
        anchor: date | None = None,
        window: Window | None = None,
        season: tuple[MonthDay, MonthDay] | None = None,
    ) -> Schedule:
        """On the days of a recurrence rule: ``Schedule.rrule("FREQ=MONTHLY;BYDAY=1MO")``.

        It needs python-dateutil: ``pip install 'habitkit[rrule]'``.

        Args:
            rule: The rule as RFC 5545 writes it, without DTSTART; at most 500 characters.
            anchor: The day from which it counts (DTSTART); by default the day from which the
                schedule is in force.
            window: Between which wall times a check-in counts.
            season: On which days of the year it is due.

        Raises:
            InvalidHabit: If it is empty or too long. What else is no rule, or one of hours, minutes
                or seconds, is refused when a habit is given the schedule.
        """
        return cls("rrule", anchor=anchor, rule=rule, window=window, season=season)


def _one_of(what: str, value: object, allowed: Collection[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise InvalidHabit(what, given=value, expected=f"one of {', '.join(allowed)}")
    return value


def _whole(what: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise InvalidHabit(what, given=value, expected=f"an int from 1 to {most}")


def _date(what: str, value: object) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InvalidHabit(what, given=value, expected="a date")
    return value


def weekday(what: str, name: object) -> int:
    """Return the number of a weekday, Monday as 0.

    Raises:
        InvalidHabit: If it is not one of mon, tue, wed, thu, fri, sat, sun.
    """
    return _WEEKDAYS.index(_one_of(what, name, _WEEKDAYS))


def _rule(rule: object) -> None:
    if not isinstance(rule, str) or not 0 < len(rule) <= _LONGEST_RULE:
        expected = f"an RFC 5545 rule of at most {_LONGEST_RULE} characters"
        raise InvalidHabit("rule", given=rule, expected=expected)
    # The rule itself is read where its days are counted, which needs python-dateutil.


def _window(window: object) -> None:
    if window is None:
        return
    match window:
        case (time(tzinfo=None) as start, time(tzinfo=None) as end) if start != end:
            return
    expected = "two different times without a time zone, or None"
    raise InvalidHabit("window", given=window, expected=expected)


def _season(season: object) -> None:
    if season is None:
        return
    match season:
        case ((int(), int()) as first, (int(), int()) as last) if _exists(*first) and _exists(
            *last
        ):
            return
    expected = "the first and the last day, each as (month, day), or None"
    raise InvalidHabit("season", given=season, expected=expected)


def _exists(month: int, day: int) -> bool:
    return (
        type(month) is type(day) is int
        and 1 <= month <= len(_LONGEST_MONTHS)
        and 1 <= day <= _LONGEST_MONTHS[month - 1]
    )
