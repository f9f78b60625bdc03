"""The protobuf exposition of Prometheus, with native histograms.

A body is a sequence of ``MetricFamily`` messages, each after its length as a varint:
https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto

The buckets of a sketch are those of native histograms of schema 5, with the same indices, so
nothing is lost. Classic buckets are written beside them, for a Prometheus that wants protobuf but
does not keep native histograms; they also hold the exemplars.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from habitkit.contrib._prometheus_families import as_double, newest_by_bound
from habitkit.metrics.domain.encoding import to_signed, to_varint, to_varints
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.sketch import ZERO, Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from habitkit.contrib._prometheus_families import Family
    from habitkit.metrics.domain.exemplars import Exemplar
    from habitkit.metrics.domain.totals import Total

__all__ = ["encoded"]

_VARINT, _DOUBLE, _LENGTH = 0, 1, 2
_TYPES = {"counter": 0, "gauge": 1, "distribution": 4}
_SCHEMA = 5
_PACKED = struct.Struct("<d")
_NS = 1_000_000_000


def encoded(families: Iterable[Family]) -> bytes:
    """Return the body of a scrape."""
    return b"".join(_delimited(_family(family)) for family in families)


def _family(family: Family) -> bytes:
    """Write a ``MetricFamily``."""
    name = f"{family.name}_total" if family.kind == "counter" else family.name
    parts = [_text(1, name), _text(2, family.description), _int(3, _TYPES[family.kind])]
    parts += (_message(4, _metric(family, total)) for total in family.totals)
    if family.unit:
        parts.append(_text(5, family.unit))
    return b"".join(parts)


def _metric(family: Family, total: Total) -> bytes:
    """Write a ``Metric``: its labels and its value."""
    labels, value = _labels(total.series.attributes), total.value
    if isinstance(value, Sketch):
        exemplars = newest_by_bound(family.bounds, total.exemplars)
        return labels + _message(7, _histogram(family, value, exemplars))
    if isinstance(value, GaugePoint):
        return labels + _message(2, _double(1, value.last))
    counter = _double(1, value)
    newest = max(total.exemplars, key=lambda it: it.at_ns, default=None)
    return labels + _message(3, counter + (b"" if newest is None else _exemplar(2, newest)))


def _histogram(family: Family, sketch: Sketch, exemplars: Mapping[int, Exemplar]) -> bytes:
    """Write a ``Histogram``."""
    counts = [*family.bounds.counts(sketch), sketch.count]
    parts = [_int(1, sketch.count), _double(2, sketch.sum)]
    for place, (bound, count) in enumerate(zip((*family.bounds.values, inf), counts, strict=True)):
        exemplar = _exemplar(3, exemplars[place]) if place in exemplars else b""
        parts.append(_message(3, _int(1, count) + _double(2, bound) + exemplar))
    parts += (_signed(5, _SCHEMA), _double(6, ZERO), _int(7, sketch.zeros))
    parts += (_buckets(9, 10, sketch.negative), _buckets(12, 13, sketch.positive))
    return b"".join(parts)


def _buckets(spans: int, deltas: int, side: Mapping[int, int]) -> bytes:
    """Write one side: spans of consecutive buckets, and how each count differs from the last.

    The offset of the first span is the index of its first bucket, that of another one the number of
    empty buckets before it.
    """
    if not side:
        return b""
    indices = sorted(side)
    breaks = [at for at, (a, b) in enumerate(pairwise(indices), 1) if b != a + 1]
    parts, before = [], 0
    for first, end in pairwise([0, *breaks, len(indices)]):
        span = _signed(1, indices[first] - before) + _int(2, end - first)
        parts.append(_message(spans, span))
        before = indices[end - 1] + 1
    counts = [0, *map(side.__getitem__, indices)]
    changes = [b - a for a, b in pairwise(counts)]
    zigzag = [change << 1 if change >= 0 else (-change << 1) - 1 for change in changes]
    parts.append(_message(deltas, to_varints(zigzag)))
    return b"".join(parts)


def _labels(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Write ``LabelPair`` messages."""
    return b"".join(_message(1, _text(1, name) + _text(2, value)) for name, value in pairs)


def _exemplar(field: int, exemplar: Exemplar) -> bytes:
    """Write an ``Exemplar`` with its ``Timestamp``."""
    seconds, nanoseconds = divmod(exemplar.at_ns, _NS)
    at = _message(3, _int(1, seconds) + _int(2, nanoseconds))
    return _message(field, _labels(exemplar.attributes) + _double(2, exemplar.value) + at)


def _delimited(data: bytes) -> bytes:
    return to_varint(len(data)) + data


def _message(field: int, data: bytes) -> bytes:
    return bytes((field << 3 | _LENGTH,)) + _delimited(data)


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _double(field: int, value: float) -> bytes:
    return bytes((field << 3 | _DOUBLE,)) + _PACKED.pack(as_double(value))


def _int(field: int, number: int) -> bytes:
    return bytes((field << 3 | _VARINT,)) + to_varint(number)


def _signed(field: int, number: int) -> bytes:
    return bytes((field << 3 | _VARINT,)) + to_signed(number)
