"""Time series in this process's memory.

Theory of operation. Each tier is a table from slot to the points in it, by series and writer. A
mark says that a slot of a coarser tier is to be rolled up; a slot is marked before a finer point is
written, and the mark is deleted after the roll-up: so a process that is forked in between has a
mark too many, never one too few. One lock guards all of it; a roll-up takes it once a slot.

Nobody has to call ``roll`` and ``prune``: ``write`` calls them for what is an hour late.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from habitkit.metrics.domain import points as encoded
from habitkit.metrics.domain.tiers import (
    MEMORY_TIERS,
    ROLL_AFTER_SECONDS,
    check_tiers,
    cover,
    idle_since,
    kept_from,
    slot_of,
    unrolled,
    writable_from,
)
from habitkit.metrics.port import KnownSeries, Point, Reading, Rolled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from habitkit.metrics.domain.series import Series
    from habitkit.metrics.domain.tiers import SeriesTier

__all__ = ["MemorySeries"]

_Slots: TypeAlias = "dict[int, dict[int, dict[int, bytes]]]"
"""Data of points by slot, series and writer."""

_LATE_SECONDS = 3600
_UPKEEP_SECONDS = 60
_UPKEEP_SLOTS = 1000
_UPKEEP_ROWS = 100_000
_ROLLED = 0  # the writer of what is rolled up


class MemorySeries:
    """Keeps the time series of this process alone, until it ends.

    Args:
        tiers: What to keep, the finest first.

    Attributes:
        name: What it is called in messages.
        tiers: The tiers, the finest first.
        shared: False: no other process sees what is written.
    """

    name = "memory"
    shared = False

    def __init__(self, tiers: Sequence[SeriesTier] = MEMORY_TIERS) -> None:
        """Make an empty one.

        Raises:
            ConfigurationError: If the tiers do not fit together: see ``domain.tiers``.
        """
        self.tiers = check_tiers(tiers)
        self._lock = threading.Lock()
        self._known: dict[int, KnownSeries] = {}
        self._slots: dict[int, _Slots] = {tier.step_seconds: {} for tier in self.tiers}
        self._marks: set[tuple[int, int]] = set()  # step and slot
        self._upkeep_at = 0

    def write(self, points: Sequence[Point], series: Sequence[Series], now: int) -> Sequence[int]:
        """Register series, and write points of the finest tier."""
        with self._lock:
            refused = [it.id for it in series if not self._register(it, now)]
            oldest = writable_from(now, self.tiers)
            for it in points:
                if it.slot >= oldest and it.series not in refused and it.series in self._known:
                    self._put(0, it.slot, it.series, it.writer, it.data)
        if now >= self._upkeep_at:
            self._upkeep_at = now + _UPKEEP_SECONDS
            self.roll(now - _LATE_SECONDS, _UPKEEP_SLOTS)
            self.prune(now - _LATE_SECONDS, _UPKEEP_ROWS)
        return refused

    def series(self, metrics: Collection[str]) -> Sequence[KnownSeries]:
        """Return the series of metrics by name, or all."""
        with self._lock:
            known = list(self._known.values())
        return [it for it in known if not metrics or it.series.metric in metrics]

    def read(
        self, series: Collection[int], start: int, end: int, now: int, coarsest: int | None = None
    ) -> Reading:
        """Read the points of a span of time."""
        wanted, points = frozenset(series), list[Point]()
        with self._lock:
            found = cover(start, end, now, self.tiers, self._marks, coarsest)
            for span in found.spans:
                slots = self._slots[span.step]
                inside_span = range(span.start, span.end, span.step)
                for slot in inside_span if len(inside_span) < len(slots) else sorted(slots):
                    inside = slots.get(slot, {}) if slot in inside_span else {}
                    for of in inside.keys() & wanted:
                        rows = inside[of].items()
                        points += [Point(of, span.step, slot, *row) for row in rows]
        return Reading(points, found.start, found.end)

    def roll(self, now: int, limit: int) -> Rolled:
        """Roll up the slots that are due, the oldest first."""
        for count in range(limit):
            with self._lock:
                due = self._next_due(now)
                if due is None:
                    return Rolled(count)
                self._roll_up(*due)
        with self._lock:
            return Rolled(limit, more=self._next_due(now) is not None)

    def prune(self, now: int, limit: int) -> Rolled:
        """Delete points that are older than their tier keeps, but none that is still to be rolled.

        Then the series that have no point left and were not seen for as long, or 7 days.
        """
        with self._lock:
            points = list(islice(self._old_points(now), limit + 1))
            for slots, slot, of, writer in points[:limit]:
                del slots[slot][of][writer]
                if not slots[slot][of]:
                    del slots[slot][of]
                if not slots[slot]:
                    del slots[slot]
            count = len(points)
            if count <= limit:
                series = list(islice(self._old_series(now), limit + 1 - count))
                for of in series[: limit - count]:
                    del self._known[of]
                count += len(series)
        return Rolled(min(count, limit), more=count > limit)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def after_fork(self) -> None:
        """Take a new lock: another thread may have held it."""
        self._lock = threading.Lock()

    def _register(self, series: Series, now: int) -> bool:
        """Note that a series was seen; return False if another one has its id."""
        known = self._known.get(series.id)
        if known is None or known.series.text == series.text:
            seen = now if known is None else max(now, known.seen)
            self._known[series.id] = KnownSeries(series, seen)
            return True
        return False

    def _put(self, tier: int, slot: int, of: int, writer: int, data: bytes) -> None:
        """Mark the coarser slot around a point, and replace the point."""
        if tier + 1 < len(self.tiers):
            step = self.tiers[tier + 1].step_seconds
            self._marks.add((step, slot_of(slot, step)))
        slots = self._slots[self.tiers[tier].step_seconds]
        slots.setdefault(slot, {}).setdefault(of, {})[writer] = data

    def _next_due(self, now: int) -> tuple[int, int] | None:
        """Return the step and slot to be rolled up first, or None."""
        due = [it for it in self._marks if sum(it) + ROLL_AFTER_SECONDS <= now]
        return min(due, key=lambda it: (sum(it), it), default=None)

    def _roll_up(self, step: int, slot: int) -> None:
        """Compute the points of a slot from all finer ones in it, and delete its mark."""
        tier = [it.step_seconds for it in self.tiers].index(step)
        finer = self.tiers[tier - 1].step_seconds
        found: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
        for at in range(slot, slot + step, finer):
            for of, rows in self._slots[finer].get(at, {}).items():
                found[of] += rows.items()
        for of, pairs in found.items():
            series = self._known[of].series
            data = encoded.merge(series.kind, series.across, pairs)
            self._put(tier, slot, of, _ROLLED, data)
        self._marks.discard((step, slot))

    def _old_points(self, now: int) -> Iterator[tuple[_Slots, int, int, int]]:
        """Yield where the points are that are no longer kept."""
        for place, tier in enumerate(self.tiers):
            slots, kept = self._slots[tier.step_seconds], kept_from(now, tier)
            old = sorted(slot for slot in slots if slot < kept)
            if place + 1 < len(self.tiers):
                step = self.tiers[place + 1].step_seconds
                stay = unrolled(self._marks, step)
                old = [slot for slot in old if slot_of(slot, step) not in stay]
            for slot in old:
                for of, rows in slots[slot].items():
                    for writer in rows:
                        yield slots, slot, of, writer

    def _old_series(self, now: int) -> Iterator[int]:
        """Yield the series without a point that were not seen for long."""
        oldest = idle_since(now, self.tiers)
        old = [of for of, known in self._known.items() if known.seen <= oldest]
        if old:
            tables = self._slots.values()
            used = {of for slots in tables for inside in slots.values() for of in inside}
            yield from (of for of in old if of not in used)
