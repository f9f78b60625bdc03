"""Metrics for Amazon CloudWatch: lines in the Embedded Metric Format, written at each flush.

Needs no other package. AWS Lambda, ECS and the CloudWatch agent take such lines from the standard
output or a log file, and CloudWatch makes metrics of them.

Attributes are dimensions. A counter writes its increase, a gauge its last value, a distribution the
values that stand for the buckets of its sketch, with their counts, so that percentiles are off by
about 1 %. Units that CloudWatch does not know become part of the name.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit.contrib._exported import bounded, name_with_unit, values_of
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.names import attribute_texts
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from habitkit.metrics.domain.series import Labels, Series
    from habitkit.metrics.domain.totals import Total
    from habitkit.metrics.port import Exports

__all__ = ["EmfExporter"]

_MOST_METRICS = 100
_MOST_VALUES = 100
_MOST_DIMENSIONS = 30
_MOST_BYTES = 256 * 1024 - 26  # CloudWatch Logs adds 26 bytes to each event
_LONGEST_VALUE = 1024
_LARGEST = 2.0**360  # of a value that CloudWatch accepts, and its inverse is the smallest
_NAMESPACE = re.compile(r"(?!AWS/|:)[0-9A-Za-z._/#: -]{1,255}")
_EMPTY = "(empty)"
_NS_OF_MS = 1_000_000

_SIZES = ("", "kilo", "mega", "giga", "tera")
_UNITS = {
    "": "None",
    **{it: it.capitalize() for it in ("seconds", "milliseconds", "microseconds", "percent")},
    **{f"{size}bytes": f"{size}bytes".capitalize() for size in _SIZES},
    **{f"{size}bits": f"{size}bits".capitalize() for size in _SIZES},
}


@frozen
class _Metric:
    """A metric of a document: its name, its unit, and a number or values with their counts."""

    name: str
    unit: str
    target: Any


class EmfExporter:
    """Writes metrics as lines of JSON to a stream.

    A line is one document, which has 100 metrics of the same dimensions, 100 values of each, and
    256 KiB at most; there are as many lines as that takes. If writing fails, all lines are written
    again with the next flush.

    Dimensions are printable ASCII: other characters of attributes are escaped as in Python, an
    empty attribute is ``(empty)``, an attribute named like its metric is ``attribute.NAME``, and
    those after the thirtieth are left out.

    Args:
        stream: Where to write; by default what ``sys.stdout`` is at a flush. It is not closed.
        namespace: The namespace of the metrics in CloudWatch, such as ``MyApp``.
        dimensions: Dimensions of all metrics, such as ``{"service": "web"}``; an attribute of the
            same name is used instead.

    Raises:
        InvalidInput: If an argument is not acceptable.

    Example:
        >>> from habitkit.contrib.cloudwatch import EmfExporter
        >>> from habitkit.metrics import Metrics
        >>> instant = 1_800_000_000 * 10**9
        >>> exporter = EmfExporter(namespace="MyApp")
        >>> metrics = Metrics(exporters=[exporter], wall_ns=lambda: instant)
        >>> metrics.counter("check_ins").add(3, {"zone": "eu"})
        >>> metrics.flush()  # doctest: +ELLIPSIS
        {"_aws":{"Timestamp":1800000000000,"CloudWatchMetrics":[{"Namespace":"MyApp",\
"Dimensions":[["zone"]],"Metrics":[{"Name":"check_ins","Unit":"Count"}]}]},\
"zone":"eu","check_ins":3}
        ...
    """

    name = "cloudwatch"
    cumulative = False

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        namespace: str,
        dimensions: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what is given."""
        self._stream = stream
        self._namespace = _checked_namespace(namespace)
        self._dimensions = attribute_texts(dimensions or {})

    def export(self, exports: Exports) -> None:
        """Write what was recorded."""
        lines = [f"{document}\n" for document in self._documents(exports)]
        if lines:
            stream = sys.stdout if self._stream is None else self._stream
            stream.write("".join(lines))
            stream.flush()

    def close(self) -> None:
        """Do nothing: the stream is the host's."""

    def _documents(self, exports: Exports) -> Iterator[str]:
        """Yield documents of metrics that have the same dimensions, none of them twice."""
        seen: Counter[tuple[Labels, str]] = Counter()
        groups: dict[tuple[Labels, int], list[_Metric]] = {}
        for total in exports.series:
            for metric in _metrics(total):
                dimensions = self._dimensions_of(total.series, metric.name)
                place = dimensions, seen[dimensions, metric.name]
                seen[dimensions, metric.name] += 1
                groups.setdefault(place, []).append(metric)
        for (dimensions, _), metrics in groups.items():
            yield from self._split(dimensions, metrics, exports.end_ns // _NS_OF_MS)

    def _dimensions_of(self, series: Series, name: str) -> Labels:
        """Return the dimensions of a series. Their names and the metric's are in one object."""
        pairs = {**dict(self._dimensions), **dict(series.attributes)}
        kept = list(pairs.items())[:_MOST_DIMENSIONS]
        return tuple(
            (f"attribute.{key}" if key == name else key, _dimension(value)) for key, value in kept
        )

    def _split(self, dimensions: Labels, metrics: Iterable[_Metric], ms: int) -> Iterator[str]:
        """Yield documents, each as long as it may be."""
        empty = len(self._document(dimensions, (), ms)) - 1  # the first one needs one comma less
        size = empty
        some: list[_Metric] = []
        for metric in metrics:
            more = len(_json(_defined(metric))) + len(_json({metric.name: metric.target}))
            if some and (len(some) == _MOST_METRICS or size + more > _MOST_BYTES):
                yield self._document(dimensions, some, ms)
                size, some = empty, []
            some.append(metric)
            size += more
        if some:
            yield self._document(dimensions, some, ms)

    def _document(self, dimensions: Labels, metrics: Sequence[_Metric], ms: int) -> str:
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [[key for key, _ in dimensions]],
            "Metrics": [_defined(metric) for metric in metrics],
        }
        members = dict(dimensions) | {metric.name: metric.target for metric in metrics}
        return _json({"_aws": {"Timestamp": ms, "CloudWatchMetrics": [directive]}, **members})


