"""What was read of a store, and what the functions of expressions make of it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from math import nan
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from habitkit.metrics.domain.evaluation import divided
from habitkit.metrics.domain.expressions import INSTANT_SECONDS
from habitkit.metrics.domain.functions import KINDS
from habitkit.metrics.domain.matchers import accepts, group_of
from habitkit.metrics.domain.points import (
    GaugePoint,
    combined,
    decode_gauge,
    newest,
    process_of,
)
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.streams import FAMILIES, Stream
from habitkit.metrics.domain.tiers import IDLE_SECONDS, slot_of
from habitkit.metrics.domain.windows import ceiling
from habitkit.metrics.errors import InvalidMetric, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from habitkit.metrics.domain.evaluation import Samples
    from habitkit.metrics.domain.expressions import Aggregate
    from habitkit.metrics.domain.series import Across, Kind, Labels
    from habitkit.metrics.domain.windows import Leaf, Read
    from habitkit.metrics.port import KnownSeries, Point, Reading

__all__ = ["Frames", "Loaded", "fitting"]

_seen = attrgetter("seen")

_FINISH: Mapping[str, Callable[[Any, Any], float]] = {
    "quantile": lambda it, q: it.quantile(q),
    "mean": lambda it, _: divided(it.sum, it.count),
    "total": lambda it, _: it.sum,
    "count": lambda it, _: it.count,
    "fraction": lambda it, below: divided(it.count_below(below), it.count),
    "minimum": lambda it, _: nan if it.minimum is None else it.minimum,
    "maximum": lambda it, _: nan if it.maximum is None else it.maximum,
}
"""Functions of a merged sketch or gauge, and of their argument."""


def fitting(leaf: Aggregate, known: Sequence[KnownSeries]) -> list[KnownSeries]:
    """Return the series of a metric that a function is to read.

    If the metric had several kinds that the function is for, those of the latest one.

    Args:
        leaf: The function.
        known: The series of its metric.

    Raises:
        InvalidMetric: If the metric is of no kind that the function is for.
    """
    kinds = KINDS[leaf.function]
    usable = [it for it in known if it.series.kind in kinds]
    if known and not usable:
        given = f"{leaf.of.name}, a {max(known, key=_seen).series.kind}"
        others = [name for name, of in KINDS.items() if known[0].series.kind in of]
        expected = f"a {' or '.join(kinds)} for {leaf.function}; or use {', '.join(others)}"
        raise InvalidMetric("metric", given=given, expected=expected)
    if len(kinds) > 1 and usable:
        latest = max(usable, key=_seen).series.kind
        usable = [it for it in usable if it.series.kind == latest]
    where = leaf.of.where
    if not where:
        return usable
    return [it for it in usable if accepts(where, it.series.attributes)]


class Loaded:
    """The points of a span of time, by series.

    Args:
        read: What was asked for.
        reading: What the store returned.
        check: Called now and then; it raises if there is no time left.
    """

    def __init__(self, read: Read, reading: Reading, check: Callable[[], None]) -> None:
        """Sort the points by series."""
        self.start = reading.start
        self.end = reading.end
        self._read = read
        self._check = check
        self._cells: dict[int, list[tuple[int, Any]]] = {}
        self._gauges: dict[int, list[Any]] = {}
        self._points: dict[int, list[Point]] = defaultdict(list)
        for point in reading.points:
            self._points[point.series].append(point)

    def window(self, at: int, over: int) -> tuple[int, int]:
        """Return from when to when the window before an instant is covered."""
        grid = self._read.grid
        return max(ceiling(at - over, grid), self.start), min(slot_of(at, grid), self.end)

    def cells(self, series: int, kind: Kind) -> list[tuple[int, Any]]:
        """Return the values of a series and their times; one value if all is one window."""
        found = self._cells.get(series)
        if found is None:
            family = FAMILIES[kind]
            points = self._points.get(series, ())
            values = self._decoded(points, family.decode)
            if self._read.coarsest is not None:
                found = [(point.slot, it) for point, it in zip(points, values, strict=True)]
            else:
                found = [(self.start, family.merge(values))] if values else []
            self._cells[series] = found
        return found

    def gauges(self, series: int, start: int, end: int) -> list[tuple[int, int, GaugePoint]]:
        """Return slot, writer and value of a gauge's points in a window, in order of slots."""
        found = self._gauges.get(series)
        if found is None:
            points = sorted(self._points.get(series, ()), key=attrgetter("slot", "writer"))
            values = self._decoded(points, decode_gauge)
            found = [(it.slot, it.writer, value) for it, value in zip(points, values, strict=True)]
            self._gauges[series] = found
        return found[bisect_left(found, (start,)) : bisect_left(found, (end,))]

    def _decoded(self, points: Sequence[Point], decode: Callable[[bytes], Any]) -> list[Any]:
        """Return the values of some points.

        Raises:
            QueryError: If one of them cannot be read.
        """
        self._check()
        try:
            return [decode(it.data) for it in points]
        except ValueError as error:
            msg = f"a stored point cannot be read: {error}; a later version may have written it"
            raise QueryError(msg) from error

    @property
    def held(self) -> int:
        """How long the last value of a gauge holds: a minute, or a slot if that is longer."""
        return ceiling(INSTANT_SECONDS, self._read.grid)


