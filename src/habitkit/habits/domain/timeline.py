"""Pure rules of the days of a habit: which one each instant belongs to, whatever has changed.

Theory of operation. Time is divided into stretches, in each of which days begin at one wall time in
one zone. A stretch ends when the owner changes zones, unless the habit's clock has one of its own,
and when another clock comes into force: at the beginning of a day, by the clocks before it. Within
a stretch the days follow each other as in any zone. Where it ends the date may go back (flying
west, or a day that begins later) or skip days (flying east). A day always spans all of its parts:
it begins with the first instant that has its date or a later one, and ends after the last instant
that has its date or an earlier one. So days begin and end in order wherever the owner goes and
whatever becomes of the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import MINYEAR, UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits.domain.days import day_boundary, habit_day, zone
from habitkit.habits.domain.in_force import InForce

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from habitkit.habits.domain.day_clock import DayClock
    from habitkit.habits.domain.facts import ClockChanged, ZoneChanged

__all__ = ["Timeline"]

_DAY = timedelta(days=1)
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class _Stretch(NamedTuple):
    """A time in which days begin at one wall time in one zone; the end is excluded."""

    start: datetime
    end: datetime
    tz: ZoneInfo
    day_start: time


class Timeline:
    """The zones an owner was in, in order, and the habit days that follow from them."""

    def __init__(
        self,
        clock: DayClock,
        changes: Iterable[ZoneChanged] = (),
        clocks: Iterable[ClockChanged] = (),
    ) -> None:
        """Compute the stretches of time.

        Args:
            clock: The habit's first clock; one with a zone is pinned to it.
            changes: When the owner changed zones; of several of one instant the last one
                recorded counts.
            clocks: The changes of the clock. They add up in the order of their days, and those of
                one day in the order in which they were recorded.
        """
        zones = {_ALWAYS: zone("UTC")}
        for change in sorted(changes, key=lambda change: (change.at, change.seq)):
            zones[change.at] = zone(change.tz)
        self.clocks = _folded(clock, clocks)
        self._stretches = _stretches(clock, zones, _ALWAYS)
        self._begun = [(_ALWAYS, date.min)]
        last = clock
        for day, new in self.clocks.changes:
            if (new.tz, new.day_start) == (last.tz, last.day_start):
                continue
            last, since = new, self._comes(day)
            self._begun.append((since, day))
            before = [it._replace(end=min(it.end, since)) for it in self._stretches]
            self._stretches = [it for it in before if it.start < it.end]
            self._stretches += _stretches(new, zones, since)

    def label(self, at: datetime) -> date:
        """Return the habit day of an instant."""
        stretch = self._stretch_at(at)
        return habit_day(at, stretch.tz, stretch.day_start)

    def latest_label(self, now: datetime) -> date:
        """Return the latest habit day of any instant until now."""
        return max(
            habit_day(min(now, it.end - timedelta.resolution), it.tz, it.day_start)
            for it in self._stretches
            if it.start <= now
        )

    def latest_begun(self, now: datetime) -> date:
        """Return the latest day that has begun until now by the clock that was in force then.

        It is later than the latest label after a change that has put the date back.
        """
        return max(self.latest_label(now), *(day for since, day in self._begun if since <= now))

    def begins(self, day: date) -> datetime:
        """Return the first instant whose habit day is this one or a later one."""
        if len(self._stretches) == 1:
            return day_boundary(day, *self._stretches[0][2:])
        return min(max(at, it.start) for it, at in self._boundaries(day) if at < it.end)

    def ends(self, day: date) -> datetime:
        """Return the instant after the last one whose habit day is this one or an earlier one."""
        if len(self._stretches) == 1:
            return day_boundary(day + _DAY, *self._stretches[0][2:])
        return max(min(at, it.end) for it, at in self._boundaries(day + _DAY) if at > it.start)

    def lived(self, day: date) -> timedelta:
        """Return how long a habit day lasted, all parts together."""
        if len(self._stretches) == 1:
            return self.ends(day) - self.begins(day)
        parts = zip(self._boundaries(day), self._boundaries(day + _DAY), strict=True)
        spans = (min(after, it.end) - max(at, it.start) for (it, at), (_, after) in parts)
        return sum((span for span in spans if span > timedelta(0)), timedelta(0))

    def is_short(self, day: date) -> bool:
        """Return whether travel, or a change of the clock, made a day too short to be due."""
        lived = self.lived(day)
        return lived < self.clocks.on(day).min_day or not lived

    def window_ends(self, day: date, window: tuple[time, time]) -> datetime:
        """Return when a window closes on a day: by the zone and clock by which the day ends."""
        over = self.ends(day)
        _, _, tz, day_start = self._stretch_at(over - timedelta.resolution)
        opens, closes = window
        if opens != day_start and _until(day_start, opens) > _until(day_start, closes):
            return over
        shown = datetime.combine(day if closes > day_start else day + _DAY, closes)
        begins = day_boundary(day, tz, day_start)  # where clocks leap, it may come later
        return min(max(_reached(shown, tz), begins), over)

    def zone_at(self, at: datetime) -> ZoneInfo:
        """Return the zone in which days begin: the owner's, or that of the habit's clock."""
        return self._stretch_at(at).tz

    def day_start_at(self, at: datetime) -> time:
        """Return the wall time at which days begin."""
        return self._stretch_at(at).day_start

    def _stretch_at(self, at: datetime) -> _Stretch:
        return next(it for it in reversed(self._stretches) if it.start <= at)

    def _boundaries(self, day: date) -> Iterator[tuple[_Stretch, datetime]]:
        """Yield each stretch with the instant at which a day begins in it."""
        for stretch in self._stretches:
            yield stretch, day_boundary(day, stretch.tz, stretch.day_start)

    def _comes(self, day: date) -> datetime:
        """Return when a day begins; one at an end of the calendar always or never."""
        try:
            return self.begins(day)
        except OverflowError:
            return _ALWAYS if day.year == MINYEAR else _NEVER


def _folded(clock: DayClock, changes: Iterable[ClockChanged]) -> InForce[DayClock]:
    """Return what becomes of a clock by changes that each name some of its settings."""
    ordered = sorted(changes, key=lambda change: (change.effective_day, change.at, change.seq))
    clocks = accumulate(ordered, lambda before, change: change.applied_to(before), initial=clock)
    _, *after = clocks
    return InForce(clock, zip(ordered, after, strict=True))


def _stretches(clock: DayClock, zones: dict[datetime, ZoneInfo], since: datetime) -> list[_Stretch]:
    """Return the stretches of a clock from an instant on; the zones are the owner's, in order."""
    if since == _NEVER:
        return []
    if clock.tz is not None:
        return [_Stretch(since, _NEVER, zone(clock.tz), clock.day_start)]
    moves = list(zones)
    here = bisect_right(moves, since) - 1
    starts = [since, *moves[here + 1 :]]
    return [
        _Stretch(start, end, zones[move], clock.day_start)
        for start, end, move in zip(starts, [*starts[1:], _NEVER], moves[here:], strict=True)
    ]


def _until(day_start: time, wall: time) -> timedelta:
    """Return how long after the start of a day the wall shows a time, up to 24 h."""
    some_day = date(2000, 1, 1)
    passed = datetime.combine(some_day, wall) - datetime.combine(some_day, day_start)
    return passed if passed > timedelta(0) else passed + _DAY


def _reached(shown: datetime, tz: ZoneInfo) -> datetime:
    """Return the first instant at which the wall shows a time or, leaping over it, a later one."""
    latest = shown.replace(tzinfo=tz).astimezone(UTC)
    if latest.astimezone(tz).replace(tzinfo=None) == shown:
        return latest
    earliest = shown.replace(tzinfo=tz, fold=1).astimezone(UTC)
    while latest - earliest > timedelta.resolution:
        middle = earliest + (latest - earliest) / 2
        if middle.astimezone(tz).replace(tzinfo=None) >= shown:
            latest = middle
        else:
            earliest = middle
    return latest
