"""The steps of metrics that do I/O: flushing, maintenance, queries, closing; sync and async."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit import ids
from habitkit.clock import instant, stopwatch
from habitkit.metrics.domain.durations import seconds
from habitkit.metrics.domain.tiers import slot_of
from habitkit.metrics.errors import SeriesUnavailable
from habitkit.metrics.maintaining import maintain
from habitkit.metrics.port import Point
from habitkit.workflow import Outside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Literal

    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.series import Series
    from habitkit.metrics.domain.vectors import Matrix, Vector
    from habitkit.metrics.recording import SeriesRecord
    from habitkit.workflow import Steps

__all__ = ["MetricsSteps"]

_NS = 1_000_000_000
_HOUR = 3600
_AT_ONCE = 5_000
_MOST_LATE = 60
_WAIT_SECONDS = 0.01
_LONGEST_WAIT_SECONDS = 30.0


@frozen
class _Written:
    """What a batch says of one series: the slots and their versions."""

    record: SeriesRecord
    versions: Sequence[tuple[int, int]]


class MetricsSteps:
    """Workflows on the store of a ``Metrics``; one process is one writer.

    Args:
        metrics: Whose.
    """

    def __init__(self, metrics: BaseMetrics) -> None:
        """Begin with nothing to write."""
        self._metrics = metrics
        self.after_fork()

    def after_fork(self) -> None:
        """Become another writer, with nothing to write."""
        self.writer = ids.random_number()
        self._busy = threading.Lock()
        self._late: list[list[Point]] = []
        self.began_at = self._metrics.now()
        self.flushed_at: int | None = None
        self.last_error: str | None = None

    def flush(self) -> Steps[None]:
        """Write what this process has recorded; flushes of one process follow one another.

        Raises:
            SeriesUnavailable: If the store cannot be reached; nothing recorded is lost.
        """
        elapsed = stopwatch()
        while not self._busy.acquire(blocking=False):
            if elapsed() > _LONGEST_WAIT_SECONDS:
                raise SeriesUnavailable(self._metrics.series.name, "an earlier flush does not end")
            yield Outside(time.sleep, (_WAIT_SECONDS,))
        try:
            yield from self._flush()
        except Exception as error:
            self.last_error = str(error)
            raise
        finally:
            self._busy.release()

    def _flush(self) -> Steps[None]:
        metrics = self._metrics
        began = metrics.ticks()
        now = metrics.now()
        points: list[Point] = []
        series: list[Series] = []
        written: list[_Written] = []
        late: list[Point] = []
        step = metrics.series.tiers[0].step_seconds
        late_writer = ids.random_number()
        for instrument in metrics.instruments():
            instrument.observe()
            for record in instrument.records():
                id_ = record.series.id
                unwritten = record.unwritten(now)
                points += [Point(id_, step, slot, self.writer, it) for slot, _, it in unwritten]
                older = record.take_older()
                late += [Point(id_, step, slot, late_writer, it) for slot, it in older]
                if not record.registered_at or (
                    (unwritten or older) and now - record.registered_at >= _HOUR
                ):
                    series.append(record.series)
                written.append(
                    _Written(record, [(slot, version) for slot, version, _ in unwritten])
                )
        if late:
            self._late.append(late)
            del self._late[:-_MOST_LATE]
        refused = yield from self._write(points, series, now)
        while self._late:
            refused |= yield from self._write(self._late[0], (), now)
            del self._late[0]
        registered = {it.id for it in series}
        for it in written:
            it.record.written(it.versions, now)
            if it.record.series.id in registered:
                it.record.registered_at = now
            if it.record.series.id in refused:
                metrics.drop_refused(it.record.series)
        self.flushed_at, self.last_error = now, None
        taken = (metrics.ticks() - began) / _NS
        metrics.built_in("habitkit_flush_duration").record(taken)
        if not metrics.series.shared:
            yield from maintain(metrics.series, now, 1_000)
        yield from metrics.exporting.export()

    def _write(
        self, points: Sequence[Point], series: Sequence[Series], now: int
    ) -> Steps[set[int]]:
        """Write points, and register series, in batches; return the ids that were refused."""
        refused: set[int] = set()
        store = self._metrics.series
        for start in range(0, max(len(points), 1), _AT_ONCE):
            batch = points[start : start + _AT_ONCE]
            new = series if start == 0 else ()
            if batch or new:
                refused.update((yield Outside(store.write, (batch, new, now))))
        return refused

    def query(self, expression: Expression | str, at: datetime | None = None) -> Steps[Vector]:
        """Evaluate an expression at an instant."""
        (found,) = yield from self.query_all([expression], self._second(at), unknown="error")
        if isinstance(found, Exception):
            raise found
        return found

    def query_all(
        self,
        expressions: Sequence[Expression | str],
        at: int,
        *,
        unknown: Literal["error", "empty"] = "empty",
    ) -> Steps[Sequence[Vector | Exception]]:
        """Evaluate expressions at one instant; what fails is returned in its place."""
        from habitkit.metrics import queries  # noqa: PLC0415 - who only records does not query

        yield from self._see_own()
        metrics = self._metrics
        return (
            yield from queries.query_all(
                metrics.series, expressions, at, metrics.now(), elapsed=stopwatch(), unknown=unknown
            )
        )

    def query_range(
        self, expression: Expression | str, start: datetime, end: datetime, step: str | int
    ) -> Steps[Matrix]:
        """Evaluate an expression at several instants."""
        from habitkit.metrics import queries  # noqa: PLC0415 - as above

        yield from self._see_own()
        first, last = self._second(start, "start"), self._second(end, "end")
        metrics = self._metrics
        return (
            yield from queries.query_range(
                metrics.series,
                expression,
                first,
                last,
                seconds(step),
                metrics.now(),
                elapsed=stopwatch(),
            )
        )

    def close(self) -> Steps[None]:
        """Flush, and close the store if it was made here."""
        try:
            yield from self.flush()
        finally:
            yield from self._metrics.exporting.close()
            if self._metrics.owns_series:
                yield Outside(self._metrics.series.close, ())

    def _see_own(self) -> Steps[None]:
        """Flush if nobody but this process would: what it has recorded can be queried at once."""
        if not self._metrics.series.shared:
            yield from self.flush()

    def _second(self, at: datetime | None, name: str = "at") -> int:
        """Return an instant in seconds since 1970; by default the end of the last whole slot."""
        if at is None:
            return slot_of(self._metrics.now(), self._metrics.series.tiers[0].step_seconds)
        return int(instant(at, name).timestamp())
