"""The metrics of a kit: given to it, or made when they are first used."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from habitkit import plugins
from habitkit._fork import call_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.clock import Clock
    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.observing import Observer
    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore

__all__ = ["KitMetrics"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KitMetrics:
    """The metrics of a kit.

    Args:
        name: The class: ``Metrics``, or ``AsyncMetrics`` for an async kit.
        given: What the host gave: an object, or True for one that is made here. The kit then
            records metrics of its own too.
        clock: The kit's clock, if it is not the machine's.
        store: The kit's store, in whose database time series are kept if it offers that.

    Attributes:
        made: The metrics; None until they are used.
        options: Those of metrics that are made here.
    """

    def __init__(
        self,
        name: str = "Metrics",
        given: object = None,
        clock: Clock | None = None,
        store: object = None,
    ) -> None:
        """Keep what was given.

        Raises:
            ConfigurationError: If it is no such object.
        """
        self._name = name
        self.options: dict[str, Any] = {} if clock is None else {"wall_ns": _wall_ns_of(clock)}
        self._store: Any = store
        self._lock = threading.Lock()
        self._evaluate_alerts: Callable[[], Any] | None = None
        self.made: BaseMetrics | None = None
        self._observer: Observer | None = None
        self._observes = given is not None and given is not False
        call_after_fork(self)
        if self._observes and given is not True:
            self._take(given)

    @property
    def observer(self) -> Observer | None:
        """Records the kit's own metrics; None if it records none."""
        if not self._observes:
            return None
        if self._observer is None:
            self.get()
        return self._observer

    def series(self) -> SeriesStore | AsyncSeriesStore | None:
        """Return the store of time series to maintain; other processes may write to it."""
        if self.made is not None:
            return self.made.series  # type: ignore[no-any-return]
        return plugins.series_of(self._store) if hasattr(self._store, "time_series") else None

    def get(self) -> Any:
        """Return the metrics, made now if they are not."""
        if self.made is None:
            with self._lock:
                if self.made is None:
                    self._take(self._make())
        return self.made

    def evaluate_by(self, evaluate: Callable[[], Any]) -> None:
        """Let ``metrics.flushing(alerts=True)`` evaluate the alerts of the kit."""
        self._evaluate_alerts = evaluate
        if self.made is not None:
            self.made.evaluate_alerts = evaluate

    def watch(self, resident: object) -> None:
        """Let the observer, if there is one, see what a limiter or a cache does."""
        if (observer := self.observer) is not None:
            observer.watch(resident)

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()

    def _make(self) -> object:
        from habitkit import metrics  # noqa: PLC0415 - only where it is used

        return getattr(metrics, self._name)(plugins.series_of(self._store), **self.options)

    def _take(self, metrics: Any) -> None:
        from habitkit.metrics.observing import Observer  # noqa: PLC0415 - only where it is used

        metrics.evaluate_alerts = self._evaluate_alerts
        if self._observes:
            self._observer = Observer(metrics)
        self.made = metrics  # last, as other threads take the observer once it is there


def _wall_ns_of(clock: Clock) -> Callable[[], int]:
    """Return the time of a kit's clock, in nanoseconds since 1970."""
    return lambda: (clock.now() - _EPOCH) // timedelta(microseconds=1) * 1000
