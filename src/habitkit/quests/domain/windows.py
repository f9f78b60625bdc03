"""When a quest counts: its window, and the periods of one that repeats.

A window of instants is the same for everybody; one of dates is of each owner's own habit days. A
run of a quest counts in the time that its window and its period have in common.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Self, TypeAlias

from attrs import field, frozen

from habitkit.errors import InvalidInput

__all__ = ["Period", "Repeat", "Span", "Window", "expect_repeat", "period_of", "span_of"]

Repeat: TypeAlias = Literal["daily", "weekly", "monthly"]
"""How often a quest can be done again."""

_REPEATS = ("daily", "weekly", "monthly")
_MOST_DAYS = 36_500
_KINDS = {"between": ("start", "end"), "dates": ("first", "last"), "from_start": ("days",)}


def _utc(given: datetime | None) -> datetime | None:
    """Return an instant in UTC."""
    untyped: object = given
    if untyped is None:
        return None
    if isinstance(untyped, datetime) and untyped.utcoffset() is not None:
        try:
            return untyped.astimezone(UTC)
        except OverflowError:
            pass
    expected = "an aware datetime whose instant in UTC is in the years 1 to 9999"
    raise InvalidInput("window", given=given, expected=expected)


def _expect_date(_: object, attribute: Any, value: Any) -> None:
    """Refuse what is no date; a datetime is none."""
    if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        raise InvalidInput(attribute.name, given=value, expected="a date")


def _expect_days(_: object, __: object, value: Any) -> None:
    """Refuse what is no number of days."""
    if value is not None and (type(value) is not int or not 1 <= value <= _MOST_DAYS):
        raise InvalidInput("days", given=value, expected=f"an int from 1 to {_MOST_DAYS}")


@frozen
class Window:
    """When a quest counts.

    Make one with ``Window.between``, ``dates`` or ``from_start``.

    Attributes:
        start: The first instant, in UTC.
        end: The first instant after it, in UTC.
        first: The first habit day of the owner.
        last: The last habit day of the owner.
        days: How many habit days, of which the first is the one on which the owner started.

    Raises:
        InvalidInput: If a value is not what is expected, or these are not the values of one kind.

    Example:
        >>> from datetime import date
        >>> from habitkit.quests import Window
        >>> Window.dates(date(2026, 12, 1), date(2026, 12, 24)).to_dict()
        {'kind': 'dates', 'first': '2026-12-01', 'last': '2026-12-24'}
    """

    start: datetime | None = field(default=None, converter=_utc)
    end: datetime | None = field(default=None, converter=_utc)
    first: date | None = field(default=None, validator=_expect_date)
    last: date | None = field(default=None, validator=_expect_date)
    days: int | None = field(default=None, validator=_expect_days)

    def __attrs_post_init__(self) -> None:
        """Refuse what is no window, and one without any time in it.

        Raises:
            InvalidInput: If it is one.
        """
        given = {name for names in _KINDS.values() for name in names if getattr(self, name)}
        if given not in map(set, _KINDS.values()):
            expected = (
                "start and end, or first and last, or days; such as Window.from_start(days=7)"
            )
            raise InvalidInput("window", given=sorted(given), expected=expected)
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise InvalidInput("end", given=self.end, expected=f"an instant after {self.start}")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise InvalidInput("last", given=self.last, expected=f"{self.first} or a later day")

    @classmethod
    def between(cls, start: datetime, end: datetime) -> Self:
        """Return the window from an instant until just before another, the same for everybody.

        Args:
            start: The first instant, aware.
            end: The first instant after it, aware.
        """
        return cls(start=start, end=end)

    @classmethod
    def dates(cls, first: date, last: date) -> Self:
        """Return the window of some habit days of the owner, the last one included."""
        return cls(first=first, last=last)

    @classmethod
    def from_start(cls, days: int) -> Self:
        """Return the window of so many habit days, from the one on which the owner started."""
        return cls(days=days)

    @property
    def kind(self) -> str:
        """How it was made: ``between``, ``dates`` or ``from_start``."""
        if self.days is not None:
            return "from_start"
        return "between" if self.first is None else "dates"

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        found: dict[str, Any] = {"kind": self.kind}
        for name in _KINDS[self.kind]:
            value = getattr(self, name)
            found[name] = value if isinstance(value, int) else value.isoformat()
        return found

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object.

        Raises:
            InvalidInput: If it is none.
        """
        given: object = content
        expected = f"an object as Window.to_dict returns it, of the kind {', '.join(_KINDS)}"
        refused = InvalidInput("window", given=given, expected=expected)
        if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
            raise refused
        names = _KINDS.get(given["kind"])
        if names is None or set(given) != {"kind", *names}:
            raise refused
        values: dict[str, Any] = {name: given[name] for name in names}
        if given["kind"] == "from_start":
            return cls(**values)
        read = datetime.fromisoformat if given["kind"] == "between" else date.fromisoformat
        try:
            values = {name: read(value) for name, value in values.items()}
        except (TypeError, ValueError):
            raise refused from None
        return cls(**values)


