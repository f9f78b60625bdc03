"""What ``Metrics`` and ``AsyncMetrics`` share: everything but how they wait for I/O."""

from __future__ import annotations

import inspect
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from habitkit import _logging, clock
from habitkit._fork import call_after_fork
from habitkit.errors import ConfigurationError
from habitkit.metrics.builtin import BUILT_IN
from habitkit.metrics.domain.cardinality import Caps
from habitkit.metrics.domain.names import metric_name, text_of_unit
from habitkit.metrics.domain.totals import Total
from habitkit.metrics.errors import InvalidMetric, MetricConflict
from habitkit.metrics.exporting import Exporting
from habitkit.metrics.instruments import Counter, Distribution, Gauge, Instrument
from habitkit.metrics.options import FoldedAttribute, expect_options
from habitkit.metrics.recorder import Recorder
from habitkit.metrics.steps import MetricsSteps
from habitkit.plugins import memory_series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from habitkit.metrics.domain.series import Across, Labels, Series
    from habitkit.metrics.options import MetricsOptions
    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore


__all__ = ["BaseMetrics"]

I = TypeVar("I", bound=Instrument[Any])  # noqa: E741 - an instrument
_ACROSS = ("last", "sum", "min", "max", "mean")
_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = _logging.logger("metrics")


