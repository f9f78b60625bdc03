"""Pure rules of rolling schedules: which days are done because enough others near them are.

The rule is that of Loop Habit Tracker (``EntryList`` in uhabits-core 2.x). Done days are read from
the newest to the oldest. Wherever n of them lie within one span, the span that begins with the
oldest of these is done as a whole. Where it would run into the span of later days, it is slid into
the past, but never so far that it would no longer reach the newest of its own days.

Since a later day may so change earlier ones, checkpoints have a rule of their own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit.habits.domain.streaks import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from habitkit.habits.domain.history import History, Version
    from habitkit.habits.domain.streaks import Slot

__all__ = ["RollingCheckpoints", "Spans", "automatic_days", "longest", "needs_from"]

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
    days = set(newest_first)
    reached = 0
    for first, last in sorted(_spans(newest_first, n, span)):
        first_new = max(reached - first.toordinal() + 1, 0)  # so that each day is added once
        days.update(first + _DAY * at for at in range(first_new, (last - first).days + 1))
        reached = max(reached, last.toordinal())
    return days


class Spans:
    """The spans of a history before any is slid, and how far what comes later may slide them.

    Read from the newest to the oldest, all that a span learns of the later ones is where the next
    of them begins: it begins its own size before that, but not before it would lose the newest of
    its own days, and not after the oldest of them. So with each span some of the beginnings that
    are possible are lost, and as a rule a few spans leave no choice: nothing before them moves.
    It is not always so: of a habit that asks for one day in seven and was done each Sunday, one
    more day on a Saturday slides all spans by a day, back to the last week without any.
    """

    def __init__(self, done: Iterable[date], n: int, span: int) -> None:
        """Find the spans; the arguments are those of ``automatic_days``."""
        self._longest = longest(span)
        self._whole = list(_whole(sorted(set(done), reverse=True), n, span))
        self._newest = [-newest.toordinal() for newest, _, _ in self._whole]

    def settled_before(self, day: date) -> date:
        """Return a day before which all is as it is, whatever is done on a day or later.

        It is never later for an earlier day.
        """
        low = begins = day.toordinal() - self._longest + 1  # of what is still to come
        high, sizes = date.max.toordinal(), 0
        for newest, oldest, size in self._whole[bisect_right(self._newest, -day.toordinal()) :]:
            sizes += size
            least, most = newest.toordinal() - size + 1 + sizes, oldest.toordinal() + sizes
            low, high = min(max(low, least), most), min(max(high, least), most)
            if low == high:
                break
            begins = newest.toordinal() - self._longest + 1
        return date.fromordinal(max(begins, 1))


class RollingCheckpoints:
    """Where checkpoints may lie under rolling schedules, which depend on later days.

    Elsewhere a slot depends on nothing that is dated after it, so a checkpoint holds whatever
    changes on its day or later. A rolling schedule takes that back by a few spans: a checkpoint
    holds only if nothing changes before some later day, and to go on from it takes the check-ins of
    a span before.
    """

    def __init__(self, history: History, slots: Sequence[Slot]) -> None:
        """Take the evaluation of a history with its slots; all slots must be final."""
        self.history = history
        self._spans = [
            (begins, version, Spans(history.done.get(version, ()), schedule.n, schedule.span))
            for begins, version in history.rolling
            for schedule in (version.schedule,)
        ]
        self._too_early = [
            (begins, slot.last + _DAY * longest(version.schedule.span))
            for begins, version in history.rolling
            for slot in slots
            if slot.first < begins <= slot.last
        ]
        self._latest = self.history.timeline.latest_label(self.history.now)

    def settled(self, days: Iterable[date]) -> list[date]:
        """Return those of some days before which all is final by now."""
        most = self._settled_before(self._latest)
        return [day for day in days if day <= most and not self._is_too_early(day)]

    def holds_from(self, day: date) -> date:
        """Return the first day whose changes, and later ones, leave all that lies before a day.

        It is a matter of what was done before it, so it stays as it is while that does.
        """
        since = self.history.since
        first = max(day, since.holds_from) if isinstance(since, Checkpoint) else day
        ordinals = range(first.toordinal(), self._latest.toordinal())
        at = bisect_left(ordinals, day, key=lambda n: self._settled_before(date.fromordinal(n)))
        return first + _DAY * at

    def _settled_before(self, day: date) -> date:
        """Return a day before which nothing changes, whatever changes on a day or later."""
        open_still = (
            max(begins, spans.settled_before(day))
            for begins, version, spans in self._spans
            if not _is_closed(version, day)
        )
        return min([day, *open_still])

    def _is_too_early(self, day: date) -> bool:
        """Return whether days of a slot before a rolling schedule would be taken for its own."""
        return any(begins < day < clear for begins, clear in self._too_early)


def needs_from(history: History, day: date) -> date:
    """Return from which day on check-ins are needed to evaluate a history from a day on.

    It depends on what was in force before the day alone, as a checkpoint does.
    """
    for begins, version in history.rolling:
        if begins < day and history.version_on(day - _DAY) == version:
            back = day.toordinal() - 2 * longest(version.schedule.span) + 1
            return max(begins, date.fromordinal(max(back, 1)))
    return day


def longest(span: int) -> int:
    """Return how many days a span has at most."""
    return max(_A_MONTH) if span in _A_MONTH else span


def _is_closed(version: Version, day: date) -> bool:
    """Return whether a version has ended by a fact that is dated before a day."""
    return version.until is not None and version.until < day


def _spans(newest_first: Sequence[date], n: int, span: int) -> Iterator[tuple[date, date]]:
    """Yield the first and the last day of each span that is done as a whole, the newest first."""
    begins_later: date | None = None
    for newest, oldest, size in _whole(newest_first, n, span):
        first, last = oldest, oldest + _DAY * (size - 1)
        if begins_later is not None and last >= begins_later:
            slid = _DAY * min((last - newest).days, (last - begins_later).days + 1)
            first, last = first - slid, last - slid
        begins_later = first
        yield first, last


def _whole(newest_first: Sequence[date], n: int, span: int) -> Iterator[tuple[date, date, int]]:
    """Yield the newest and the oldest of n days that lie within a span, and how many it has."""
    for newest, oldest in zip(newest_first, newest_first[n - 1 :], strict=False):
        size = _month_of(oldest) if span in _A_MONTH else span
        if (newest - oldest).days < size:
            yield newest, oldest, size


def _month_of(day: date) -> int:
    """Return how many days a month has that begins a span."""
    tomorrow = day + _DAY
    month = tomorrow if tomorrow.day == 1 else day
    return monthrange(month.year, month.month)[1]
