"""What a process has recorded in a series since it started."""

from __future__ import annotations

from attrs import frozen

from habitkit.metrics.domain.exemplars import Exemplar
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.series import Series
from habitkit.metrics.domain.sketch import Sketch

__all__ = ["Total"]


@frozen
class Total:
    """What a process has recorded in a series since it started.

    Attributes:
        series: The series.
        description: A sentence about the metric; empty if it has none.
        value: The sum of a counter, the newest value of a gauge, all values of a distribution.
        exemplars: Single values that were recorded, and what for; none for a gauge.
    """

    series: Series
    description: str
    value: float | GaugePoint | Sketch
    exemplars: tuple[Exemplar, ...] = ()
