"""The options of metrics, and what they report of attributes with too many values."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from habitkit.metrics.port import Exporter

__all__ = ["FoldedAttribute", "MetricsOptions", "expect_options"]


class MetricsOptions(TypedDict, total=False):
    """The options of metrics; what is left out has its default.

    Attributes:
        strict: Raise where something cannot be recorded, instead of dropping it; for tests.
        max_series: How many series a metric may have in this process.
        max_values: How many values an attribute of a metric may have.
        ticks: A monotonic clock, in nanoseconds.
        wall_ns: The wall clock, in nanoseconds since 1970.
        exporters: Send what was recorded elsewhere at each flush.
    """

    strict: bool
    max_series: int
    max_values: int
    ticks: Callable[[], int]
    wall_ns: Callable[[], int]
    exporters: Sequence[Exporter]


def expect_options(name: str, options: Mapping[str, object]) -> None:
    """Refuse options that do not exist.

    Raises:
        TypeError: If there is one.
    """
    known = MetricsOptions.__annotations__.keys()
    unknown = sorted(options.keys() - known)
    if unknown:
        expected = ", ".join(sorted(known))
        msg = f"{name}() has no option {unknown[0]!r}; expected one of {expected}"
        raise TypeError(msg)


@frozen
class FoldedAttribute:
    """An attribute that had too many values, or was part of too many combinations.

    Attributes:
        metric: The metric.
        attribute: The attribute.
        count: How many recordings had it replaced by ``(other)`` in this process.
        since: When the metric's first one was.
        examples: The first five values that were replaced.
    """

    metric: str
    attribute: str
    count: int
    since: datetime
    examples: tuple[str, ...]
