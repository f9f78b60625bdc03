"""What a store measures of each unit for a metric."""

from __future__ import annotations

from collections.abc import Container
from datetime import timedelta
from typing import Literal

from attrs import evolve, frozen

from habitkit.experiments.domain.measures import Measure
from habitkit.experiments.domain.metrics import Metric

__all__ = ["DAY_SECONDS", "Measures", "measures_of"]

DAY_SECONDS = 86_400
"""A period of retention: 24 h."""


@frozen
class Measures:
    """The measures of a metric.

    Attributes:
        x: The number itself; of a ratio the numerator.
        y: The covariate, or the denominator of a ratio; None if there is neither.
        matures_seconds: How long after its exposure a unit takes part.
    """

    x: Measure
    y: Measure | None
    matures_seconds: int


def measures_of(metric: Metric, done_at_types: Container[str] = ()) -> Measures:
    """Return what is measured for a metric.

    Args:
        metric: The metric.
        done_at_types: The types of events that say in ``done_at`` when they were done.

    Returns:
        The measures. A unit takes part when all of its windows are over.
    """
    if metric.numerator is not None and metric.denominator is not None:
        above = measures_of(metric.numerator, done_at_types)
        below = measures_of(metric.denominator, done_at_types)
        return Measures(above.x, below.x, max(above.matures_seconds, below.matures_seconds))
    start, end = _window(metric)
    x = Measure(
        metric.event,
        _kind(metric),
        metric.field,
        start,
        end,
        metric.cap,
        by_done_at=metric.event in done_at_types,
    )
    return Measures(x, _covariate(metric, x), end or 0)


def _kind(metric: Metric) -> Literal["any", "count", "sum"]:
    if metric.kind in {"conversion", "retention"}:
        return "any"
    return "count" if metric.kind == "count" else "sum"


def _window(metric: Metric) -> tuple[int, int | None]:
    """Return where the window begins and ends, in seconds from the exposure."""
    if metric.day is not None:
        return metric.day * DAY_SECONDS, (metric.day + 1) * DAY_SECONDS
    return 0, None if metric.within is None else metric.within // timedelta(seconds=1)


def _covariate(metric: Metric, x: Measure) -> Measure | None:
    """Return the same number from before the exposure, for CUPED."""
    if metric.pre_period is None:
        return None
    seconds = metric.pre_period // timedelta(seconds=1)
    return evolve(x, start_seconds=-seconds, end_seconds=0)
