"""The errors of metrics.

    InvalidInput
    ├── InvalidMetric
    └── UnknownMetric
    UsageError
    └── MetricConflict
    Refused
    └── QueryError
        ├── QueryTooLarge
        └── QueryTooSlow
    StoreError
    └── SeriesUnavailable

What cannot be recorded raises nothing: it is dropped and counted.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput, Refused, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "InvalidMetric",
    "MetricConflict",
    "QueryError",
    "QueryTooLarge",
    "QueryTooSlow",
    "SeriesUnavailable",
    "UnknownMetric",
]


class InvalidMetric(InvalidInput):
    """A name, attribute, value, duration or expression of a metric that is not acceptable."""


class UnknownMetric(InvalidInput):
    """A query names a metric that nobody has recorded.

    Attributes:
        name: The name that was asked for.
        nearest: A known name that is much like it; None if there is none.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        """Name the metric and the nearest known one."""
        self.name = name
        self.nearest = next(iter(get_close_matches(name, list(known), n=1)), None)
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        super().__init__("metric", given=name, expected=f"a metric that was recorded{hint}")


class MetricConflict(UsageError):
    """A metric exists already with another kind or unit.

    Attributes:
        name: The metric.
    """

    def __init__(self, name: str, *, known: str, given: str) -> None:
        """Say what it is and what was asked for."""
        self.name = name
        super().__init__(f"metric {name!r} is {known}, and was asked for as {given}; rename one")


class QueryError(Refused):
    """A query that cannot be answered."""


class QueryTooLarge(QueryError):
    """A query has too many steps, or matches too many series."""


class QueryTooSlow(QueryError):
    """A query was not answered in time."""


class SeriesUnavailable(StoreError):
    """A store of time series could not be reached, or failed; the cause says why.

    Attributes:
        store: The store's name.
    """

    def __init__(self, store: str, reason: str) -> None:
        """Name the store and the reason."""
        self.store = store
        super().__init__(f"the time series in {store} are unavailable: {reason}")
