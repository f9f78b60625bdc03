"""The ordinary calls of other libraries for metrics, each recording into memory.

None of them exports anything, and none starts a thread.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import accumulate
from math import inf, log2
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Record = Callable[[float], object]
    RecordAll = Callable[[Iterable[float]], object]

__all__ = [
    "ATTRIBUTES",
    "DDSKETCH",
    "EXPLICIT",
    "EXPONENTIAL",
    "PROMETHEUS",
    "Peer",
    "one_by_one",
    "peers",
]

PROMETHEUS, DDSKETCH = "prometheus_client", "ddsketch"
EXPLICIT, EXPONENTIAL = "OpenTelemetry, explicit", "OpenTelemetry, exponential"
ATTRIBUTES = {"page": "home", "zone": "eu"}


@frozen
class Peer:
    """A distribution of another library.

    Attributes:
        bound: Records a value without a lookup, or with none of attributes.
        labelled: Returns what records values with these two attributes, looked up for each; None if
            the library knows no attributes.
        quantile: Returns a quantile of what ``bound`` has recorded, as is usual with it.
    """

    bound: Record
    labelled: Callable[[Mapping[str, str]], RecordAll] | None
    quantile: Callable[[float], float]


def one_by_one(record: Record) -> RecordAll:
    """Return what records values by a call for each."""

    def record_all(values: Iterable[float]) -> None:
        for value in values:
            record(value)

    return record_all


def peers() -> dict[str, Peer]:
    """Return the libraries that are installed, each with nothing recorded."""
    found: dict[str, Peer] = {}
    if find_spec("prometheus_client"):
        found[PROMETHEUS] = _prometheus()
    if find_spec("opentelemetry") and find_spec("opentelemetry.sdk"):
        found[EXPLICIT] = _opentelemetry(exponential=False)
        found[EXPONENTIAL] = _opentelemetry(exponential=True)
    if find_spec("ddsketch"):
        found[DDSKETCH] = _ddsketch()
    return found


def _prometheus() -> Peer:
    from prometheus_client import CollectorRegistry, Histogram  # noqa: PLC0415 - may be missing

    plain = Histogram("load", "Load.", registry=CollectorRegistry())
    by = Histogram("load", "Load.", list(ATTRIBUTES), registry=CollectorRegistry())

    def labelled(attributes: Mapping[str, str]) -> RecordAll:
        page, zone = attributes.values()

        def record(values: Iterable[float]) -> None:
            for value in values:
                by.labels(page, zone).observe(value)

        return record

    def quantile(q: float) -> float:
        (metric,) = plain.collect()
        buckets = [it for it in metric.samples if it.name == "load_bucket"]
        bounds = [float(it.labels["le"]) for it in buckets]
        return _interpolated(q, bounds, [it.value for it in buckets])

    return Peer(plain.observe, labelled, quantile)


def _interpolated(q: float, bounds: Sequence[float], counts: Sequence[float]) -> float:
    """Return a quantile of cumulative counts, as ``histogram_quantile`` of Prometheus does."""
    rank = q * counts[-1]
    place = next(place for place, count in enumerate(counts) if count >= rank)
    if bounds[place] == inf:
        return bounds[-2]
    low, below = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    return low + (bounds[place] - low) * (rank - below) / (counts[place] - below)


def _opentelemetry(*, exponential: bool) -> Peer:
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - may be missing
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.metrics.view import (  # noqa: PLC0415
        ExplicitBucketHistogramAggregation,
        ExponentialBucketHistogramAggregation,
        View,
    )

    kind: Any = ExplicitBucketHistogramAggregation
    if exponential:
        kind = ExponentialBucketHistogramAggregation  # 160 buckets
    view = View(instrument_name="load*", aggregation=kind())
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], views=[view], shutdown_on_exit=False)
    meter = provider.get_meter("benchmark")
    plain, by = meter.create_histogram("load"), meter.create_histogram("load_by")

    def labelled(attributes: Mapping[str, str]) -> RecordAll:
        page, zone = attributes.values()

        def record(values: Iterable[float]) -> None:
            for value in values:
                by.record(value, {"page": page, "zone": zone})

        return record

    def quantile(q: float) -> float:
        data: Any = reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        (point,) = next(it for it in metrics if it.name == "load").data.data_points
        if exponential:
            return _of_exponential(q, point)
        bounds = [*point.explicit_bounds, inf]
        return _interpolated(q, bounds, [*accumulate(point.bucket_counts)])

    return Peer(plain.record, labelled, quantile)


def _of_exponential(q: float, point: Any) -> float:
    """Return the middle of the bucket in which the element of a rank lies: 2 g^i / (g + 1)."""
    growth = 2.0 ** (2.0**-point.scale)
    rank, below = int(q * (point.count - 1)), point.zero_count
    for place, count in enumerate(point.positive.bucket_counts):
        below += count
        if below > rank:
            index = point.positive.offset + place + 1
            return float(2.0 ** (index * log2(growth)) * 2 / (growth + 1))
    return float(point.max)


def _ddsketch() -> Peer:
    from ddsketch import DDSketch  # noqa: PLC0415 - may be missing

    sketch = DDSketch(0.01)
    return Peer(sketch.add, None, sketch.get_quantile_value)
