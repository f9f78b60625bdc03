"""The input series of promtool's unit tests, as points of a store of time series.

A sample at an instant says what was so until then, so its point is in the slot that ends there:
that of a counter is the increase since the sample before, that of a gauge the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.metrics.domain.points import GaugePoint, encode_gauge, encode_increase
from habitkit.metrics.domain.promql_syntax import parsed, type_of
from habitkit.metrics.port import Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from habitkit.metrics.domain.series import Series

__all__ = ["MOST_SAMPLES", "InputSeries", "labels_of_text", "values_of"]

MOST_SAMPLES = 100_000
"""How many samples a series has at most."""

_HELD_SECONDS = 60
_NS = 1_000_000_000
_EXACT = 2**53
_NUMBER = r"[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]{1,3})?|\.[0-9]+(?:e[-+]?[0-9]{1,3})?"
_ITEM = re.compile(
    rf"_(?:x(?P<missing>[0-9]{{1,6}}))?|stale|(?P<first>[-+]?(?:{_NUMBER}))"
    rf"(?:(?P<step>[-+](?:{_NUMBER}))?x(?P<times>[0-9]{{1,6}}))?",
    re.ASCII | re.IGNORECASE,
)
_EXPECTED = "values such as 1 2 _ 0+10x5 7x3 _x2 stale"


def values_of(text: str) -> list[float | None]:
    """Return the samples of a series in promtool's notation; None where there is none.

    Raises:
        ValueError: If it is something else; the argument says what is expected.
    """
    found: list[float | None] = []
    for item in text.split():
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(_EXPECTED)
        if match["first"] is None:
            found += [None] * int(match["missing"] or 1)
        else:
            first, step = _number(match["first"]), _number(match["step"] or "0")
            found += [first + step * n for n in range(int(match["times"] or 0) + 1)]
        if len(found) > MOST_SAMPLES or any(abs(it or 0) > 2.0**1000 for it in found[-1:]):
            msg = f"at most {MOST_SAMPLES} samples that are finite numbers"
            raise ValueError(msg)
    return found


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def labels_of_text(text: str) -> tuple[str, Mapping[str, str]]:
    """Return the name and the labels of a series such as ``up{job="web"}``.

    Raises:
        ValueError: If it is something else.
    """
    if text in {"", "{}"}:
        return "", {}
    node = parsed(text)
    pairs = [] if type_of(node) != "VectorSelector" else node.matchers.matchers
    is_plain = type_of(node) == "VectorSelector" and node.offset is None and node.at is None
    if not is_plain or not all(str(it.op).endswith(".Equal") for it in pairs):
        msg = 'a series such as up{job="web"}'
        raise ValueError(msg)
    return node.name or "", {it.name: it.value for it in pairs}


@frozen
class InputSeries:
    """A series and its samples.

    Attributes:
        series: The series.
        writer: Which process it is of.
        values: Its samples.
    """

    series: Series
    writer: int
    values: list[float | None]

    def points(self, interval: int, step: int) -> Iterator[tuple[int, Point]]:
        """Return its points, each with the instant from which it is known.

        Args:
            interval: The seconds between two samples.
            step: The length of a slot.
        """
        last: float | None = None
        for place, value in enumerate(self.values):
            at = place * interval
            if value is None:
                continue
            if self.series.kind == "counter":
                increase = 0 if last is None else value - last if value >= last else value
                last = value
                yield at, self._point(at, step, encode_increase(increase))
                continue
            for held in range(0, interval, _HELD_SECONDS):  # as a process goes on to write it
                ns = (at + held) * _NS - 1
                data = encode_gauge(GaugePoint(value, ns, value, value, value, 1))
                yield at + held, self._point(at + held, step, data)

    def _point(self, at: int, step: int, data: bytes) -> Point:
        return Point(self.series.id, step, at - step, self.writer, data)
