"""Pure rules of what is settled under rolling schedules, which look at later days.

Elsewhere a slot depends on nothing that is dated after it, so a checkpoint holds whatever changes
on its day or later. A rolling schedule takes that back by a few spans: a checkpoint holds only if
nothing changes before some later day, and to go on from it takes the check-ins of a span before.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit.streaks.rolling import Chain, longest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.streaks.life import Life, Version
    from habitkit.streaks.model import Slot

__all__ = ["Settling"]

_DAY = timedelta(days=1)


class Settling:
    """From which day on changes may come that leave what lies before another day."""

    def __init__(self, *read: tuple[Life, Sequence[Slot]]) -> None:
        """Take the readings of a history, each with its slots; all of them have to be settled."""
        self._life = read[0][0]
        self._chains = [
            (begins, version, Chain(life.done.get(version, ()), schedule.n, schedule.span))
            for life, _ in read
            for begins, version in life.rolling
            for schedule in (version.schedule,)
        ]
        self._too_early = [
            (begins, slot.last + _DAY * longest(version.schedule.span))
            for life, slots in read
            for begins, version in life.rolling
            for slot in slots
            if slot.first < begins <= slot.last
        ]
        self._latest = self._life.timeline.latest_label(self._life.now)

    def days(self, found: Iterable[date]) -> list[date]:
        """Return those of some days before which all is settled by now."""
        most = self._settled(self._latest)
        return [day for day in found if day <= most and not self._is_too_early(day)]

    def holds_from(self, day: date) -> date:
        """Return the first day whose changes, and later ones, leave all that lies before a day.

        It is a matter of what was done before it, so it stays as it is while that does.
        """
        since = self._life.since
        first = day if since is None else max(day, since.holds_from)
        ordinals = range(first.toordinal(), self._latest.toordinal())
        at = bisect_left(ordinals, day, key=lambda n: self._settled(date.fromordinal(n)))
        return first + _DAY * at

    def needs_from(self, day: date) -> date:
        """Return from which day on check-ins are needed to judge from a day on."""
        for begins, version in self._life.rolling:
            if begins < day and self._life.version_on(day) == version:
                back = day.toordinal() - longest(version.schedule.span) + 1
                return max(begins, date.fromordinal(max(back, 1)))
        return day

    def _settled(self, day: date) -> date:
        """Return a day before which nothing changes, whatever changes on a day or later."""
        open_still = (
            max(begins, chain.settled(day))
            for begins, version, chain in self._chains
            if not _is_closed(version, day)
        )
        return min([day, *open_still])

    def _is_too_early(self, day: date) -> bool:
        """Tell whether days of a slot that runs into a rolling schedule would be taken for its."""
        return any(begins < day < clear for begins, clear in self._too_early)


def _is_closed(version: Version, day: date) -> bool:
    """Tell whether a version has ended by a fact that is dated before a day."""
    return version.until is not None and version.until < day
