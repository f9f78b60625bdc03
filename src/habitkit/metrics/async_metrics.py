"""The metrics of async hosts: ``AsyncMetrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.metrics.base import BaseMetrics
from habitkit.workflow import drive_async

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.vectors import Matrix, Vector
    from habitkit.metrics.flushing import AsyncFlushing
    from habitkit.workflow import Steps

__all__ = ["AsyncMetrics"]


class AsyncMetrics(BaseMetrics):
    """The same as ``Metrics``; what does I/O is awaited, and recording is not.

    A plain ``SeriesStore`` runs in threads.

    Args:
        series: Where time series are kept: ``AsyncSqlSeries(store)``, or ``MemorySeries()``, the
            default.
        options: As for ``Metrics``.
    """

    _asynchronous = True

    async def flush(self) -> None:
        """Write what was recorded to the store; errors as for ``Metrics.flush``."""
        await self._drive(self.steps.flush())

    async def query(self, expression: Expression | str, at: datetime | None = None) -> Vector:
        """Evaluate an expression at an instant; see ``Metrics.query``."""
        return await self._drive(self.steps.query(expression, at))  # type: ignore[no-any-return]

    async def query_range(
        self,
        expression: Expression | str,
        start: datetime,
        end: datetime,
        step: str | int = "1m",
    ) -> Matrix:
        """Evaluate an expression at several instants; see ``Metrics.query_range``."""
        return await self._drive(self.steps.query_range(expression, start, end, step))  # type: ignore[no-any-return]

    def flushing(self, every_seconds: float = 10, *, alerts: bool = False) -> AsyncFlushing:
        """Return a context in which a task flushes; see ``Metrics.flushing``."""
        from habitkit.metrics.flushing import AsyncFlushing  # noqa: PLC0415 - only if it is used

        return AsyncFlushing(self, every_seconds, alerts=alerts)

    async def close(self) -> None:
        """Flush, and close the store if it was made here. Closing twice is fine."""
        if not self.closed:
            self.closed = True
            try:
                await self._drive(self.steps.close())
            except BaseException as error:
                self.closed = isinstance(error, Exception)  # cancelled, it can be closed again
                raise

    async def __aenter__(self) -> Self:
        """Close at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def _drive(self, steps: Steps[Any]) -> Any:
        """Take steps of which none is a transaction."""
        return await drive_async(steps)