def _checked_namespace(given: object) -> str:
    """Return a valid namespace.

    Raises:
        InvalidInput: If it is not one.
    """
    if isinstance(given, str) and _NAMESPACE.fullmatch(given) and given.strip():
        return given
    expected = "1 to 255 ASCII letters, digits, spaces and ._-/#: that do not begin with AWS/ or :"
    raise InvalidInput("namespace", given=given, expected=expected)


def _metrics(total: Total) -> Iterator[_Metric]:
    """Yield what stands for a series: several of one name, if a distribution has many buckets."""
    series, value = total.series, total.value
    unit = _UNITS.get(series.unit)
    name = series.metric if unit else name_with_unit(series.metric, series.unit)
    if isinstance(value, Sketch):
        for target in _targets(value):
            yield _Metric(name, unit or "None", target)
    elif isinstance(value, GaugePoint):
        yield _Metric(name, unit or "None", _number(value.last))
    else:
        is_count = series.unit == "" or unit is None
        yield _Metric(name, "Count" if is_count else str(unit), _number(value))


def _targets(sketch: Sketch) -> Iterator[Mapping[str, Any]]:
    """Yield the values of a distribution, 100 at a time.

    CloudWatch adds up counts and sums, so the first part has the whole sum.
    """
    found = values_of(sketch)
    rest = _number(sketch.sum)
    for start in range(0, len(found), _MOST_VALUES):
        part = found[start : start + _MOST_VALUES]
        is_last = start + len(part) == len(found)
        values = [_number(value) for value, _ in part]
        yield {
            "Values": values,
            "Counts": [count for _, count in part],
            "Min": _number(sketch.minimum or 0) if start == 0 else values[0],
            "Max": _number(sketch.maximum or 0) if is_last else values[-1],
            "Count": sum(count for _, count in part),
            "Sum": rest,
        }
        rest = 0


def _number(value: float) -> float:
    """Return a number that CloudWatch accepts."""
    return 0 if abs(value) < 1 / _LARGEST else bounded(value, _LARGEST)


def _dimension(value: str) -> str:
    """Return a value of a dimension: printable ASCII, and not blank."""
    text = value.encode("unicode_escape").decode("ascii")
    if not text.strip():
        return _EMPTY
    return (f"\\{text}" if text.startswith(":") else text)[:_LONGEST_VALUE]


def _defined(metric: _Metric) -> Mapping[str, str]:
    return {"Name": metric.name, "Unit": metric.unit}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
