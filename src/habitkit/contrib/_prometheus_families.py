"""Metrics as Prometheus groups and names them, and the classic buckets of distributions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import accumulate
from math import inf, isfinite
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit import _logging
from habitkit.contrib._exported import name_with_unit
from habitkit.metrics.domain.sketch import ZERO, Sketch, index_of
from habitkit.metrics.errors import InvalidMetric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from habitkit.metrics.domain.exemplars import Exemplar
    from habitkit.metrics.domain.series import Kind
    from habitkit.metrics.domain.totals import Total

__all__ = [
    "Bounds",
    "Family",
    "as_double",
    "bounds_of",
    "families_of",
    "newest_by_bound",
]

_EXPONENTS = {
    "seconds": (-13, 6),
    "milliseconds": (-3, 16),
    "bytes": (6, 30),
    "ratio": (-10, 0),
}
_OTHER_EXPONENTS = (0, 20)
_SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    "counter": ("", "_total"),
    "gauge": ("",),
    "distribution": ("", "_bucket", "_count", "_sum"),
}
_MOST_BOUNDS = 200
_SIDE = 1 << 16  # more than any index of a bucket, either sign

_log = _logging.logger("metrics")


class Bounds:
    """The upper bounds of classic buckets, without infinity.

    Attributes:
        values: The bounds, ascending.
    """

    __slots__ = ("_positions", "values")

    def __init__(self, values: Sequence[float]) -> None:
        """Keep bounds, which ascend."""
        self.values = tuple(map(float, values))
        self._positions = [_position(value) for value in self.values]

    def counts(self, sketch: Sketch) -> list[int]:
        """Return how many values are at most each bound.

        The bucket of the sketch that contains a bound counts as a whole. So the numbers are exact
        for zero and powers of two, which are bounds of the sketch's own buckets. Minimum and
        maximum, which are exact, must not sharpen the others: a count would fall when they change,
        and Prometheus takes that for a restart.
        """
        held = {-_SIDE - index: count for index, count in sketch.negative.items()}
        held[0] = sketch.zeros
        held |= {_SIDE + index: count for index, count in sketch.positive.items()}
        order = sorted(held)
        below = [0, *accumulate(map(held.__getitem__, order))]
        return [below[bisect_right(order, position)] for position in self._positions]


def _position(value: float) -> int:
    """Return where the bucket that contains a value is among all buckets of a sketch."""
    if value > ZERO:
        return _SIDE + index_of(value)
    if value < -ZERO:
        return -_SIDE - index_of(-value)
    return 0


@lru_cache(maxsize=100)
def _default_bounds(unit: str) -> Bounds:
    """Return powers of two for a unit: always the same, so that scrapes can be compared."""
    first, last = _EXPONENTS.get(unit, _OTHER_EXPONENTS)
    return Bounds([2.0**exponent for exponent in range(first, last + 1)])


def bounds_of(buckets: Mapping[str, Iterable[float]] | None) -> Mapping[str, Bounds]:
    """Return the bounds that a host asks for, by metric.

    Raises:
        InvalidMetric: If they are not ascending finite numbers.
    """
    found = {}
    for metric, values in (buckets or {}).items():
        given = list(values)
        fine = all(type(value) in {int, float} and isfinite(value) for value in given)
        if not fine or not 0 < len(given) <= _MOST_BOUNDS or given != sorted(set(given)):
            expected = (
                f"1 to {_MOST_BOUNDS} finite numbers in ascending order, without infinity, which "
                "is added"
            )
            what = f"buckets[{metric!r}]"
            raise InvalidMetric(what, given=given, expected=expected)
        found[metric] = Bounds(given)
    return found


@frozen
class Family:
    """The series of one metric.

    Attributes:
        name: The exported name: with the unit, but without the ``_total`` of a counter.
        kind: What its values are.
        unit: The unit; empty if it has none.
        description: A sentence about it; empty if it has none.
        bounds: The bounds of classic buckets, for distributions.
        totals: Its series.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    bounds: Bounds
    totals: list[Total]


def families_of(totals: Iterable[Total], bounds: Mapping[str, Bounds]) -> list[Family]:
    """Group series by metric.

    Of two metrics whose exported names clash, such as ``load`` in seconds and ``load_seconds``, the
    second one is left out, and logged once: Prometheus would refuse the whole scrape.
    """
    found: dict[tuple[str, Kind, str], Family] = {}
    taken: dict[str, str] = {}
    for total in totals:
        series = total.series
        key = (series.metric, series.kind, series.unit)
        family = found.get(key)
        if family is None:
            chosen = bounds.get(series.metric) or _default_bounds(series.unit)
            name = name_with_unit(series.metric, series.unit)
            family = Family(name, series.kind, series.unit, total.description, chosen, [])
            found[key] = family
        family.totals.append(total)
    free = []
    for (metric, _, _), family in found.items():
        names = [family.name + suffix for suffix in _SUFFIXES[family.kind]]
        clash = next((name for name in names if name in taken), None)
        if clash is None:
            taken |= dict.fromkeys(names, metric)
            free.append(family)
        else:
            _warn_once(metric, taken[clash], clash)
    return free


@lru_cache(maxsize=1000)
def _warn_once(metric: str, other: str, name: str) -> None:
    _logging.warn(
        _log,
        "metrics.name_taken",
        "a metric is not exported to Prometheus: another one has the exported name; rename one",
        key=metric,
        metric=metric,
        other=other,
        exported=name,
    )


def as_double(value: float) -> float:
    """Return a number as a double: infinity for ints that are too large."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def newest_by_bound(bounds: Bounds, exemplars: Sequence[Exemplar]) -> Mapping[int, Exemplar]:
    """Return the newest exemplar of each classic bucket that has one, by the bucket's place."""
    ordered = sorted(exemplars, key=lambda exemplar: exemplar.at_ns)
    return {bisect_left(bounds.values, exemplar.value): exemplar for exemplar in ordered}
