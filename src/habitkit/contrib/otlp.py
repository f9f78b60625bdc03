"""Metrics for whatever has an exporter of OpenTelemetry: OTLP over HTTP and gRPC, and others.

Needs the extra ``habitkit[otlp]``, and a package with an exporter, such as
``opentelemetry-exporter-otlp-proto-http``; no ``MeterProvider``.

Counters are monotonic sums, gauges gauges, distributions exponential histograms of scale 5, which
have all buckets of the sketch. Units are those of UCUM where there is one: ``seconds`` is ``s``.

Most servers want cumulative totals, as Prometheus 3 (``--web.enable-otlp-receiver``) and its
relatives do. Datadog's agent and some others want increases: ``temporality="delta"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from habitkit import clock
from habitkit._fork import call_after_fork
from habitkit.contrib._exported import bounded
from habitkit.errors import InvalidInput
from habitkit.ids import time_ordered_id
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.metrics.export import DataT, MetricExporter

    from habitkit.metrics.domain.series import Series
    from habitkit.metrics.domain.totals import Total
    from habitkit.metrics.port import Exports

__all__ = ["OtlpExporter", "Temporality"]

Temporality: TypeAlias = Literal["cumulative", "delta"]

_TEMPORALITIES = {
    "cumulative": AggregationTemporality.CUMULATIVE,
    "delta": AggregationTemporality.DELTA,
}
_SCALE = 5
_LARGEST_INT = 2**63 - 1
_UNITS = {
    "days": "d",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
    "bytes": "By",
    "kibibytes": "KiBy",
    "mebibytes": "MiBy",
    "gibibytes": "GiBy",
    "tebibytes": "TiBy",
    "kilobytes": "kBy",
    "megabytes": "MBy",
    "gigabytes": "GBy",
    "terabytes": "TBy",
    "meters": "m",
    "volts": "V",
    "amperes": "A",
    "joules": "J",
    "watts": "W",
    "grams": "g",
    "celsius": "Cel",
    "hertz": "Hz",
    "percent": "%",
}


class OtlpExporter:
    r"""Gives metrics to an exporter of OpenTelemetry at each flush.

    Processes are told apart by ``service.instance.id``: without one in the resource it is random,
    and in a forked process it always is. An exporter that keeps connections is best made after the
    fork.

    Args:
        exporter: The exporter. It is shut down with this one.
        temporality: Whether it gets totals since the start, or increases.
        resource: What the metrics are about; by default what the environment says, such as
            ``OTEL_SERVICE_NAME``.

    Raises:
        InvalidInput: If an argument is not acceptable.

    Example:
        >>> import sys
        >>> from habitkit.contrib.otlp import OtlpExporter
        >>> from habitkit.metrics import Metrics
        >>> from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
        >>> def first(data):
        ...     metric = data.resource_metrics[0].scope_metrics[0].metrics[0]
        ...     return f"{metric.name}: {metric.data.data_points[0].value}\n"
        >>> console = ConsoleMetricExporter(out=sys.stdout, formatter=first)
        >>> metrics = Metrics(exporters=[OtlpExporter(console, temporality="delta")])
        >>> metrics.counter("check_ins").add(3, {"zone": "eu"})
        >>> metrics.flush()
        check_ins: 3
    """

    name = "otlp"

    def __init__(
        self,
        exporter: MetricExporter,
        *,
        temporality: Temporality = "cumulative",
        resource: Resource | None = None,
    ) -> None:
        """Keep what is given."""
        for method in ("export", "shutdown"):
            if not callable(getattr(exporter, method, None)):
                expected = "an exporter of OpenTelemetry, such as OTLPMetricExporter(endpoint=...)"
                raise InvalidInput("exporter", given=exporter, expected=expected)
        if temporality not in _TEMPORALITIES:
            expected = '"cumulative" or "delta"'
            raise InvalidInput("temporality", given=temporality, expected=expected)
        self.cumulative = temporality == "cumulative"
        self._exporter = exporter
        self._temporality = _TEMPORALITIES[temporality]
        given = Resource.create() if resource is None else resource
        self._resource = _new_instance().merge(given)
        self._closed = False
        call_after_fork(self)

    def export(self, exports: Exports) -> None:
        """Give the exporter what was recorded.

        Raises:
            RuntimeError: If the exporter says that it failed.
        """
        if not exports.series:
            return
        result = self._exporter.export(self._data(exports))
        if result is not MetricExportResult.SUCCESS:
            kind = type(self._exporter).__name__
            msg = f"{kind} could not export {len(exports.series)} series; its own log says why"
            raise RuntimeError(msg)

    def close(self) -> None:
        """Shut the exporter down."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def after_fork(self) -> None:
        """Let a forked process be another instance of the service, as OpenTelemetry does."""
        self._resource = self._resource.merge(_new_instance())

    def _data(self, exports: Exports) -> MetricsData:
        """Return what was recorded as OpenTelemetry has it."""
        families: dict[tuple[str, str, str], list[Total]] = {}
        for total in exports.series:
            series = total.series
            families.setdefault((series.metric, series.kind, series.unit), []).append(total)
        start_ns = exports.started_ns if self.cumulative else exports.start_ns
        metrics = [
            Metric(
                totals[0].series.metric,
                totals[0].description,
                _unit(totals[0].series),
                self._points(totals, start_ns, exports.end_ns),
            )
            for totals in families.values()
        ]
        scope = ScopeMetrics(InstrumentationScope("habitkit"), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])

    def _points(self, totals: Sequence[Total], start_ns: int, end_ns: int) -> DataT:
        """Return the points of the series of a metric."""
        kind = totals[0].series.kind
        if kind == "distribution":
            histograms = [
                _histogram(dict(it.series.attributes), it.value, start_ns, end_ns)
                for it in totals
                if isinstance(it.value, Sketch)
            ]
            return ExponentialHistogram(histograms, self._temporality)
        points = [
            NumberDataPoint(dict(it.series.attributes), start_ns, end_ns, _number(it.value))
            for it in totals
            if not isinstance(it.value, Sketch)
        ]
        if kind == "gauge":
            return Gauge(points)
        return Sum(points, self._temporality, is_monotonic=True)


