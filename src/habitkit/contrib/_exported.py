"""What exporters share: names, numbers that fit, and the values that a sketch stands for."""

from __future__ import annotations

import sys
from math import isnan
from typing import TYPE_CHECKING

from habitkit.metrics.domain.sketch import PER_DOUBLING, bound_of

if TYPE_CHECKING:
    from habitkit.metrics.domain.sketch import Sketch

__all__ = ["bounded", "name_with_unit", "values_of"]

_MIDDLE = 2 / (2.0 ** (1 / PER_DOUBLING) + 1)


def name_with_unit(metric: str, unit: str) -> str:
    """Return the name of a metric with its unit, once."""
    return metric if not unit or metric.endswith(f"_{unit}") else f"{metric}_{unit}"


def bounded(value: float, limit: float = sys.float_info.max) -> float:
    """Return the number that is nearest to a value and at most so far from zero.

    Sums may exceed the doubles; a sum of infinities that is not a number becomes 0.
    """
    inside = min(max(value, -limit), limit)  # an int that is too large for a double is compared
    return 0.0 if isnan(inside) else inside


def values_of(sketch: Sketch) -> list[tuple[float, int]]:
    """Return the value that stands for each bucket of a sketch, and how many it has; ascending.

    The value is that of ``Sketch.quantile``: the error is 1.0831 % at most.
    """
    lowest, highest = sketch.minimum, sketch.maximum
    if lowest is None or highest is None:
        return []
    found = [
        (-bound_of(index) * _MIDDLE, sketch.negative[index])
        for index in sorted(sketch.negative, reverse=True)
    ]
    if sketch.zeros:
        found.append((0.0, sketch.zeros))
    found += (
        (bound_of(index) * _MIDDLE, sketch.positive[index]) for index in sorted(sketch.positive)
    )
    return [(min(max(value, lowest), highest), count) for value, count in found]