class BaseMetrics:
    """The instruments of a process and what was recorded with them."""

    _asynchronous: ClassVar[bool]

    def __init__(
        self,
        series: SeriesStore | AsyncSeriesStore | None = None,
        **options: Unpack[MetricsOptions],
    ) -> None:
        """Begin without instruments; nothing is read or written yet.

        Raises:
            ConfigurationError: If an argument is not what is expected.
            TypeError: If there is no option of a name.
        """
        expect_options(type(self).__name__, options)
        self._expect_series(series)
        self.owns_series = series is None
        self.series: Any = memory_series() if series is None else series
        self.strict = options.get("strict", False)
        self.ticks = options.get("ticks", clock.ticks)
        self.wall_ns = options.get("wall_ns", clock.wall_ns)
        self._max_series = options.get("max_series", 2000)
        self._max_values = options.get("max_values", 100)
        self.refresh_seconds = float(self.series.tiers[0].step_seconds)
        self.closed = False
        self.evaluate_alerts: Callable[[], Any] | None = None
        self.steps = MetricsSteps(self)
        exporters = tuple(options.get("exporters", ()))
        self._lock = threading.Lock()
        self._instruments: dict[str, Instrument[Any]] = {}
        shared = (self.series.tiers, self._now_ns, self._drop, self._fold)
        self._recorder = Recorder(*shared, strict=self.strict, exports=bool(exporters))
        self._lenient = Recorder(*shared, strict=False, exports=bool(exporters))
        self._dropped: Counter = self.built_in("habitkit_metrics_dropped")
        self._folded_since: dict[str, datetime] = {}
        self._folded: Counter = self.built_in("habitkit_metrics_folded")
        self.exporting = Exporting(self, exporters)
        call_after_fork(self)

    def counter(self, name: str, *, unit: str = "", description: str = "") -> Counter:
        """Return a counter: a number that only grows, such as check-ins.

        Args:
            name: Lower case letters, digits and ``_``, without unit and ``_total``.
            unit: Such as ``bytes``; exporters append it.
            description: A sentence about it, for exporters.

        Raises:
            InvalidMetric: If the name or unit is not acceptable.
            MetricConflict: If there is a metric of the name with another kind or unit.
        """
        return self._instrument(Counter, _own_name_free(name), unit, description)

    def gauge(
        self,
        name: str,
        *,
        unit: str = "",
        description: str = "",
        across: Across = "last",
        read: Callable[[], float] | None = None,
    ) -> Gauge:
        """Return a gauge: a number that goes up and down, such as a queue's length.

        Args:
            name: As for ``counter``.
            unit: As for ``counter``.
            description: As for ``counter``.
            across: How the values of several processes are combined: ``last``, ``sum``, ``min``,
                ``max`` or ``mean``.
            read: Returns the value; it is called at each flush and scrape.

        Raises:
            InvalidMetric: If the name, the unit or ``across`` is not acceptable.
            MetricConflict: If there is a metric of the name with another kind or unit, or another
                gauge with another ``across`` or ``read``.
        """
        if across not in _ACROSS:
            raise InvalidMetric("across", given=across, expected=f"one of {', '.join(_ACROSS)}")
        if read is not None and not callable(read):
            raise InvalidMetric("read", given=read, expected="a function that returns a number")
        found = self._instrument(
            Gauge, _own_name_free(name), unit, description, across=across, read=read
        )
        if found.across != across or (read is not None and found.read is not read):
            known, given = f"a gauge across={found.across!r}", f"one across={across!r}"
            if found.across == across:
                known, given = "a gauge with another read", "one with this read"
            raise MetricConflict(name, known=known, given=given)
        return found

    def distribution(self, name: str, *, unit: str = "", description: str = "") -> Distribution:
        """Return a distribution: values of which quantiles are of interest, such as durations.

        Args:
            name: As for ``counter``.
            unit: As for ``counter``; durations are in ``seconds``.
            description: As for ``counter``.

        Raises:
            InvalidMetric: If the name or unit is not acceptable.
            MetricConflict: If there is a metric of the name with another kind or unit.
        """
        name = _own_name_free(name)
        return self._instrument(Distribution, name, unit, description, ticks=self.ticks)

    def totals(self) -> Sequence[Total]:
        """Return what this process has recorded since its start, by name: a scrape."""
        found = []
        instruments = self.instruments()
        for instrument in instruments:  # what is dropped here is counted in this answer
            instrument.observe()
            for record in instrument.records():
                record.fold(wait=True)
        for instrument in instruments:
            for record in instrument.records():
                total = record.total()
                if total is not None:
                    description, exemplars = instrument.description, record.exemplars()
                    found.append(Total(record.series, description, total, exemplars))
        found.sort(key=lambda it: (it.series.metric, it.series.attributes))
        return found

    def dropped(self) -> Sequence[FoldedAttribute]:
        """Return which attributes had too many values, so that some became ``(other)``.

        What could not be recorded at all is counted by the metric ``habitkit_metrics_dropped``.
        """
        return [
            FoldedAttribute(
                instrument.name,
                it.attribute,
                it.count,
                self._since(instrument.name),
                it.examples,
            )
            for instrument in self.instruments()
            for it in instrument.caps.folded()
        ]

    def instruments(self) -> list[Instrument[Any]]:
        """Return all instruments, habitkit's own included."""
        with self._lock:
            return list(self._instruments.values())

    def built_in(self, name: str) -> Any:
        """Return an instrument of habitkit's own: see ``habitkit.metrics.builtin``."""
        it = BUILT_IN[name]
        more: dict[str, Any] = {}
        if it.kind == "distribution":
            more["ticks"] = self.ticks
        elif it.kind == "gauge":
            more["across"] = it.across
        return self._instrument(_KINDS[it.kind], name, it.unit, it.description, **more)

    def _fold(self, metric: str, labels: Labels, admitted: Labels) -> None:
        """Count the attributes of a recording that became ``(other)``."""
        self._since(metric)
        if metric == self._folded.name:
            return  # to count it would fold it once more, without end
        kept = set(admitted)
        for name, value in labels:
            if (name, value) not in kept:
                self._folded.add(1, {"metric": metric, "attribute": name})

    def _since(self, metric: str) -> datetime:
        """Return when attributes of a metric were folded first: now, if it is not known yet."""
        return self._folded_since.setdefault(metric, _EPOCH + timedelta(seconds=self.now()))

    def drop_exports(self, exporter: str) -> None:
        """Count what an exporter could not send for too long."""
        self._dropped.add(1, {"metric": exporter, "reason": "not_exported"})

    def drop_refused(self, series: Series) -> None:
        """Count a series whose points the store refused, as another series has its id."""
        error = InvalidMetric(series.metric, given=series.text, expected="another id of the series")
        self._count(series.metric, "id_taken", error)

    def drop_unstored(self, series: Series) -> None:
        """Count a point that waited for the store for too long."""
        expected = "a store that takes points while it keeps what is as old"
        error = InvalidMetric("slot", given=series.text, expected=expected)
        self._count(series.metric, "not_stored", error)

    def after_fork(self) -> None:
        """Begin anew in a forked process: the parent writes what it has recorded."""
        self._lock = threading.Lock()
        for instrument in self._instruments.values():
            instrument.after_fork()
        self.steps.after_fork()
        self.exporting.after_fork()
        self.series.after_fork()

    def now(self) -> int:
        """Return the wall clock in seconds since 1970."""
        return self._now_ns() // _NS

    def _now_ns(self) -> int:
        return self.wall_ns()

    def _instrument(self, kind: type[I], name: str, unit: str, description: str, **more: Any) -> I:
        """Return the instrument of a name, the same at each call."""
        name, unit = metric_name(name), text_of_unit(unit)
        with self._lock:
            found = self._instruments.get(name)
            if found is None:
                ours = name.startswith(_OURS)
                recorder = self._lenient if ours else self._recorder
                caps = Caps(self._max_series, self._max_values)
                found = kind(name, unit, description, recorder, caps, **more)
                self._instruments[name] = found
        if not isinstance(found, kind) or found.unit != unit:
            known, given = _kind_and_unit(type(found), found.unit), _kind_and_unit(kind, unit)
            raise MetricConflict(name, known=known, given=given)
        return found

    def _drop(self, metric: str, reason: str, error: InvalidMetric) -> None:
        """Count and log what is not recorded.

        Raises:
            InvalidMetric: Instead, if the metrics are strict and it is the host's metric.
        """
        if self.strict and reason != "not_stored" and not metric.startswith(_OURS):
            raise error  # but for what no call did wrong
        self._count(metric, reason, error)

    def _count(self, metric: str, reason: str, error: InvalidMetric) -> None:
        """Count and log what is lost; it may be too late to raise at the call."""
        self._dropped.add(1, {"metric": metric, "reason": reason})
        _logging.warn(
            _log,
            "metrics.dropped",
            "a value was not recorded",
            key=f"{metric}:{reason}",
            metric=metric,
            reason=reason,
            error=str(error),
        )

    def _expect_series(self, series: Any) -> None:
        """Refuse what is no store of time series for this mode."""
        if series is None:
            return
        calls = [getattr(series, name, None) for name in ("write", "series", "read", "roll")]
        is_async = any(inspect.iscoroutinefunction(call) for call in calls)
        if not all(map(callable, calls)) or (is_async and not self._asynchronous):
            example = "AsyncSqlSeries(store)" if self._asynchronous else "SqlSeries(store)"
            msg = f"series: expected a store of time series such as {example}, got {series!r}"
            raise ConfigurationError(msg)


_OURS = "habitkit_"
_KINDS: dict[str, type[Instrument[Any]]] = {
    "counter": Counter,
    "gauge": Gauge,
    "distribution": Distribution,
}


def _own_name_free(name: Any) -> Any:
    """Refuse a name that begins like habitkit's own."""
    if isinstance(name, str) and name.startswith(_OURS):
        expected = f"a name that does not begin with the reserved {_OURS!r}"
        raise InvalidMetric("name", given=name, expected=expected)
    return name


def _kind_and_unit(kind: type[Instrument[Any]], unit: str) -> str:
    return f"a {kind.__name__.lower()} with " + (f"unit {unit!r}" if unit else "no unit")
