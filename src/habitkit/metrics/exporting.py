"""Giving exporters what was recorded since the last flush."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from habitkit import _logging
from habitkit.metrics.domain.totals import Total
from habitkit.metrics.port import Exports
from habitkit.workflow import Outside, is_coroutine_function

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.port import Exporter
    from habitkit.workflow import Steps

__all__ = ["Exporting"]

_log = _logging.logger("metrics")
_LONGEST_NS = 600 * 1_000_000_000
_MOST_WAITING = 600
_LONGEST_WAIT_SECONDS = 30.0


class _Waiting:
    """What waits for one exporter.

    In an async host a flush that is cancelled leaves its thread behind. What that sends, the next
    flush does not send again.
    """

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.exports: deque[Exports] = deque()
        self._sending = threading.Lock()

    def send(self, exports: Exports) -> object:
        """Send what waits first, unless that was done meanwhile.

        Raises:
            TimeoutError: If an earlier call does not end.
        """
        if not self._sending.acquire(timeout=_LONGEST_WAIT_SECONDS):
            msg = f"an earlier export of {self.exporter.name} does not end"
            raise TimeoutError(msg)
        try:
            if not self.exports or self.exports[0] is not exports:
                return None
            result = self.exporter.export(exports)
            if not inspect.isawaitable(result):
                self.sent(exports)
            return result
        finally:
            self._sending.release()

    def sent(self, exports: Exports) -> None:
        """Let it go."""
        if self.exports and self.exports[0] is exports:
            self.exports.popleft()


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
        self._waiting = [_Waiting(it) for it in self._exporters]

    def export(self) -> Steps[None]:
        """Give each exporter what it has not got yet; one that fails stops no other."""
        if not self._exporters:
            return
        start_ns, self._end_ns = self._end_ns, self._metrics.wall_ns()
        increases = self._increases()
        totals: Sequence[Total] | None = None
        for waiting in self._waiting:
            exporter = waiting.exporter
            if exporter.cumulative:
                waiting.exports.clear()
                totals = self._metrics.totals() if totals is None else totals
            given = totals if exporter.cumulative and totals is not None else increases
            waiting.exports.append(Exports(self._started_ns, start_ns, self._end_ns, given))
        for waiting in self._waiting:  # now that it waits for all: a flush may be cancelled here
            yield from self._send(waiting)

    def close(self) -> Steps[None]:
        """Close the exporters; one that fails stops no other."""
        for exporter in self._exporters:
            try:
                yield Outside(exporter.close, ())
            except Exception:  # noqa: BLE001 - as above
                self._failed(exporter)

    def _send(self, waiting: _Waiting) -> Steps[None]:
        """Export what waits, the oldest first, and drop what has waited for too long."""
        exporter, exports = waiting.exporter, waiting.exports
        awaited = is_coroutine_function(exporter.export)
        try:
            while exports:
                first = exports[0]
                yield Outside(exporter.export if awaited else waiting.send, (first,))
                waiting.sent(first)
        except Exception:  # noqa: BLE001 - one must not stop the others
            self._failed(exporter)
        finally:  # or the flush was cancelled here
            while exports and (
                self._end_ns - exports[0].end_ns > _LONGEST_NS or len(exports) > _MOST_WAITING
            ):
                exports.popleft()
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
