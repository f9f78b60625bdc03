"""The steps of metrics that do I/O: flushing, queries, closing; sync and async.

Theory of operation. A flush writes, then exports; of each, one is under way in a process
(``_busy``, ``_exporting``), so a query, which only writes, waits for no exporter. An async flush
that is cancelled may leave a thread that still writes: a write whose ``_turn`` is not the newest
does nothing. A write replaces what its writer wrote of a slot. Late values come on top, so each
batch of them has a writer id of its own, and keeps it until it is written.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from attrs import Factory, frozen

from habitkit import ids
from habitkit.clock import instant, stopwatch
from habitkit.metrics.domain.durations import seconds
from habitkit.metrics.domain.points import writer_of
from habitkit.metrics.domain.tiers import slot_of, writable_from
from habitkit.metrics.errors import SeriesUnavailable
from habitkit.metrics.maintaining import maintain
from habitkit.metrics.port import Point
from habitkit.workflow import Outside, is_coroutine_function

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
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


@frozen
class _Batch:
    """Points of one writer, and the series of each.

    Attributes:
        points: The points.
        series: Their series, in the same order.
    """

    points: list[Point] = Factory(list)
    series: list[Series] = Factory(list)

    def add(self, series: Series, point: Point) -> None:
        """Add a point."""
        self.points.append(point)
        self.series.append(series)


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
        self._process = ids.random_number()
        self.writer = writer_of(self._process, 0)
        self._batches = 0
        self._busy = threading.Lock()
        self._exporting = threading.Lock()
        self._writing = threading.Lock()
        self._reader: int | None = None
        self._turn = 0
        self._late: list[_Batch] = []
        self.began_at = self._metrics.now()
        self.flushed_at: int | None = None
        self.last_error: str | None = None

    def flush(self) -> Steps[None]:
        """Write what this process has recorded, and export it, even if nothing can be written.

        Raises:
            SeriesUnavailable: If the store cannot be reached; nothing recorded is lost.
        """
        failure: Exception | None = None
        try:
            yield from self.write()
        except Exception as error:  # noqa: BLE001 - it is raised below
            failure = error
        yield from self._in_line(self._exporting, self._metrics.exporting.export(), "export")
        if failure is not None:
            raise failure

    def write(self) -> Steps[None]:
        """Write what this process has recorded; exporters get it with the next flush.

        A gauge's ``read`` may query, and so come here while this asks it: then nothing is done.

        Raises:
            SeriesUnavailable: As for ``flush``.
        """
        if self._reader == threading.get_ident():
            return
        try:
            yield from self._in_line(self._busy, self._store(), "write")
        except Exception as error:
            self.last_error = str(error)
            raise

    def _in_line(self, lock: threading.Lock, steps: Steps[None], what: str) -> Steps[None]:
        """Take steps while nobody else in this process takes those of the same lock."""
        elapsed = stopwatch()
        while not lock.acquire(blocking=False):
            if elapsed() > _LONGEST_WAIT_SECONDS:
                name = self._metrics.series.name
                raise SeriesUnavailable(name, f"the {what} of an earlier flush does not end")
            yield Outside(time.sleep, (_WAIT_SECONDS,))
        try:
            yield from steps
        finally:
            lock.release()

    def _store(self) -> Steps[None]:
        self._turn += 1
        metrics = self._metrics
        began = metrics.ticks()
        now = metrics.now()
        batch, written = _Batch(), list[_Written]()
        series: list[SeriesRecord] = []
        late = _Batch()
        step = metrics.series.tiers[0].step_seconds
        late_writer = writer_of(self._process, self._batches + 1)
        self._read_gauges()
        for record in self._records():
            id_ = record.series.id
            unwritten, older = record.unwritten(now), record.take_older()
            for slot, _, it in unwritten:
                batch.add(record.series, Point(id_, step, slot, self.writer, it))
            for slot, it in older:
                late.add(record.series, Point(id_, step, slot, late_writer, it))
            if not record.registered_at or (
                (unwritten or older) and now - record.registered_at >= _HOUR
            ):
                series.append(record)
            written.append(_Written(record, [(slot, version) for slot, version, _ in unwritten]))
        self._wait(late)
        refused = yield from self._write(batch, [it.series for it in series], now)
        while self._late:
            yield from self._write(self._late[0], (), now, refused)
            del self._late[0]
        for of in written:
            of.record.written(of.versions, now)
        for record in series:
            if record.series.id in refused:
                metrics.drop_refused(record.series)
            else:
                record.registered_at = now
        self.flushed_at, self.last_error = now, None
        taken = (metrics.ticks() - began) / _NS
        metrics.built_in("habitkit_flush_duration").record(taken)
        if not metrics.series.shared:
            yield from maintain(metrics.series, now, 1_000)

    def _read_gauges(self) -> None:
        """Ask for the values of gauges that have a function for it."""
        self._reader = threading.get_ident()
        try:
            for instrument in self._metrics.instruments():
                instrument.observe()
        finally:
            self._reader = None

    def _records(self) -> Iterator[SeriesRecord]:
        """Yield the records of all series; of two with one id the first."""
        found: dict[int, Series] = {}
        for instrument in self._metrics.instruments():
            for record in instrument.records():
                if found.setdefault(record.series.id, record.series) is record.series:
                    yield record
                else:
                    self._metrics.drop_refused(record.series)

    def _wait(self, late: _Batch) -> None:
        """Let a batch wait until it is written; the oldest of too many are dropped."""
        if late.points:
            self._batches += 1
            self._late.append(late)
        for batch in self._late[:-_MOST_LATE]:
            for series in batch.series:
                self._metrics.drop_unstored(series)
        del self._late[:-_MOST_LATE]

    def _write(
        self, batch: _Batch, series: Sequence[Series], now: int, refused: Collection[int] = ()
    ) -> Steps[set[int]]:
        """Write points, and register series, some at once; return the ids that were refused.

        Points that a store does not take any more, or of which the id is refused, are dropped.
        """
        store, turn = self._metrics.series, self._turn
        write = store.write if is_coroutine_function(store.write) else partial(self._in_turn, turn)
        oldest = writable_from(now, store.tiers)
        found = set(refused)
        points = [it for it in batch.points if it.slot >= oldest]
        for start in range(0, max(len(points), 1), _AT_ONCE):
            some, new = points[start : start + _AT_ONCE], series if start == 0 else ()
            if found:
                some = [it for it in some if it.series not in found]
            if some or new:
                found.update((yield Outside(write, (some, new, now))))
        for it, of in zip(batch.points, batch.series, strict=True):
            if it.slot < oldest:
                self._metrics.drop_unstored(of)
        return found

    def _in_turn(
        self, turn: int, points: Sequence[Point], series: Sequence[Series], now: int
    ) -> Sequence[int]:
        """Write, unless a later flush has begun.

        In an async host a flush that is cancelled leaves its thread behind; what that would write
        must not replace what the next flush has written.

        Raises:
            SeriesUnavailable: If such a thread does not end.
        """
        store = self._metrics.series
        if not self._writing.acquire(timeout=_LONGEST_WAIT_SECONDS):
            raise SeriesUnavailable(store.name, "an earlier write does not end")
        try:
            return store.write(points, series, now) if turn == self._turn else ()
        finally:
            self._writing.release()

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
        failure: Exception | None = None
        try:
            yield from self.flush()
        except Exception as error:  # noqa: BLE001 - it is raised below
            failure = error
        yield from self._metrics.exporting.close()
        if self._metrics.owns_series:
            yield Outside(self._metrics.series.close, ())
        if failure is not None:
            raise failure

    def _see_own(self) -> Steps[None]:
        """Write if nobody but this process would: what it has recorded can be queried at once."""
        if not self._metrics.series.shared:
            yield from self.write()

    def _second(self, at: datetime | None, name: str = "at") -> int:
        """Return an instant in seconds since 1970; by default the end of the last whole slot."""
        if at is None:
            return slot_of(self._metrics.now(), self._metrics.series.tiers[0].step_seconds)
        return int(instant(at, name).timestamp())
