"""Metrics: instruments, their time series, and queries on them."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.metrics.async_metrics import AsyncMetrics
    from habitkit.metrics.domain.exemplars import Exemplar
    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.functions import (
        absent,
        count,
        fraction,
        increase,
        last,
        maximum,
        mean,
        metric,
        minimum,
        now,
        quantile,
        rate,
        topk,
        total,
    )
    from habitkit.metrics.domain.matchers import ALL, matches, not_, one_of
    from habitkit.metrics.domain.series import Series
    from habitkit.metrics.domain.sketch import Sketch
    from habitkit.metrics.domain.tiers import SeriesTier
    from habitkit.metrics.domain.totals import Total
    from habitkit.metrics.domain.vectors import Matrix, Sample, Vector
    from habitkit.metrics.errors import (
        InvalidMetric,
        MetricConflict,
        QueryError,
        QueryTooLarge,
        QueryTooSlow,
        SeriesUnavailable,
        UnknownMetric,
    )
    from habitkit.metrics.instruments import Counter, Distribution, Gauge
    from habitkit.metrics.metrics import Metrics
    from habitkit.metrics.options import FoldedAttribute

__all__ = [
    "ALL",
    "AsyncMetrics",
    "Counter",
    "Distribution",
    "Exemplar",
    "Expression",
    "FoldedAttribute",
    "Gauge",
    "InvalidMetric",
    "Matrix",
    "MetricConflict",
    "Metrics",
    "QueryError",
    "QueryTooLarge",
    "QueryTooSlow",
    "Sample",
    "Series",
    "SeriesTier",
    "SeriesUnavailable",
    "Sketch",
    "Total",
    "UnknownMetric",
    "Vector",
    "absent",
    "count",
    "fraction",
    "increase",
    "last",
    "matches",
    "maximum",
    "mean",
    "metric",
    "minimum",
    "not_",
    "now",
    "one_of",
    "quantile",
    "rate",
    "topk",
    "total",
]

_MODULES = (
    "errors",
    *(f"domain.{name}" for name in ("series", "sketch", "tiers", "totals", "exemplars")),
    "metrics",
    "options",
    "instruments",
    *(f"domain.{name}" for name in ("expressions", "functions", "matchers", "vectors")),
    "async_metrics",
)

if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, __all__, _MODULES)  # a kit does not load what nobody uses
