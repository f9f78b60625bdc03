"""The functions that make expressions.

Each takes a metric by name or as ``metric(name, where)``, the length of its window, conditions on
attributes, and how to group: ``by=None`` gives one total, ``by=("zone",)`` a result for each zone,
``by=ALL`` one for each combination of attributes.
"""

from __future__ import annotations

from typing import TypeAlias

from habitkit.metrics.domain.durations import seconds
from habitkit.metrics.domain.expressions import (
    INSTANT_SECONDS,
    Aggregate,
    Expression,
    Now,
    Selector,
    Transform,
    as_expression,
)
from habitkit.metrics.domain.matchers import By, Where, checked_by, checked_where
from habitkit.metrics.domain.names import metric_name
from habitkit.metrics.domain.series import Kind
from habitkit.metrics.errors import InvalidMetric

__all__ = [
    "KINDS",
    "Metric",
    "absent",
    "aggregate",
    "count",
    "fraction",
    "increase",
    "last",
    "maximum",
    "mean",
    "metric",
    "minimum",
    "now",
    "quantile",
    "rate",
    "topk",
    "total",
]

Metric: TypeAlias = "Selector | str"

KINDS: dict[str, tuple[Kind, ...]] = {
    "rate": ("counter",),
    "increase": ("counter",),
    "quantile": ("distribution",),
    "mean": ("distribution", "gauge"),
    "total": ("distribution",),
    "count": ("distribution",),
    "fraction": ("distribution",),
    "last": ("gauge",),
    "minimum": ("distribution", "gauge"),
    "maximum": ("distribution", "gauge"),
}
"""The kinds of metrics that each function is for."""

_MOST = 10_000
_LARGEST = 2.0**1000


def metric(name: str, where: Where | None = None) -> Selector:
    """Return series of a metric, for the other functions; by itself, a gauge's values now.

    Args:
        name: The metric's name, without unit or suffix.
        where: Conditions on attributes: texts, ``not_``, ``one_of`` or ``matches``.

    Raises:
        InvalidMetric: If a name or a condition is none.
    """
    return Selector(metric_name(name), checked_where(where))


def rate(
    of: Metric, over: str | int = "5m", *, where: Where | None = None, by: By = None
) -> Aggregate:
    """Return by how much a counter grew per second: its increase by the seconds covered."""
    return aggregate("rate", of, over, where, by)


def increase(
    of: Metric, over: str | int = "5m", *, where: Where | None = None, by: By = None
) -> Aggregate:
    """Return by how much a counter grew; 0 if it is known and was not used."""
    return aggregate("increase", of, over, where, by)


def quantile(
    q: float,
    of: Metric,
    over: str | int = "5m",
    *,
    where: Where | None = None,
    by: By = None,
) -> Aggregate:
    """Return a quantile of a distribution, such as 0.99; NaN if nothing was recorded.

    Args:
        q: From 0 to 1.
        of: The metric.
        over: The length of the window.
        where: Conditions on attributes.
        by: How to group.

    Raises:
        InvalidMetric: If an argument is not as described.
    """
    if type(q) not in {int, float} or not 0 <= q <= 1:
        raise InvalidMetric("q", given=q, expected="a number from 0 to 1, such as 0.99")
    return aggregate("quantile", of, over, where, by, q)


def mean(
    of: Metric, over: str | int = "5m", *, where: Where | None = None, by: By = None
) -> Aggregate:
    """Return the mean of the values that were recorded, each with the same weight.

    Of a gauge these are the values that were set, and one a flush.
    """
    return aggregate("mean", of, over, where, by)


def total(
    of: Metric, over: str | int = "5m", *, where: Where | None = None, by: By = None
) -> Aggregate:
    """Return the sum of the values of a distribution; 0 if nothing was recorded."""
    return aggregate("total", of, over, where, by)


def count(
    of: Metric, over: str | int = "5m", *, where: Where | None = None, by: By = None
) -> Aggregate:
    """Return how many values of a distribution were recorded."""
    return aggregate("count", of, over, where, by)


