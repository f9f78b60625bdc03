"""Pure rules of the owner's timeline: which habit day each instant belongs to, across time zones.

Theory of operation. Between two changes of zone the days follow each other as in any zone. At a
change the date may go back (flying west) or skip days (flying east). A day always spans all of its
parts: it begins with the first instant that has its date or a later one, and ends after the last
instant that has its date or an earlier one. So days begin and end in order wherever the owner goes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from habitkit.habits.domain.days import day_boundary, habit_day, zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from habitkit.habits.domain.facts import ZoneChanged
    from habitkit.habits.domain.model import DayClock

__all__ = ["Timeline"]

_DAY = timedelta(days=1)
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Timeline:
    """The zones an owner was in, in order, and the habit days that follow from them."""

    def __init__(self, clock: DayClock, changes: Iterable[ZoneChanged] = ()) -> None:
        """Compute the stretches of time in each zone.

        Args:
            clock: The habit's clock; one with a zone is pinned to it.
            changes: When the owner changed zones; of several of one instant the last one
                recorded counts.
        """
        self._day_start = clock.day_start
        self._min_day = clock.min_day
        zones = {_ALWAYS: zone(clock.tz or "UTC")}
        if clock.tz is None:
            for change in sorted(changes, key=lambda change: (change.at, change.seq)):
                zones[change.at] = zone(change.tz)
        starts = list(zones)
        self._stretches = list(zip(starts, [*starts[1:], _NEVER], zones.values(), strict=True))

    def label(self, at: datetime) -> date:
        """Return the habit day of an instant."""
        return habit_day(at, self.zone_at(at), self._day_start)

    def latest_label(self, now: datetime) -> date:
        """Return the latest habit day of any instant until now."""
        return max(
            habit_day(min(now, end - timedelta.resolution), tz, self._day_start)
            for start, end, tz in self._stretches
            if start <= now
        )

    def begins(self, day: date) -> datetime:
        """Return the first instant whose habit day is this one or a later one."""
        if len(self._stretches) == 1:
            return day_boundary(day, self._stretches[0][2], self._day_start)
        return min(max(at, start) for start, end, at in self._boundaries(day) if at < end)

    def ends(self, day: date) -> datetime:
        """Return the instant after the last one whose habit day is this one or an earlier one."""
        if len(self._stretches) == 1:
            return day_boundary(day + _DAY, self._stretches[0][2], self._day_start)
        return max(min(at, end) for start, end, at in self._boundaries(day + _DAY) if at > start)

    def lived(self, day: date) -> timedelta:
        """Return how long a habit day lasted, all parts together."""
        if len(self._stretches) == 1:
            return self.ends(day) - self.begins(day)
        parts = zip(self._boundaries(day), self._boundaries(day + _DAY), strict=True)
        occurrences_of = (
            min(after, end) - max(at, start) for (start, end, at), (_, _, after) in parts
        )
        return sum((span for span in occurrences_of if span > timedelta(0)), timedelta(0))

    def is_short(self, day: date) -> bool:
        """Return whether travel made a day too short to be due."""
        lived = self.lived(day)
        return lived < self._min_day or not lived

    def window_ends(self, day: date, window: tuple[time, time]) -> datetime:
        """Return when a window closes on a day: in the zone in which the day ends."""
        over = self.ends(day)
        opens, closes = window
        if opens != self._day_start and _until(self._day_start, opens) > _until(
            self._day_start, closes
        ):
            return over
        tz = self.zone_at(over - timedelta.resolution)
        shown = datetime.combine(day if closes > self._day_start else day + _DAY, closes)
        begins = day_boundary(day, tz, self._day_start)  # where clocks leap, it may come later
        return min(max(_reached(shown, tz), begins), over)

    def zone_at(self, at: datetime) -> ZoneInfo:
        """Return the zone the owner is in."""
        return next(tz for start, _, tz in reversed(self._stretches) if start <= at)

    def _boundaries(self, day: date) -> Iterator[tuple[datetime, datetime, datetime]]:
        """Yield each stretch with the instant at which a day begins in its zone."""
        for start, end, tz in self._stretches:
            yield start, end, day_boundary(day, tz, self._day_start)


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
