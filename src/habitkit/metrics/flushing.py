"""Flushing metrics at the end of each slot, in a thread or in a task."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from habitkit import _logging
from habitkit._fork import call_after_fork
from habitkit.errors import UsageError
from habitkit.metrics.errors import InvalidMetric

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType
    from typing import Self

    from habitkit.metrics.async_metrics import AsyncMetrics
    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.metrics import Metrics

__all__ = ["AsyncFlushing", "Flushing"]

_log = _logging.logger("metrics")
_NS = 1_000_000_000


class _Interval:
    """The times at which metrics are flushed: multiples of an interval."""

    def __init__(self, metrics: BaseMetrics, every_seconds: Any, *, alerts: bool) -> None:
        is_number = isinstance(every_seconds, int | float) and not isinstance(every_seconds, bool)
        if not is_number or not 0 < every_seconds < float("inf"):
            expected = "seconds, a number above 0"
            raise InvalidMetric("every_seconds", given=every_seconds, expected=expected)
        if alerts and metrics.evaluate_alerts is None:
            msg = "alerts=True: expected the metrics of a kit with alerts; use kit.metrics.flushing"
            raise UsageError(msg)
        self._metrics = metrics
        self._every = every_seconds
        self.evaluate = metrics.evaluate_alerts if alerts else None

    def wait_seconds(self) -> float:
        """Return the time to the next flush."""
        now = self._metrics.wall_ns() / _NS
        return float(self._every - now % self._every)


class Flushing:
    """Flushes metrics in a thread, for as long as the ``with`` block lasts, and at its end.

    A forked process starts a thread of its own.
    """

    def __init__(self, metrics: Metrics, every_seconds: float, *, alerts: bool) -> None:
        """Keep the metrics; nothing starts yet."""
        self._interval = _Interval(metrics, every_seconds, alerts=alerts)
        self._metrics = metrics
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        call_after_fork(self)

    def __enter__(self) -> Self:
        """Start the thread.

        Raises:
            UsageError: If it runs already.
        """
        if self._thread is not None:
            msg = "this flushing runs already; ask for another one with metrics.flushing()"
            raise UsageError(msg)
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread, wait until it has ended, and flush."""
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None:
            thread.join()
        self._round()

    def after_fork(self) -> None:
        """Start the thread again if the parent had one."""
        if self._thread is not None:
            self._start()

    def _start(self) -> None:
        self._stop = stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(stop,), name="habitkit-metrics", daemon=True
        )
        self._thread.start()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval.wait_seconds()):
            self._round()

    def _round(self) -> None:
        try:
            self._metrics.flush()
        except Exception:  # noqa: BLE001 - what was recorded waits for the next round
            _warn_not_flushed()
        try:
            if self._interval.evaluate is not None:
                self._interval.evaluate()
        except Exception:  # noqa: BLE001 - the next round may succeed
            _warn_not_evaluated()


class AsyncFlushing:
    """Flushes metrics in a task, for as long as the ``async with`` block lasts, and at its end."""

    def __init__(self, metrics: AsyncMetrics, every_seconds: float, *, alerts: bool) -> None:
        """Keep the metrics; nothing starts yet."""
        self._interval = _Interval(metrics, every_seconds, alerts=alerts)
        self._metrics = metrics
        self._stop: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the task.

        Raises:
            UsageError: If it runs already.
        """
        import asyncio  # noqa: PLC0415 - a sync host never loads it

        if self._task is not None:
            msg = "this flushing runs already; ask for another one with metrics.flushing()"
            raise UsageError(msg)
        self._stop = stop = asyncio.Event()
        self._task = asyncio.create_task(self._run(stop), name="habitkit-metrics")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the task, wait until it has ended, and flush.

        It is not cancelled: what it is about to send would wait for the end of a lease.
        """
        import asyncio  # noqa: PLC0415

        task, self._task = self._task, None
        if self._stop is not None:
            self._stop.set()
        if task is not None:
            await asyncio.wait([task])  # the host may have cancelled it
        await self._round()

    async def _run(self, stop: asyncio.Event) -> None:
        import asyncio  # noqa: PLC0415

        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._interval.wait_seconds())
            if stop.is_set():
                return
            await self._round()

    async def _round(self) -> None:
        try:
            await self._metrics.flush()
        except Exception:  # noqa: BLE001 - as above
            _warn_not_flushed()
        try:
            if self._interval.evaluate is not None:
                await self._interval.evaluate()
        except Exception:  # noqa: BLE001 - as above
            _warn_not_evaluated()


def _warn_not_flushed() -> None:
    _logging.warn(_log, "metrics.not_flushed", "cannot flush the metrics", exc_info=True)


def _warn_not_evaluated() -> None:
    _logging.warn(_log, "alerts.not_evaluated", "cannot evaluate the alerts", exc_info=True)
