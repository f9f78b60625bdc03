"""Points as values that can be merged, and sums of them over windows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import fsum, inf
from typing import Any

from attrs import frozen

from habitkit.metrics.domain.points import GaugePoint, decode_gauge, decode_increase
from habitkit.metrics.domain.sketch import Sketch

__all__ = ["FAMILIES", "Family", "Stream", "total_of"]


@frozen
class Family:
    """How the points of a kind of series are read and merged.

    Attributes:
        decode: Makes a value of the data of a point.
        merge: Makes one value of one or more; it changes none of them.
    """

    decode: Callable[[bytes], Any]
    merge: Callable[[Sequence[Any]], Any]


def total_of(values: Sequence[float]) -> float:
    """Return a sum: exact and an int if all are ints, else rounded once."""
    try:
        total = sum(values)
        return total if isinstance(total, int) else fsum(values)
    except OverflowError:
        return inf


def _merged_sketches(sketches: Sequence[Sketch]) -> Sketch:
    if len(sketches) == 1:
        return sketches[0]
    merged = sketches[0].copy()
    for each in sketches[1:]:
        merged.merge(each)
    return merged


def _merged_gauges(points: Sequence[GaugePoint]) -> GaugePoint:
    """Return what all values were; the last value is not looked at."""
    return GaugePoint(
        points[0].last,
        points[0].last_ns,
        min(point.minimum for point in points),
        max(point.maximum for point in points),
        total_of([point.sum for point in points]),
        sum(point.count for point in points),
    )


FAMILIES = {
    "counter": Family(lru_cache(maxsize=4096)(decode_increase), total_of),
    "distribution": Family(Sketch.decode, _merged_sketches),
    "gauge": Family(decode_gauge, _merged_gauges),
}
"""How points are merged, by the kind of the series; most increases are one of a few small ints."""


class Stream:
    """Values in order of time, of which windows are merged.

    Values are merged in pairs, pairs of pairs and so on, when they are first needed. So a window of
    n values takes 2 log2(n) merges at most, however many windows there are.

    Args:
        cells: Times and values; times may be given several times.
        merge: As for ``Family``.
    """

    def __init__(
        self, cells: Sequence[tuple[int, Any]], merge: Callable[[Sequence[Any]], Any]
    ) -> None:
        """Merge the values of each time."""
        by_slot: dict[int, list[Any]] = {}
        for slot, value in cells:
            by_slot.setdefault(slot, []).append(value)
        self._slots = sorted(by_slot)
        self._merge = merge
        self._rows = [[merge(by_slot[slot]) for slot in self._slots]]

    def over(self, start: int, end: int) -> Any:
        """Return what the values from ``start`` up to ``end``, excluded, are together.

        None if there is none.
        """
        first, last = bisect_left(self._slots, start), bisect_left(self._slots, end)
        found, level = [], 0
        while first < last:
            row = self._row(level)
            if first % 2:
                found.append(row[first])
                first += 1
            if last % 2:
                last -= 1
                found.append(row[last])
            first, last, level = first // 2, last // 2, level + 1
        return self._merge(found) if found else None

    def _row(self, level: int) -> list[Any]:
        """Return the values in groups of ``2 ** level``; an incomplete one is left out."""
        if level == len(self._rows):
            row = self._rows[-1]
            self._rows.append([self._merge(row[i : i + 2]) for i in range(0, len(row) - 1, 2)])
        return self._rows[level]