def _new_instance() -> Resource:
    return Resource({SERVICE_INSTANCE_ID: str(time_ordered_id(clock.SystemClock().now()))})


def _unit(series: Series) -> str:
    """Return the unit of a series in UCUM.

    Prometheus makes ``_ratio`` of the unit ``1`` for gauges alone, so others keep their word.
    """
    if series.unit == "ratio" and series.kind == "gauge":
        return "1"
    return _UNITS.get(series.unit, series.unit)


def _number(value: float | GaugePoint) -> float:
    """Return a number that fits: an int of 64 bits or a double."""
    number = value.last if isinstance(value, GaugePoint) else value
    is_small = isinstance(number, int) and abs(number) <= _LARGEST_INT
    return number if is_small else float(bounded(number))


def _histogram(
    attributes: Mapping[str, str], sketch: Sketch, start_ns: int, end_ns: int
) -> ExponentialHistogramDataPoint:
    """Return a sketch as a point of an exponential histogram.

    https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
    """
    minimum: Any = sketch.minimum  # None, where there is no value, is left out
    maximum: Any = sketch.maximum
    return ExponentialHistogramDataPoint(
        attributes,
        start_ns,
        end_ns,
        count=sketch.count,
        sum=float(bounded(sketch.sum)),
        scale=_SCALE,
        zero_count=sketch.zeros,
        positive=_buckets(sketch.positive),
        negative=_buckets(sketch.negative),
        flags=0,
        min=minimum,
        max=maximum,
    )


def _buckets(side: Mapping[int, int]) -> Buckets:
    """Return the buckets from the first to the last; that of OpenTelemetry has index i - 1."""
    if not side:
        return Buckets(0, [])
    first = min(side)
    counts = [0] * (max(side) - first + 1)
    for index, count in side.items():
        counts[index - first] = count
    return Buckets(first - 1, counts)
