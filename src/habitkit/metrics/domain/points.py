"""The values of points as bytes, one format for each kind of series, and how they are merged.

The point of a counter is an *increase*, that of a distribution a ``Sketch``, that of a gauge a
``GaugePoint``. Whole amounts stay ints.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from attrs import frozen

from habitkit.metrics.domain.encoding import Reader, plus, to_number, to_signed, to_varint
from habitkit.metrics.domain.series import Across, Kind
from habitkit.metrics.domain.sketch import Sketch

__all__ = [
    "GaugePoint",
    "combined",
    "decode_gauge",
    "decode_increase",
    "encode_gauge",
    "encode_increase",
    "merge",
    "newest",
    "process_of",
    "writer_of",
]

_VERSION = 1
_PROCESS_BITS = 43
_PROCESSES = (1 << _PROCESS_BITS) - 1
_BATCHES = (1 << 20) - 1


@frozen
class GaugePoint:
    """What a gauge was in a slot.

    Attributes:
        last: The last value.
        last_ns: The instant of the last value: nanoseconds since 1970.
        minimum: The smallest value.
        maximum: The largest value.
        sum: The sum of all values, for their mean.
        count: How many values.
    """

    last: float
    last_ns: int
    minimum: float
    maximum: float
    sum: float
    count: int


def encode_increase(value: float) -> bytes:
    """Return the point of a counter as bytes."""
    return bytes((_VERSION,)) + to_number(value)


def decode_increase(data: bytes) -> float:
    """Return by how much a counter has increased: an int, if an int was encoded.

    Raises:
        ValueError: If the bytes are damaged, or of a later version.
    """
    reader = Reader(data, _VERSION, "increase")
    value = reader.number()
    reader.end()
    return value


def encode_gauge(point: GaugePoint) -> bytes:
    """Return the point of a gauge as bytes."""
    numbers = map(to_number, (point.last, point.minimum, point.maximum, point.sum))
    return b"".join(
        (bytes((_VERSION,)), *numbers, to_signed(point.last_ns), to_varint(point.count))
    )


def decode_gauge(data: bytes) -> GaugePoint:
    """Return the point of a gauge.

    Raises:
        ValueError: If the bytes are damaged, or of a later version.
    """
    reader = Reader(data, _VERSION, "gauge")
    last, minimum, maximum, total = (reader.number() for _ in range(4))
    point = GaugePoint(last, reader.signed(), minimum, maximum, total, reader.varint())
    reader.end()
    return point


def writer_of(process: int, batch: int) -> int:
    """Return the writer id for a batch of late points of a process; for batch 0 its usual one.

    A write replaces, so each batch needs an id of its own. After a million they are used again.

    Args:
        process: A random number.
        batch: The number of the batch.
    """
    number = (process & _PROCESSES) or 1
    return number | (batch % _BATCHES + 1 if batch else 0) << _PROCESS_BITS


def process_of(writer: int) -> int:
    """Return the same number for all writer ids of one process."""
    return writer & _PROCESSES


def newest(points: Sequence[GaugePoint]) -> GaugePoint:
    """Return the point with the newest last value; of two at one instant the larger value."""
    return max(points, key=lambda point: (point.last_ns, point.last))


def combined(across: Across, points: Sequence[GaugePoint]) -> float:
    """Combine the last values of a gauge: one point of each writer, at least one in all."""
    values = [point.last for point in points]
    match across:
        case "last":
            return newest(points).last
        case "sum":
            return reduce(plus, values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "mean":
            return reduce(plus, values) / len(values)


def merge(kind: Kind, across: Across, points: Sequence[tuple[int, bytes]]) -> bytes:
    """Merge points of one series, of several slots and writers, into one.

    Increases are summed, and sketches are merged. Of a gauge, minimum, maximum, sum and count are
    those of all values; the last value combines, by ``across``, the newest one of each writer. The
    order of the points does not matter, but for the rounding of sums of floats.

    Args:
        kind: What the series is.
        across: How the values of several writers of a gauge are combined.
        points: Pairs of writer and encoded point; at least one.

    Raises:
        ValueError: If there is no point, or one is damaged.
    """
    if not points:
        msg = "points: expected at least one to merge, got none"
        raise ValueError(msg)
    match kind:
        case "counter":
            return encode_increase(reduce(plus, (decode_increase(data) for _, data in points)))
        case "distribution":
            sketch = Sketch()
            for _, data in points:
                sketch.merge(Sketch.decode(data))
            return sketch.encode()
        case "gauge":
            return encode_gauge(_merged_gauge(across, points))


def _merged_gauge(across: Across, points: Sequence[tuple[int, bytes]]) -> GaugePoint:
    by_writer: dict[int, list[GaugePoint]] = {}
    for writer, data in points:
        by_writer.setdefault(process_of(writer), []).append(decode_gauge(data))
    values = [point for of_one in by_writer.values() for point in of_one]
    last = [newest(of_one) for of_one in by_writer.values()]
    return GaugePoint(
        combined(across, last),
        max(point.last_ns for point in last),
        min(point.minimum for point in values),
        max(point.maximum for point in values),
        reduce(plus, (point.sum for point in values)),
        sum(point.count for point in values),
    )
