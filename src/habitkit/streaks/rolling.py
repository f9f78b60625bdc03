"""Pure rule of rolling schedules: which days are done because enough others near them are.

The rule is that of Loop Habit Tracker (``EntryList`` in uhabits-core 2.x). Done days are read from
the newest to the oldest. Wherever n of them lie within one span, the span that begins with the
oldest of these is done as a whole. Where it would run into the span of later days, it is slid into
the past, but never so far that it would no longer reach the newest of its own days.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["automatic_days"]

_DAY = timedelta(days=1)
_A_MONTH = (30, 31)


def automatic_days(done: Iterable[date], n: int, span: int) -> set[date]:
    """Return all days that are done by themselves or through others.

    Args:
        done: The days on which it was done.
        n: How many of them it takes.
        span: Within how many days; 30 or 31 mean as many as the month of the span's first day has,
            or if that is its last day, the month after it.
    """
    newest_first = sorted(set(done), reverse=True)
    found = set(newest_first)
    reached = 0
    for first, last in sorted(_spans(newest_first, n, span)):
        known = max(reached - first.toordinal() + 1, 0)  # so that each day is added once
        found.update(first + _DAY * at for at in range(known, (last - first).days + 1))
        reached = max(reached, last.toordinal())
    return found


def _spans(newest_first: Sequence[date], n: int, span: int) -> Iterator[tuple[date, date]]:
    """Yield the first and the last day of each span that is done as a whole, the newest first."""
    begins_later: date | None = None
    for newest, oldest in zip(newest_first, newest_first[n - 1 :], strict=False):
        size = _month_of(oldest) if span in _A_MONTH else span
        if (newest - oldest).days >= size:
            continue
        first, last = oldest, oldest + _DAY * (size - 1)
        if begins_later is not None and last >= begins_later:
            slid = _DAY * min((last - newest).days, (last - begins_later).days + 1)
            first, last = first - slid, last - slid
        begins_later = first
        yield first, last


def _month_of(day: date) -> int:
    """Return how many days a month has that begins a span."""
    tomorrow = day + _DAY
    month = tomorrow if tomorrow.day == 1 else day
    return monthrange(month.year, month.month)[1]