@frozen
class Period:
    """A period of a quest that repeats; of one that does not all time.

    Attributes:
        name: Its first day, such as ``2026-03-02``; empty without repetition.
        first: Its first habit day.
        last: Its last habit day.
    """

    name: str
    first: date
    last: date


def expect_repeat(value: Any) -> Repeat | None:
    """Return how often a quest can be done again; None for once.

    Raises:
        InvalidInput: If it is anything else.
    """
    if value is None or (isinstance(value, str) and value in _REPEATS):
        return value  # type: ignore[return-value]
    raise InvalidInput("repeat", given=value, expected=f"one of {', '.join(_REPEATS)}, or None")


def period_of(repeat: Repeat | None, day: date) -> Period:
    """Return the period that a habit day lies in.

    Args:
        repeat: How often the quest can be done again; weeks begin on Monday (ISO 8601).
        day: The day.

    Raises:
        InvalidInput: If ``repeat`` is none of these.
    """
    if expect_repeat(repeat) is None:
        return Period("", date.min, date.max)
    first = last = day
    if repeat == "weekly":
        first = day - timedelta(days=day.weekday())  # the first day of all is a Monday
        last = _later(first, 6)
    elif repeat == "monthly":
        first = day.replace(day=1)
        last = day.replace(day=monthrange(day.year, day.month)[1])
    return Period(first.isoformat(), first, last)


def _later(day: date, days: int) -> date:
    """Return a later day; the last one of all if it would be beyond."""
    return day + timedelta(days=min(days, (date.max - day).days))


@frozen
class Span:
    """The time in which a run of a quest counts; all that is not None limits it.

    It may be empty, as window and period may have nothing in common: then it covers nothing, and
    its end may lie before its beginning.

    Attributes:
        start: The first instant.
        end: The first instant after it.
        first: The first habit day.
        last: The last habit day.
    """

    start: datetime | None = None
    end: datetime | None = None
    first: date | None = None
    last: date | None = None

    def covers(self, done_at: datetime, day: date) -> bool:
        """Return whether what was done counts.

        Args:
            done_at: When it was done.
            day: The habit day on which it was done.
        """
        return (
            (self.start is None or self.start <= done_at)
            and (self.end is None or done_at < self.end)
            and (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
        )

    def ends_at(self, end_of_day: Callable[[date], datetime]) -> datetime | None:
        """Return the first instant after it; None if it has no end.

        Args:
            end_of_day: Returns the first instant after a habit day of the owner.
        """
        ends = [] if self.end is None else [self.end]
        if self.last is not None:
            ends.append(end_of_day(self.last))
        return min(ends, default=None)

    def has_begun(self, now: datetime, today: date) -> bool:
        """Return whether its first instant and its first habit day have come.

        Args:
            now: The time.
            today: The habit day of the owner at that time.
        """
        return (self.start is None or self.start <= now) and (
            self.first is None or self.first <= today
        )


def span_of(
    window: Window | None, repeat: Repeat | None, period_name: str, started_day: date
) -> Span:
    """Return the time in which a run of a quest counts: what window and period have in common.

    Args:
        window: The window of the quest; None for all time.
        repeat: How often the quest can be done again.
        period_name: The name of the run's period; empty without repetition.
        started_day: The habit day on which the run was started.

    Raises:
        InvalidInput: If the name is not that of such a period.
    """
    period = _named(repeat, period_name)
    if window is None:
        window = Window.dates(date.min, date.max)
    first, last = window.first or date.min, window.last or date.max
    if window.days is not None:
        first, last = started_day, _later(started_day, window.days - 1)
    first, last = max(first, period.first), min(last, period.last)
    return Span(
        window.start,
        window.end,
        None if first == date.min else first,
        None if last == date.max else last,
    )


def _named(repeat: Repeat | None, name: str) -> Period:
    """Return the period of a name."""
    expect_repeat(repeat)
    try:
        period = period_of(repeat, date.fromisoformat(name) if name else date.min)
    except ValueError:
        period = None
    if period is None or period.name != name:
        expected = f"the first day of a {repeat} period" if repeat else "an empty text"
        raise InvalidInput("period", given=name, expected=expected)
    return period
