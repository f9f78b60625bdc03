"""The owner's timeline as a list: from which instant on which label is borne, and in which zone.

Of the package only the values of clocks are used. Offsets are found by asking the tz database every three hours and
closing in on each change; a wall time is turned into an instant by looking through the offsets.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from habitkit.habits.domain.day_clock import DayClock

DAY = timedelta(days=1)
STEP = timedelta(hours=3)
SECOND = timedelta(seconds=1)
EVER = datetime(1, 1, 3, tzinfo=UTC)

_zone = cache(ZoneInfo)


class Change(NamedTuple):
    """An instant from which on a zone has another offset."""

    at: datetime
    before: timedelta
    after: timedelta


def offset(name: str, at: datetime) -> timedelta:
    found = at.astimezone(_zone(name)).utcoffset()
    assert found is not None
    return found


def wall(name: str, at: datetime) -> datetime:
    """Return what the clocks of a zone show, as a naive time."""
    return (at + offset(name, at)).replace(tzinfo=None)


@cache
def changes(name: str, year: int) -> tuple[Change, ...]:
    """Return the changes of a year's clocks, and of a little before and after it."""
    found = []
    at, end = datetime(year, 1, 1, tzinfo=UTC) - 7 * DAY, datetime(year + 1, 1, 7, tzinfo=UTC)
    before = offset(name, at)
    while at < end:
        after = offset(name, at + STEP)
        if after != before:
            low, high = at, at + STEP
            while high - low > SECOND:
                middle = low + SECOND * ((high - low) // SECOND // 2)
                low, high = (middle, high) if offset(name, middle) == before else (low, middle)
            found.append(Change(high, before, after))
        at, before = at + STEP, after
    return tuple(found)


@lru_cache(maxsize=200_000)
def instant_of(name: str, shown: datetime) -> datetime:
    """Return when the clocks of a zone show a wall time.

    The first time, if they show it twice; if they never do, then as long after the gap began as the
    wall time lies after the gap's beginning.
    """
    utc = shown.replace(tzinfo=UTC)
    near = [c for c in changes(name, shown.year) if abs(c.at - utc) < 4 * DAY]
    if not near:
        return utc - offset(name, utc)
    occurrences_of = [(EVER, near[0].before)] + [(c.at, c.after) for c in near]
    ends = [c.at for c in near] + [utc + 9 * DAY]
    for (start, of), end in zip(occurrences_of, ends, strict=True):
        if start <= utc - of < end:
            return utc - of
    for change in near:
        if utc - change.after < change.at <= utc - change.before:
            return utc - change.before
    raise AssertionError((name, shown))


def reached(name: str, shown: datetime, since: datetime) -> datetime:
    """Return the first instant, from one on, at which the clocks show a wall time or a later
    one."""
    if wall(name, since) >= shown:
        return since
    times = [c.at for c in changes(name, shown.year)]
    times += [instant_of(name, shown)]
    return min(at for at in times if at > since and wall(name, at) >= shown)


class Part(NamedTuple):
    """A time that bears one label, in one zone."""

    start: datetime
    end: datetime
    label: date
    zone: str
    day_start: time


class Move(NamedTuple):
    """From an instant on, days begin at another wall time, or in another zone."""

    at: datetime
    zone: str
    day_start: time


class Timeline:
    """Which label the instants of a habit bear, as far as anybody has asked."""

    def __init__(self, moves: list[Move], first: date) -> None:
        """Take when days begin: from which instant on which rule counts, the first one ever."""
        self.moves = moves
        self.first = first - 5 * DAY
        self.known = first - 5 * DAY
        self._reach(first + 40 * DAY)

    @classmethod
    def changed(
        cls,
        zones: list[tuple[datetime, str]],
        clock: DayClock,
        clocks: list[tuple[date, DayClock]],
        first: date,
    ) -> Timeline:
        """Let one clock after the other begin with the first instant that bears its day's label.

        Args:
            zones: Where the owner is, the first zone ever.
            clock: The first clock.
            clocks: The days from which on there are others, in order.
            first: A day before which nothing is asked.
        """
        return _changed(tuple(zones), clock, tuple(clocks), first)

    def boundary(self, day: date, part: Part) -> datetime:
        return instant_of(part.zone, datetime.combine(day, part.day_start))

    def first_instant(self, day: date) -> datetime:
        """Return the first instant that bears a label or a later one."""
        self._reach(day + DAY)
        return min(part.start for part in self.parts if part.label >= day)

    def _reach(self, day: date) -> None:
        """Make the list anew, so that it holds all that can bear a day's label or an earlier
        one."""
        if day <= self.known:
            return
        self.known = day + 100 * DAY
        begin = datetime.combine(self.first, time(0), UTC)
        end = datetime.combine(self.known, time(0), UTC) + 4 * DAY
        self.parts: list[Part] = []
        leaving = [move.at for move in self.moves[1:]] + [end]
        for move, left in zip(self.moves, leaving, strict=True):
            start, until = max(move.at, begin), min(left, end)
            part = Part(start, start, start.date() - 3 * DAY, move.zone, move.day_start)
            while start < until:
                while self.boundary(part.label + DAY, part) <= start:
                    part = part._replace(label=part.label + DAY)
                stop = min(self.boundary(part.label + DAY, part), until)
                self.parts.append(part._replace(start=start, end=stop))
                start = stop
        self._lived: dict[date, timedelta] = {}
        last: dict[date, Part] = {}
        for part in self.parts:
            self._lived[part.label] = self._lived.get(part.label, 0 * DAY) + part.end - part.start
            last[part.label] = part
        self._labels = sorted(last)
        self._last = []  # for each label the last part that bears it or an earlier one
        latest = last[self._labels[0]]
        for label in self._labels:
            latest = max(latest, last[label], key=lambda part: part.end)
            self._last.append(latest)

    def label(self, at: datetime) -> date:
        """Return the label that an instant bears."""
        self._reach(at.date() + 3 * DAY)
        (part,) = [part for part in self.parts if part.start <= at < part.end]
        return part.label

    def latest_label(self, until: datetime) -> date:
        """Return the latest label that any instant has borne until one."""
        self._reach(until.date() + 3 * DAY)
        return max(part.label for part in self.parts if part.start <= until)

    def day_start_at(self, at: datetime) -> time:
        """Return the wall time at which days begin then."""
        return [move.day_start for move in self.moves if move.at <= at][-1]

    def lived(self, day: date) -> timedelta:
        """Return for how long a label was borne."""
        self._reach(day)
        return self._lived.get(day, 0 * DAY)

    def last_part(self, day: date) -> Part:
        """Return the last time that bears a label or an earlier one: it ends with the day."""
        self._reach(day)
        return self._last[bisect_right(self._labels, day) - 1]


@lru_cache(maxsize=256)  # one history is evaluated as of many instants
def _changed(
    zones: tuple[tuple[datetime, str], ...],
    clock: DayClock,
    clocks: tuple[tuple[date, DayClock], ...],
    first: date,
) -> Timeline:
    moves = [Move(at, clock.tz or zone, clock.day_start) for at, zone in zones]
    timeline = Timeline(moves, first)
    for day, later in clocks:
        begins = timeline.first_instant(day)
        here = [zone for at, zone in zones if at <= begins][-1]
        following = [(begins, here), *((at, zone) for at, zone in zones if at > begins)]
        moves = [move for move in moves if move.at < begins]
        moves += [Move(at, later.tz or zone, later.day_start) for at, zone in following]
        timeline = Timeline(moves, first)
    return timeline
