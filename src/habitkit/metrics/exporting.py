"""Giving exporters what was recorded since the last flush."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from habitkit import _logging
from habitkit.metrics.domain.totals import Total
from habitkit.metrics.port import Exports
from habitkit.workflow import Outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.port import Exporter
    from habitkit.workflow import Steps

__all__ = ["Exporting"]

_log = _logging.logger("metrics")
_LONGEST_NS = 600 * 1_000_000_000
_MOST_WAITING = 600


class Exporting:
    """The exporters of a process, and what waits for each of them.

    Args:
        metrics: Whose.
        exporters: The exporters.
    """

    def __init__(self, metrics: BaseMetrics, exporters: Sequence[Exporter]) -> None:
        """Begin with nothing to export."""
        self._metrics = metrics
        self._exporters = tuple(exporters)
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: the parent exports what it has recorded."""
        self._started_ns = self._end_ns = self._metrics.wall_ns()
        self._waiting: list[deque[Exports]] = [deque() for _ in self._exporters]

    def export(self) -> Steps[None]:
        """Give each exporter what it has not got yet; one that fails stops no other."""
        if not self._exporters:
            return
        start_ns, self._end_ns = self._end_ns, self._metrics.wall_ns()
        increases = self._increases()
        totals: Sequence[Total] | None = None
        for exporter, waiting in zip(self._exporters, self._waiting, strict=True):
            if exporter.cumulative:
                waiting.clear()
                totals = self._metrics.totals() if totals is None else totals
            given = totals if exporter.cumulative and totals is not None else increases
            waiting.append(Exports(self._started_ns, start_ns, self._end_ns, given))
            yield from self._send(exporter, waiting)

    def close(self) -> Steps[None]:
        """Close the exporters; one that fails stops no other."""
        for exporter in self._exporters:
            try:
                yield Outside(exporter.close, ())
            except Exception:  # noqa: BLE001 - as above
                self._failed(exporter)

    def _send(self, exporter: Exporter, waiting: deque[Exports]) -> Steps[None]:
        """Export what waits, the oldest first, and drop what has waited for too long."""
        try:
            while waiting:
                yield Outside(exporter.export, (waiting[0],))
                waiting.popleft()
        except Exception:  # noqa: BLE001 - one must not stop the others
            self._failed(exporter)
        while waiting and (
            self._end_ns - waiting[0].start_ns > _LONGEST_NS or len(waiting) > _MOST_WAITING
        ):
            waiting.popleft()
            self._metrics.drop_exports(exporter.name)

    def _increases(self) -> list[Total]:
        """Take what was recorded since the last time."""
        found = []
        for instrument in self._metrics.instruments():
            for record in instrument.records():
                value: Any = record.take_unexported()
                if value and getattr(value, "count", 1):
                    found.append(Total(record.series, instrument.description, value))
        return found

    def _failed(self, exporter: Exporter) -> None:
        """Log that an exporter failed; it is called where that is handled."""
        name = exporter.name
        _logging.warn(
            _log,
            "metrics.not_exported",
            "an exporter of metrics failed",
            key=name,
            exc_info=True,
            exporter=name,
        )
