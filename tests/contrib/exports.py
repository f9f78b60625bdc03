"""What exporters are given."""

from __future__ import annotations

from typing import Any

from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.series import Series, labels_of
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.totals import Total
from habitkit.metrics.port import Exports

NS = 10**9
STARTED, START, END = 1_000 * NS, 1_010 * NS, 1_020 * NS + 123_456_789


def exports(*totals: Total) -> Exports:
    return Exports(STARTED, START, END, totals)


def counter(metric: str, value: float, unit: str = "", **attributes: str) -> Total:
    return Total(Series(metric, "counter", unit, labels_of(attributes)), "Counted.", value)


def gauge(metric: str, value: float, unit: str = "", **attributes: str) -> Total:
    point = GaugePoint(value, STARTED, value, value, value, 1)
    return Total(Series(metric, "gauge", unit, labels_of(attributes)), "", point)


def distribution(metric: str, values: Any, unit: str = "", **attributes: str) -> Total:
    sketch = Sketch()
    sketch.add(values)
    return Total(Series(metric, "distribution", unit, labels_of(attributes)), "", sketch)