class Frames:
    """What was read for some expressions: see ``domain.evaluation.Frame``.

    Args:
        leaves: The functions of points in them.
        series: Their series, by the keys of the functions.
        loaded: What was read for them, by the same keys.
    """

    def __init__(
        self,
        leaves: Sequence[Leaf],
        series: Mapping[str, Sequence[KnownSeries]],
        loaded: Mapping[str, Sequence[Loaded]],
    ) -> None:
        """Group the series of each function."""
        by_key: dict[str, _Windowed | _Last] = {}
        self._by_leaf: dict[tuple[int, int], _Windowed | _Last] = {}
        for leaf in leaves:
            if leaf.key not in by_key:
                kind = _Last if leaf.of.function == "last" else _Windowed
                by_key[leaf.key] = kind(leaf.of, series[leaf.key], loaded[leaf.key])
            self._by_leaf[id(leaf.of), leaf.shift] = by_key[leaf.key]

    def samples(self, leaf: Aggregate, at: int, shift: int) -> Samples:
        """Return what a function of points is at an instant, some seconds before that."""
        return self._by_leaf[id(leaf), shift].samples(at - shift)

    def collapsed(self, leaves: Sequence[Leaf]) -> bool:
        """Tell whether a distribution had too many buckets, as far as was evaluated."""
        return any(self._by_leaf[id(leaf.of), leaf.shift].collapsed for leaf in leaves)


class _Grouped:
    """A function of points, and its series by the labels of the results."""

    def __init__(
        self, of: Aggregate, series: Sequence[KnownSeries], loaded: Sequence[Loaded]
    ) -> None:
        self.of = of
        self.collapsed = False
        self.loaded = loaded
        groups: dict[Labels, list[KnownSeries]] = {}
        for it in series:
            groups.setdefault(group_of(of.by, it.series.attributes), []).append(it)
        self.groups = dict(sorted(groups.items()))
        self._latest: tuple[int, Samples] | None = None

    def samples(self, at: int) -> Samples:
        """Return the samples at an instant; those of the latest one are kept."""
        if self._latest is None or self._latest[0] != at:
            self._latest = (at, self._samples(at))
        return self._latest[1]

    def _samples(self, at: int) -> Samples:
        raise NotImplementedError


class _Windowed(_Grouped):
    """A function of all points in a window."""

    _streams: dict[Labels, Stream]

    def _samples(self, at: int) -> Samples:
        (loaded,) = self.loaded
        start, end = loaded.window(at, self.of.over)
        if start >= end or not self.groups:
            return {}
        found: Samples = {}
        for labels, stream in self._by_group().items():
            value = stream.over(start, end)
            members = self.groups[labels]
            if value is None:
                is_idle = max(map(_seen, members)) < at - IDLE_SECONDS
                if is_idle or members[0].series.kind == "gauge":
                    continue
            found[labels] = self._finished(members[0].series.kind, value, end - start)
        return found

    def _by_group(self) -> dict[Labels, Stream]:
        """Return the merged points of each group."""
        if not hasattr(self, "_streams"):
            (loaded,) = self.loaded
            self._streams = {}
            for labels, members in self.groups.items():
                kind = members[0].series.kind
                cells = [it for known in members for it in loaded.cells(known.series.id, kind)]
                self._streams[labels] = Stream(cells, FAMILIES[kind].merge)
        return self._streams

    def _finished(self, kind: Kind, value: Any, covered: int) -> float:
        """Return the result of a group from what its points are together; None is nothing."""
        if kind == "counter":
            increase: float = value or 0
            return increase if self.of.function == "increase" else divided(increase, covered)
        if kind == "distribution":
            value = value or Sketch()
            self.collapsed |= value.collapsed
        return _FINISH[self.of.function](value, self.of.argument)


class _Last(_Grouped):
    """The last value of a gauge."""

    def _samples(self, at: int) -> Samples:
        found: Samples = {}
        for labels, members in self.groups.items():
            points = [it for known in members if (it := self._point(known, at)) is not None]
            if points:
                across = max(members, key=_seen).series.across
                found[labels] = combined(across, points)
        return found

    def _point(self, known: KnownSeries, at: int) -> GaugePoint | None:
        """Return the last value of a series, its writers combined."""
        recent, *older = self.loaded
        end = recent.window(at, 0)[1]
        points = recent.gauges(known.series.id, end - recent.held, end)
        if not points and older:
            start, end = older[0].window(at, self.of.over)
            points = older[0].gauges(known.series.id, start, end)
            points = [it for it in points if it[0] == points[-1][0]]
        return _combined(known.series.across, points) if points else None


def _combined(across: Across, points: Sequence[tuple[int, int, GaugePoint]]) -> GaugePoint:
    """Combine the newest value of each writer.

    What was rolled up before is of all writers: it is left out if there is a newer value.
    """
    by_writer: dict[int, list[GaugePoint]] = {}
    for _, writer, point in points:
        by_writer.setdefault(process_of(writer), []).append(point)
    latest = {writer: newest(of_one) for writer, of_one in by_writer.items()}
    rolled = latest.pop(0, None)
    at_ns = max((it.last_ns for it in latest.values()), default=-1)
    if rolled is not None and rolled.last_ns > at_ns:
        return rolled
    value = combined(across, list(latest.values()))
    return GaugePoint(value, at_ns, value, value, value, 1)
