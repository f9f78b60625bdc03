"""The metrics of sync hosts: ``Metrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.metrics.base import BaseMetrics
from habitkit.workflow import drive

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.vectors import Matrix, Vector
    from habitkit.metrics.flushing import Flushing
    from habitkit.workflow import Steps

__all__ = ["Metrics"]


class Metrics(BaseMetrics):
    """Records, stores and queries metrics.

    Recording does no I/O and never raises. A flush writes what was recorded to the store of time
    series, and queries read that. Nothing starts by itself: use ``flushing()``, the
    ``background()`` of a kit, or call ``flush()``.

    Args:
        series: Where time series are kept: ``SqlSeries(store)``, or ``MemorySeries()``, the
            default.
        options: ``strict``, ``max_series`` and others: see ``MetricsOptions``.

    Example:
        >>> from habitkit.metrics import Metrics
        >>> metrics = Metrics()
        >>> metrics.counter("check_ins").add(1, {"zone": "eu"})
        >>> with metrics.distribution("load", unit="seconds").time({"page": "home"}):
        ...     pass
        >>> metrics.flush()
    """

    _asynchronous = False

    def flush(self) -> None:
        """Write what was recorded to the store.

        Raises:
            SeriesUnavailable: If the store cannot be reached; what was recorded waits in the
                process, for 60 slots at most.
        """
        self._drive(self.steps.flush())

    def query(self, expression: Expression | str, at: datetime | None = None) -> Vector:
        """Evaluate an expression at an instant.

        Args:
            expression: Such as ``rate("check_ins", "5m")``.
            at: When; by default the end of the last complete slot.

        Raises:
            UnknownMetric: If it names a metric that nobody has recorded.
            QueryTooLarge: If it matches more than 10,000 series.
            QueryTooSlow: If it takes longer than 10 seconds.
            InvalidInput: If an argument is not acceptable.
            SeriesUnavailable: If the store cannot be reached.
        """
        return self._drive(self.steps.query(expression, at))  # type: ignore[no-any-return]

    def query_range(
        self,
        expression: Expression | str,
        start: datetime,
        end: datetime,
        step: str | int = "1m",
    ) -> Matrix:
        """Evaluate an expression at several instants: from ``start`` to ``end``, both included.

        Args:
            expression: As for ``query``.
            start: The first instant.
            end: Up to when.
            step: The time between two of them, such as ``"1m"``, or seconds.

        Raises:
            UnknownMetric: If it names a metric that nobody has recorded.
            QueryTooLarge: If there are more than 11,000 steps, or it matches more than 10,000
                series.
            QueryTooSlow: If it takes longer than 10 seconds.
            InvalidInput: If an argument is not acceptable.
            SeriesUnavailable: If the store cannot be reached.
        """
        return self._drive(self.steps.query_range(expression, start, end, step))  # type: ignore[no-any-return]

    def flushing(self, every_seconds: float = 10, *, alerts: bool = False) -> Flushing:
        """Return a context in which a thread flushes at the end of each slot, and on leaving.

        Args:
            every_seconds: How often.
            alerts: Whether to evaluate the alerts of the kit too.

        Raises:
            InvalidInput: If the seconds are not a number above 0.
            UsageError: If there are alerts to be evaluated, but the metrics belong to no kit.
        """
        from habitkit.metrics.flushing import Flushing  # noqa: PLC0415 - only where it is used

        return Flushing(self, every_seconds, alerts=alerts)

    def close(self) -> None:
        """Flush, and close the store if it was made here. Closing twice is fine."""
        if not self.closed:
            self.closed = True
            try:
                self._drive(self.steps.close())
            except BaseException as error:
                self.closed = isinstance(error, Exception)  # interrupted, it can be closed again
                raise

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _drive(self, steps: Steps[Any]) -> Any:
        """Take steps of which none is a transaction."""
        return drive(steps)
