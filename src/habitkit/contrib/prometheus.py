"""Metrics for Prometheus: an exposition for its scrapes, and a collector for ``prometheus_client``.

Needs the extra ``habitkit[prometheus]``.

Names get the unit and, for counters, ``_total``: ``load`` in seconds is ``load_seconds``. A gauge
is its last value. A distribution is a histogram. Its classic buckets end at powers of two, where
the counts are exact, and are always the same, whatever was recorded:

============== ============================ ==================
unit           bounds                       that is about
============== ============================ ==================
seconds        2^-13 to 2^6                 0.12 ms to 64 s
milliseconds   2^-3 to 2^16                 0.13 ms to 66 s
bytes          2^6 to 2^30                  64 B to 1 GiB
ratio          2^-10 to 2^0                 0.001 to 1
any other      2^0 to 2^20                  1 to 1,048,576
============== ============================ ==================

A Prometheus that scrapes native histograms (``--enable-feature=native-histograms``, or
``scrape_native_histograms`` in its newer releases) asks for protobuf, and gets all buckets of the
sketch: quantiles are off by about 1 % then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from attrs import frozen
from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.samples import Exemplar as ClientExemplar
from prometheus_client.samples import Sample, Timestamp
from prometheus_client.utils import floatToGoString

from habitkit.contrib._prometheus_families import (
    as_double,
    bounds_of,
    families_of,
    newest_by_bound,
)
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from habitkit.contrib._prometheus_families import Family
    from habitkit.metrics.domain.exemplars import Exemplar
    from habitkit.metrics.domain.totals import Total

__all__ = ["Exposition", "HabitkitCollector", "HasTotals", "exposition"]

_TYPES = {"counter": "counter", "gauge": "gauge", "distribution": "histogram"}
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
_QUALITY = re.compile(r"(0(\.[0-9]{0,9})?|1(\.0{0,9})?)")
_NS = 1_000_000_000


class HasTotals(Protocol):
    """What is exported: ``kit.metrics`` of both kits, ``Metrics`` and ``AsyncMetrics`` have it."""

    def totals(self) -> Sequence[Total]:
        """Return what the process has recorded in each series since it started."""
        ...


@frozen
class Exposition:
    """The response to a scrape.

    Attributes:
        content_type: The value of the header ``Content-Type``.
        body: The body.
    """

    content_type: str
    body: bytes


class HabitkitCollector:
    """A collector for a registry of ``prometheus_client``, beside the host's own metrics.

    It describes nothing, so registering it reads no metric.

    Args:
        metrics: ``kit.metrics``, or ``Metrics`` or ``AsyncMetrics`` without a kit.
        buckets: As for ``exposition``.

    Raises:
        InvalidMetric: If the buckets are not acceptable.

    Example:
        >>> from habitkit.contrib.prometheus import HabitkitCollector
        >>> from habitkit.metrics import Metrics
        >>> from prometheus_client import CollectorRegistry
        >>> metrics = Metrics()
        >>> metrics.counter("check_ins").add(3)
        >>> registry = CollectorRegistry()
        >>> registry.register(HabitkitCollector(metrics))
        >>> registry.get_sample_value("check_ins_total")
        3.0
    """

    def __init__(
        self, metrics: HasTotals, *, buckets: Mapping[str, Iterable[float]] | None = None
    ) -> None:
        """Keep what is given."""
        self._metrics = metrics
        self._bounds = bounds_of(buckets)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics with all that was recorded since the process started."""
        for family in families_of(self._metrics.totals(), self._bounds):
            yield _metric(family)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: which metrics there are is not known in advance."""
        return ()


def exposition(
    metrics: HasTotals,
    accept: str | None = None,
    *,
    buckets: Mapping[str, Iterable[float]] | None = None,
) -> Exposition:
    """Return the response to a scrape by Prometheus: what this process recorded since its start.

    Args:
        metrics: ``kit.metrics``, or ``Metrics`` or ``AsyncMetrics`` without a kit.
        accept: The request's header ``Accept``, which chooses between text 0.0.4, OpenMetrics 1.0
            and protobuf; None or anything else gives text.
        buckets: Upper bounds of classic buckets by metric, such as
            ``{"load": [0.1, 0.3, 1]}``, instead of powers of two. Values just above such a
            bound, by 2.2 % at most, may be counted as if they were not above it.

    Raises:
        InvalidMetric: If the buckets are not ascending finite numbers.

    Example:
        >>> from habitkit.contrib.prometheus import exposition
        >>> from habitkit.metrics import Metrics
        >>> metrics = Metrics()
        >>> metrics.counter("check_ins", description="Check-ins.").add(3, {"zone": "eu"})
        >>> scrape = exposition(metrics)
        >>> scrape.content_type
        'text/plain; version=0.0.4; charset=utf-8'
        >>> print(scrape.body.decode())
        # HELP check_ins_total Check-ins.
        # TYPE check_ins_total counter
        check_ins_total{zone="eu"} 3.0
        <BLANKLINE>
    """
    content_type = _negotiated(accept or "")
    if content_type == _PROTOBUF:
        from habitkit.contrib._prometheus_protobuf import encoded  # noqa: PLC0415 - for few only

        return Exposition(_PROTOBUF, encoded(families_of(metrics.totals(), bounds_of(buckets))))
    generate = generate_openmetrics if content_type == _OPENMETRICS else generate_latest
    return Exposition(content_type, generate(HabitkitCollector(metrics, buckets=buckets)))


def _negotiated(accept: str) -> str:
    """Return the content type that a client prefers among ours, as Prometheus' own library does.

    https://github.com/prometheus/common/blob/main/expfmt/encode.go
    """
    best, best_quality = _TEXT, 0.0
    for part in accept.lower().split(","):
        media_type, *rest = (piece.strip() for piece in part.split(";"))
        parameters = {}
        for piece in rest:
            name, _, value = piece.partition("=")
            parameters[name.strip()] = value.strip().strip('"')
        quality = parameters.get("q", "1")
        weight = float(quality) if _QUALITY.fullmatch(quality) else 1.0
        offered = _offer(media_type, parameters)
        if offered is not None and weight > best_quality:
            best, best_quality = offered, weight
    return best


def _offer(media_type: str, parameters: Mapping[str, str]) -> str | None:
    """Return our content type for a media type; None if there is none."""
    version = parameters.get("version", "")
    match media_type:
        case "application/vnd.google.protobuf":
            proto = parameters.get("proto", "io.prometheus.client.metricfamily")
            wanted = (proto, parameters.get("encoding"))
            return (
                _PROTOBUF if wanted == ("io.prometheus.client.metricfamily", "delimited") else None
            )
        case "application/openmetrics-text":
            return _OPENMETRICS if version in {"", "1.0.0"} else None
        case "text/plain":
            return _TEXT if version in {"", "0.0.4"} else None
        case _:
            return None


def _metric(family: Family) -> Metric:
    """Return a family as ``prometheus_client`` has it."""
    metric = Metric(family.name, family.description, _TYPES[family.kind], family.unit)
    texts = [*map(floatToGoString, family.bounds.values), "+Inf"]
    for total in family.totals:
        labels = dict(total.series.attributes)
        value = total.value
        if isinstance(value, Sketch):
            metric.samples += _histogram(family, texts, labels, value, total.exemplars)
        elif isinstance(value, GaugePoint):
            metric.samples.append(Sample(family.name, labels, value.last))
        else:
            newest = max(total.exemplars, key=lambda it: it.at_ns, default=None)
            name = f"{family.name}_total"
            metric.samples.append(Sample(name, labels, as_double(value), None, _exemplar(newest)))
    return metric


def _histogram(
    family: Family,
    texts: Sequence[str],
    labels: dict[str, str],
    sketch: Sketch,
    exemplars: Sequence[Exemplar],
) -> list[Sample]:
    """Return the samples of a distribution: its classic buckets, the number and sum of values."""
    name = f"{family.name}_bucket"
    counts = [*family.bounds.counts(sketch), sketch.count]
    samples = [
        Sample(name, {**labels, "le": text}, count)
        for text, count in zip(texts, counts, strict=True)
    ]
    if exemplars:
        for place, newest in newest_by_bound(family.bounds, exemplars).items():
            samples[place] = samples[place]._replace(exemplar=_exemplar(newest))
    samples.append(Sample(f"{family.name}_count", labels, sketch.count))
    samples.append(Sample(f"{family.name}_sum", labels, as_double(sketch.sum)))
    return samples


def _exemplar(exemplar: Exemplar | None) -> ClientExemplar | None:
    if exemplar is None:
        return None
    at = Timestamp(*divmod(exemplar.at_ns, _NS))
    return ClientExemplar(dict(exemplar.attributes), as_double(exemplar.value), at)
