"""The port of time series: where points are kept, rolled up and read.

A *point* is what one *writer* (a process since its start or fork) recorded in one *slot* of a
series. Points are increases, never running totals, so that a restart is no reset. They are kept in
*tiers*: the finest is written by processes, each coarser one is rolled up from the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Sequence

    from habitkit.metrics.domain.series import Series
    from habitkit.metrics.domain.tiers import SeriesTier
    from habitkit.metrics.domain.totals import Total

__all__ = [
    "AsyncSeriesStore",
    "Exporter",
    "Exports",
    "KnownSeries",
    "Point",
    "Reading",
    "Rolled",
    "SeriesStore",
]


@frozen
class Point:
    """What one writer recorded in one slot of a series.

    Attributes:
        series: The series' id.
        step: The length of the slot in seconds, which names the tier.
        slot: The start of the slot: seconds since 1970, a multiple of ``step``.
        writer: Who recorded it, a positive number; 0 in tiers that are rolled up.
        data: The value, encoded: see ``habitkit.metrics.domain.points``.
    """

    series: int
    step: int
    slot: int
    writer: int
    data: bytes


@frozen
class KnownSeries:
    """A series that a store has.

    Attributes:
        series: The series.
        seen: When it was last registered: seconds since 1970. Writers register what they use at
            their first flush, and again each hour while there is something to write.
    """

    series: Series
    seen: int


@frozen
class Reading:
    """The points of a span of time.

    Attributes:
        points: In no order. Those of different steps do not overlap.
        start: From when they cover, in seconds since 1970: at or after what was asked for.
        end: Up to when, excluded: at or before what was asked for.
    """

    points: Sequence[Point]
    start: int
    end: int


@frozen
class Rolled:
    """What a round of maintenance has done.

    Attributes:
        count: How many slots were rolled up, or how many points were deleted.
        more: Whether there was more to do.
    """

    count: int
    more: bool = False


class SeriesStore(Protocol):
    """Keeps the points of all processes that share it. Threads may call it at the same time.

    Every method may raise ``SeriesUnavailable``. Each is atomic: it is done as a whole or not.
    ``now`` is the caller's time in seconds since 1970, so that tests set it.

    Attributes:
        name: What it is called in messages.
        shared: Whether other processes see what is written: such a store waits for their points
            before an instant is evaluated.
    """

    name: str
    shared: bool

    @property
    def tiers(self) -> Sequence[SeriesTier]:
        """The tiers, the finest first."""
        ...

    def write(self, points: Sequence[Point], series: Sequence[Series], now: int) -> Sequence[int]:
        """Register series, and write points of the finest tier.

        A point *replaces* that of the same series, slot and writer: a batch may be written twice.
        Each marks the slot of the next tier that contains it, to be rolled up (again). A point of
        a slot before ``domain.tiers.writable_from(now, tiers)`` is left out: what is rolled up with
        it is no longer there.

        Args:
            points: At most one for each series, slot and writer, all of one writer.
            series: Those that the store may not know yet; each point's series was registered
                before or is among them.
            now: When; the series are seen then.

        Returns:
            The ids of series that were refused, because another series has the id; their points
            were not written. Usually empty.
        """
        ...

    def series(self, metrics: Collection[str]) -> Sequence[KnownSeries]:
        """Return the series of metrics by name, those with no point left included.

        No name stands for all series.
        """
        ...

    def read(
        self, series: Collection[int], start: int, end: int, now: int, coarsest: int | None = None
    ) -> Reading:
        """Read the points of a span of time.

        The span is cut inwards to whole slots of what is kept, and composed of the coarsest slots
        that lie wholly inside and are rolled up, and of finer ones at the edges; a slot whose roll
        up is due is read from the finer ones. All this is ``domain.tiers.cover``.

        Args:
            series: The ids of the series; of unknown ones there are no points.
            start: From when, in seconds since 1970.
            end: Up to when, excluded.
            now: When; it decides what is still kept.
            coarsest: No longer slots than this many seconds, so that smaller spans inside can be
                computed of the points; by default every tier may be used.
        """
        ...

    def roll(self, now: int, limit: int) -> Rolled:
        """Roll up the slots that are due: 30 s after their end, and those that were marked again.

        A slot of a coarser tier is computed anew from all finer points in it, of all writers
        together, and replaced; it marks the slot of the next tier that contains it. Two callers at
        once do nothing twice and lose nothing.

        Args:
            now: When, in seconds since 1970.
            limit: How many slots at most, of all series together; the oldest first.
        """
        ...

    def prune(self, now: int, limit: int) -> Rolled:
        """Delete points that are older than their tier keeps, but none that is still to be rolled.

        So those stay whose slot of the next tier is among ``domain.tiers.unrolled(marks, step)``.
        Series whose last point is gone and that were not seen for as long as the coarsest tier
        keeps, and for 7 days, are deleted too: see ``domain.tiers.idle_since``.

        Args:
            now: When, in seconds since 1970.
            limit: How many rows at most.
        """
        ...

    def close(self) -> None:
        """Release what it opened itself. Closing twice is fine."""
        ...

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        ...


class AsyncSeriesStore(Protocol):
    """The same for an async host. A plain ``SeriesStore`` is fine there too: it runs in threads."""

    name: str
    shared: bool

    @property
    def tiers(self) -> Sequence[SeriesTier]:
        """The tiers, the finest first."""
        ...

    def write(
        self, points: Sequence[Point], series: Sequence[Series], now: int
    ) -> Awaitable[Sequence[int]]:
        """Register series, and write points of the finest tier."""
        ...

    def series(self, metrics: Collection[str]) -> Awaitable[Sequence[KnownSeries]]:
        """Return the series of metrics by name."""
        ...

    def read(
        self, series: Collection[int], start: int, end: int, now: int, coarsest: int | None = None
    ) -> Awaitable[Reading]:
        """Read the points of a span of time."""
        ...

    def roll(self, now: int, limit: int) -> Awaitable[Rolled]:
        """Roll up the slots that are due."""
        ...

    def prune(self, now: int, limit: int) -> Awaitable[Rolled]:
        """Delete points that are older than their tier keeps."""
        ...

    def close(self) -> Awaitable[None]:
        """Release what it opened itself."""
        ...

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        ...


@frozen
class Exports:
    """What an exporter is given at a flush.

    Attributes:
        started_ns: When this process began to record, in nanoseconds since 1970.
        start_ns: The end of the exports before; ``started_ns`` at first.
        end_ns: Now.
        series: For each series what was recorded since ``start_ns``, or, for an exporter with
            ``cumulative``, since ``started_ns``. Gauges without a value are left out, and so is
            what has not changed, unless it is cumulative.
    """

    started_ns: int
    start_ns: int
    end_ns: int
    series: Sequence[Total]


class Exporter(Protocol):
    """Sends what is recorded elsewhere, at each flush. In an async host it may be awaited.

    If it raises, it is given the same again with the next flush, for 10 minutes; then that is
    dropped and counted. Cumulative exports are not kept: the next ones contain them.

    Attributes:
        name: What it is called in messages.
        cumulative: Whether it wants totals since the start instead of increases.
    """

    name: str
    cumulative: bool

    def export(self, exports: Exports) -> object:
        """Send them."""
        ...

    def close(self) -> None:
        """Release what it holds. Closing twice is fine."""
        ...