def fraction(
    of: Metric,
    over: str | int = "5m",
    *,
    below: float,
    where: Where | None = None,
    by: By = None,
) -> Aggregate:
    """Return which part of the values of a distribution is below a limit, from 0 to 1.

    Args:
        of: The metric.
        over: The length of the window.
        below: The limit; a value that is off from it by less than 1.09 % may count as either.
        where: Conditions on attributes.
        by: How to group.

    Raises:
        InvalidMetric: If an argument is not as described.
    """
    if type(below) not in {int, float} or not abs(below) <= _LARGEST:
        raise InvalidMetric("below", given=below, expected="a finite number")
    return aggregate("fraction", of, over, where, by, below)


def last(
    of: Metric,
    over: str | int = INSTANT_SECONDS,
    *,
    where: Where | None = None,
    by: By = None,
) -> Aggregate:
    """Return the last value of a gauge.

    Each writer's newest value of the last 60 s counts, or of the last slot where only longer ones
    are kept; the values of several writers, and of several series, are combined as the gauge's
    ``across`` says. A longer window finds what was set before that, too.

    Args:
        of: The metric.
        over: How far to look back, 60 s or more.
        where: Conditions on attributes.
        by: How to group.

    Raises:
        InvalidMetric: If an argument is not as described.
    """
    return aggregate("last", of, seconds(over, "over", least=INSTANT_SECONDS), where, by)


def minimum(
    of: Metric, over: str | int = "5m", *, where: Where | None = None, by: By = None
) -> Aggregate:
    """Return the least value that was recorded, by any writer."""
    return aggregate("minimum", of, over, where, by)


def maximum(
    of: Metric, over: str | int = "5m", *, where: Where | None = None, by: By = None
) -> Aggregate:
    """Return the greatest value that was recorded, by any writer."""
    return aggregate("maximum", of, over, where, by)


def topk(k: int, of: Expression) -> Expression:
    """Return the samples with the greatest values; of equal ones the first by labels.

    Raises:
        InvalidMetric: If k is no int from 1 to 10,000, or the expression a single number.
    """
    if type(k) is not int or not 1 <= k <= _MOST:
        raise InvalidMetric("k", given=k, expected=f"an int from 1 to {_MOST}")
    return Transform("topk", as_expression(of), k)


def absent(of: Expression) -> Expression:
    """Return a sample of 1 without labels if an expression has no sample, and none if it has."""
    return Transform("absent", as_expression(of))


def now() -> Expression:
    """Return the instant of the evaluation, in seconds since 1970."""
    return Now()


def aggregate(
    function: str,
    of: Metric,
    over: str | int,
    where: Where | None,
    by: By,
    argument: float | None = None,
) -> Aggregate:
    """Return a function of the points of a metric; its own function checks the argument.

    Args:
        function: One of ``KINDS``.
        of: The metric.
        over: The length of the window.
        where: Conditions on attributes.
        by: How to group.
        argument: As for ``Aggregate``.

    Raises:
        InvalidMetric: If an argument is not as described.
    """
    if function not in KINDS:
        raise InvalidMetric("function", given=function, expected=f"one of: {', '.join(KINDS)}")
    if isinstance(of, str):
        selector = metric(of, where)
    elif isinstance(of, Selector):
        selector = _narrowed(of, where)
    else:
        raise InvalidMetric("metric", given=of, expected="a name, or metric(name, where)")
    return Aggregate(function, selector, seconds(over, "over"), checked_by(by), argument)


def _narrowed(selector: Selector, where: Where | None) -> Selector:
    """Return a selector with more conditions."""
    pairs = checked_where(where)
    twice = {name for name, _ in selector.where} & {name for name, _ in pairs}
    if twice:
        expected = "each attribute in one place, either in metric() or in the function"
        raise InvalidMetric("where", given=sorted(twice), expected=expected)
    return Selector(selector.name, tuple(sorted((*selector.where, *pairs), key=_by_name)))


def _by_name(pair: tuple[str, object]) -> str:
    return pair[0]
