"""The options of metrics, and what they report of attributes with too many values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict

from attrs import frozen

from habitkit.errors import ConfigurationError

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


def expect_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that do not exist, and exporters that are none.

    Raises:
        TypeError: If there is no option of a name.
        ConfigurationError: If an exporter is not what is expected.
    """
    known = MetricsOptions.__annotations__.keys()
    unknown = sorted(options.keys() - known)
    if unknown:
        expected = ", ".join(sorted(known))
        msg = f"{name}() has no option {unknown[0]!r}; expected one of {expected}"
        raise TypeError(msg)
    exporters = options.get("exporters", ())
    if isinstance(exporters, str) or not isinstance(exporters, Iterable):
        msg = f"exporters: expected a list such as [EmfExporter()], got {exporters!r}"
        raise ConfigurationError(msg)
    for exporter in exporters:
        has_names = hasattr(exporter, "name") and hasattr(exporter, "cumulative")
        calls = (getattr(exporter, call, None) for call in ("export", "close"))
        if isinstance(exporter, type) or not has_names or not all(map(callable, calls)):
            msg = f"exporters: expected exporters such as EmfExporter(), got {exporter!r}"
            raise ConfigurationError(msg)


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
