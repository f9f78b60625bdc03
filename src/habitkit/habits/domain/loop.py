"""Pure rules of Loop Habit Tracker: its own entries, scores and streaks, for users who migrate.

They are those of uhabits-core 2.x (``EntryList`` at commit 8986279, ``ScoreList`` at 971f24a and
``StreakList`` at 4c3c3e6), oddities included: weeks and months are so many days in a row, a skipped
day belongs to a streak of ticks, and among amounts it is the same value as three thousandths.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from itertools import pairwise
from math import sqrt
from typing import Literal

from attrs import field, frozen

from habitkit.habits.domain.amounts import amount as exact
from habitkit.habits.domain.rolling import automatic_days
from habitkit.habits.errors import InvalidHabit

__all__ = ["Frequency", "Mark", "Run", "Target", "entries", "scores", "streaks"]

_DAY = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1000, 9000  # space for the longest span on either side
_MOST_DAYS = 3650
_LARGEST = 2**31 - 1
_THOUSANDTHS = 1000


class Mark(IntEnum):
    """The mark of a day in Loop; for amounts only ``UNKNOWN`` and ``SKIP``."""

    UNKNOWN = -1
    """Nothing is known about the day."""
    NO = 0
    """It was not done."""
    YES_AUTO = 1
    """It was not done and need not be: enough other days were."""
    YES_MANUAL = 2
    """It was done, and ticked by hand."""
    SKIP = 3
    """The day was taken out of the count."""


@frozen
class Frequency:
    """How often a habit is to be done: ``Frequency(3, 7)`` is three times in seven days.

    As many times as days is daily, and is kept as ``Frequency(1, 1)``, as in Loop.

    Attributes:
        num: How many times, at least 1. Above ``den``, which Loop's data may hold, no day is filled
            in, and ticks never come to a full score.
        den: In how many days, at most 3650. Where days are filled in, 30 and 31 mean a month.

    Raises:
        InvalidHabit: If they are not such ints.
    """

    num: int = 1
    den: int = 1

    def __attrs_post_init__(self) -> None:
        """Refuse an invalid frequency, and keep every daily one in one form."""
        _whole("den", self.den, _MOST_DAYS)
        _whole("num", self.num, _LARGEST)
        if self.num == self.den:
            object.__setattr__(self, "num", 1)
            object.__setattr__(self, "den", 1)

    @property
    def per_day(self) -> float:
        """How many times a day."""
        return self.num / self.den


def _amount(value: Decimal | float) -> Decimal:
    return exact("amount", value)


@frozen
class Target:
    """The target of the amounts of a numerical habit: ``Target(2.5)``.

    Attributes:
        amount: In the habit's own unit, not in thousandths; an int, Decimal or float of 0 or more.
        kind: Whether it is to be reached (``at_least``) or not to be exceeded (``at_most``).

    Raises:
        InvalidHabit: If the amount is not a finite number of at least 0, or the kind is another.
    """

    amount: Decimal = field(converter=_amount)
    kind: Literal["at_least", "at_most"] = "at_least"

    def __attrs_post_init__(self) -> None:
        """Refuse an invalid target."""
        if self.kind not in ("at_least", "at_most"):
            raise InvalidHabit("kind", given=self.kind, expected="'at_least' or 'at_most'")


@frozen(order=True)
class Run:
    """A streak as Loop counts it: days in a row.

    Attributes:
        first: Its first day.
        last: Its last day.
    """

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


def entries(
    marks: Mapping[date, int],
    *,
    frequency: Frequency,
    end: date,
    start: date | None = None,
    target: Target | None = None,
) -> dict[date, int]:
    """Fill in the days that count because enough others near them were done.

    The rule is that of ``EntryList.recomputeFrom`` in uhabits-core 2.x, which
    `habitkit.habits.domain.rolling` states; days with an amount are left as they are. All marks are
    read, those before the first and after the last day returned, too. What was ticked or skipped by
    hand stays, and so does a NO that is not filled in.

    Args:
        marks: What was noted, by day: a `Mark`; or with a target the amount in thousandths of the
            habit's unit, ``Mark.SKIP`` or ``Mark.UNKNOWN``.
        frequency: How often it is to be done.
        end: The last day to return.
        start: The first day to return; by default the first that is known, filled in or not; with
            a target, the first of ``marks``. ``end`` if that is not before it.
        target: The target of the amounts; None for a habit that is ticked.

    Returns:
        The value of every day from ``start`` to ``end``, in order.

    Raises:
        InvalidHabit: If a value is not one of these, a day is no date of the years 1000 to 9000, or
            ``start`` is after ``end``.
    """
    _check(marks, frequency=frequency, start=start, end=end, target=target)
    values = dict(marks)
    if target is None:
        values = {day: Mark(value) for day, value in marks.items() if value != Mark.UNKNOWN}
        done = [day for day, value in values.items() if value == Mark.YES_MANUAL]
        for day in automatic_days(done, frequency.num, frequency.den):
            if values.get(day) not in {Mark.YES_MANUAL, Mark.SKIP}:
                values[day] = Mark.YES_AUTO
    first = min([*values, end]) if start is None else start
    days = (first + _DAY * at for at in range((end - first).days + 1))
    return {day: values.get(day, Mark.UNKNOWN) for day in days}


def scores(
    marks: Mapping[date, int],
    *,
    frequency: Frequency,
    end: date,
    start: date | None = None,
    target: Target | None = None,
) -> dict[date, float]:
    """Return the habit's score on each day.

    Each day's score is ``s * m + v * (1 - m)`` with the score ``s`` of the day before, ``m = 0.5 **
    (sqrt(frequency.per_day) / 13)``, and the part ``v`` of what was asked for that the last days
    come to; a skipped day leaves the score. For ticks only those by hand count, ``num`` in ``den``
    days are asked for, and below once a day, twice as many in twice the days. For amounts they are
    ``den`` days; above a target that is a ceiling, ``v`` falls to 0 at its double. It is the rule
    of ``Score.compute`` and ``ScoreList.recompute`` in uhabits-core 2.x.

    Args:
        marks: As for `entries`.
        frequency: How often it is to be done.
        end: The last day; the scores before it do not depend on it.
        start: The day with which scores begin, at 0, or at 1 under a ceiling: what was noted
            earlier does not count. By default as for `entries`, which is Loop's choice, too.
        target: The target of the amounts in ``den`` days; None for a habit that is ticked.

    Returns:
        The score of every day from ``start`` to ``end``, from 0 to 1, in order.

    Raises:
        InvalidHabit: As for `entries`.
    """
    days = entries(marks, frequency=frequency, end=end, start=start, target=target)
    asked, window = frequency.num, frequency.den
    if target is None and frequency.per_day < 1:
        asked, window = 2 * asked, 2 * window
    values = list(days.values())
    # Loop adds up a skipped day among amounts as the 3 thousandths that it is kept as.
    adds = [value == Mark.YES_MANUAL if target is None else max(value, 0) for value in values]
    kept = 0.5 ** (sqrt(frequency.per_day) / 13)
    score = 1.0 if target is not None and target.kind == "at_most" else 0.0
    total, scores_by_day = 0, {}
    for at, day in enumerate(days):
        total += adds[at] - (adds[at - window] if at >= window else 0)
        if values[at] != Mark.SKIP:
            part = min(1.0, total / asked) if target is None else _part(total, target)
            score = score * kept + part * (1 - kept)
        scores_by_day[day] = score
    return scores_by_day


def streaks(
    marks: Mapping[date, int],
    *,
    frequency: Frequency,
    end: date,
    start: date | None = None,
    target: Target | None = None,
) -> list[Run]:
    """Return the streaks: the longest runs of days in a row that count.

    Ticked, filled in and skipped days count. Of amounts, each day's own must meet the whole target,
    whatever the frequency, and a skipped day is an amount of 0.003. An unknown day never counts. It
    is the rule of ``StreakList.recompute`` in uhabits-core 2.x.

    Args:
        marks: As for `entries`.
        frequency: How often it is to be done.
        end: The last day that is read. Loop reads 30 days after today, too, so that days
            filled in ahead belong to a streak.
        start: The first day that is read; by default as for `entries`.
        target: The target of each day's amount; None for a habit that is ticked.

    Returns:
        The streaks in order.

    Raises:
        InvalidHabit: As for `entries`.
    """
    days = entries(marks, frequency=frequency, end=end, start=start, target=target)
    counting = [day for day, value in days.items() if _counts(value, target)]
    if not counting:
        return []
    gaps = [(before, after) for before, after in pairwise(counting) if after - before > _DAY]
    firsts = [counting[0], *(after for _, after in gaps)]
    lasts = [*(before for before, _ in gaps), counting[-1]]
    return [Run(first, last) for first, last in zip(firsts, lasts, strict=True)]


def _part(total: int, target: Target) -> float:
    """Return which part of a target an amount in thousandths reaches."""
    amount, asked = total / _THOUSANDTHS, float(target.amount)
    if target.kind == "at_least":
        return min(1.0, amount / asked) if asked else 1.0
    if asked:
        return min(max(1 - (amount - asked) / asked, 0.0), 1.0)
    return 0.0 if amount else 1.0


def _counts(value: int, target: Target | None) -> bool:
    """Return whether a day belongs to a streak."""
    if target is None:
        return value > 0
    amount = Decimal(f"{value}E-3")
    if target.kind == "at_least":
        return amount >= target.amount
    return value != Mark.UNKNOWN and amount <= target.amount


def _check(marks: object, *, frequency: object, start: object, end: object, target: object) -> None:
    if not isinstance(frequency, Frequency):
        raise InvalidHabit("frequency", given=frequency, expected="a Frequency")
    if target is not None and not isinstance(target, Target):
        raise InvalidHabit("target", given=target, expected="a Target or None")
    if not isinstance(marks, Mapping):
        raise InvalidHabit("marks", given=marks, expected="a mapping of days to values")
    most = Mark.SKIP if target is None else _LARGEST
    for day, value in marks.items():
        _date("marks", day)
        if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value <= most:
            raise InvalidHabit("marks", given=value, expected=f"ints from -1 to {int(most)}")
    last = _date("end", end)
    if start is not None and _date("start", start) > last:
        raise InvalidHabit("start", given=start, expected=f"a day not after the end, {last}")


def _whole(what: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise InvalidHabit(what, given=value, expected=f"an int from 1 to {most}")


def _date(what: str, value: object) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InvalidHabit(what, given=value, expected="a date")
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        expected = f"a date in the years {_FIRST_YEAR} to {_LAST_YEAR}"
        raise InvalidHabit(what, given=value, expected=expected)
    return value
