"""Counters, gauges and distributions: what a host records with.

A call with attributes looks them up by their texts. Only texts enter the lookup: to Python ``1``
and ``True`` are one key, and they are different attributes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from habitkit.metrics.bound import BoundCounter, BoundDistribution, BoundGauge
from habitkit.metrics.domain.names import attribute_texts
from habitkit.metrics.domain.series import Labels, Series
from habitkit.metrics.errors import InvalidMetric
from habitkit.metrics.recording import SeriesRecord
from habitkit.metrics.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from habitkit.metrics.domain.cardinality import Caps
    from habitkit.metrics.domain.series import Across, Kind
    from habitkit.metrics.recorder import Recorder

    Attributes = Mapping[str, Any]

__all__ = ["Counter", "Distribution", "Gauge", "Instrument"]

B = TypeVar("B", bound=SeriesRecord)


class Instrument(Generic[B]):
    """A metric: its series by attributes.

    Attributes:
        name: The metric's name.
        kind: ``counter``, ``gauge`` or ``distribution``.
        unit: The unit; empty if it has none.
        description: A sentence about it.
        caps: How many series it may have, and what was folded.
    """

    kind: Kind
    _bound: type[B]

    def __init__(
        self, name: str, unit: str, description: str, recorder: Recorder, caps: Caps
    ) -> None:
        """Begin without series."""
        self.name = name
        self.unit = unit
        self.description = description
        self.caps = caps
        self._recorder = recorder
        self._lock = threading.Lock()
        self._records: dict[Labels, B] = {}
        self._known: dict[tuple[Any, ...], B] = {}

    def bind(self, attributes: Attributes | None = None) -> B:
        """Return the series of attributes, for recording without a lookup.

        It is known from now on, at 0, even if nothing is recorded.

        Args:
            attributes: Names and texts, such as ``{"zone": "eu"}``.

        Raises:
            InvalidMetric: If a name or value is not acceptable.
        """
        return self._record_of(attribute_texts({} if attributes is None else attributes))

    def records(self) -> list[B]:
        """Return the records of all series."""
        with self._lock:
            return list(self._records.values())

    def observe(self) -> None:
        """Ask for the value of a gauge that was given a function for it."""

    def after_fork(self) -> None:
        """Begin anew, with the same series."""
        self._lock = threading.Lock()
        for record in self._records.values():
            record.after_fork()

    def _find(self, attributes: Any) -> B | None:
        """Return the series of attributes that the lookup does not know; None if they are bad."""
        if attributes is None:
            attributes = {}
        try:
            labels = attribute_texts(attributes)
        except InvalidMetric as error:
            self._recorder.drop(self.name, "attributes", error)
            return None
        record = self._record_of(labels)
        if record.series.attributes == labels and type(attributes) is dict:
            key = tuple(attributes.items())
            if all(type(it) is str for pair in key for it in pair):
                self._known[key] = record
        return record

    def _record_of(self, labels: Labels) -> B:
        """Return the series of labels, or of those that stand for them past a cap."""
        record = self._records.get(labels)
        if record is None:
            with self._lock:
                admitted = self.caps.admit(labels)
                record = self._records.get(admitted)
                if record is None:
                    series = Series(self.name, self.kind, self.unit, admitted, self._across())
                    record = self._bound(series, self.description, self._recorder)
                    self._records[admitted] = record
            if admitted != labels:
                self._recorder.folded(self.name, labels, admitted)
        return record

    def _across(self) -> Across:
        return "last"


class Counter(Instrument[BoundCounter]):
    """A number that only grows, such as check-ins."""

    kind = "counter"
    _bound = BoundCounter

    def add(
        self,
        amount: float = 1,
        attributes: Attributes | None = None,
        *,
        at: datetime | None = None,
        exemplar: Attributes | None = None,
    ) -> None:
        """Add an amount. It never raises: what cannot be recorded is dropped and counted.

        Args:
            amount: How much, at least 0.
            attributes: Names and texts, such as ``{"zone": "eu"}``.
            at: When it happened, within the last 2 hours; now by default.
            exemplar: What for, such as ``{"trace_id": "4bf92f3577b34da6"}``, for exporters: at most
                128 characters. Of each power of two the newest is kept, and 16 of a series.
        """
        try:
            record = self._known[tuple(attributes.items()) if attributes else ()]
        except Exception:  # noqa: BLE001 - it is not known, or no dict
            found = self._find(attributes)
            if found is None:
                return
            record = found
        if at is None and exemplar is None:
            record.add(amount)
        else:
            record.add(amount, at=at, exemplar=exemplar)

    def observe_total(self, total: float, attributes: Attributes | None = None) -> None:
        """Take the present value of a counter that is kept elsewhere.

        Args:
            total: Its value. The first is where counting begins; a smaller one means that the other
                counter has started again from 0.
            attributes: As for ``add``.
        """
        record = self._find(attributes)
        if record is None:
            return
        if record.series.attributes != attribute_texts(attributes or {}):
            expected = "fewer series: totals of several counters cannot be told apart in one"
            error = InvalidMetric("attributes", given=attributes, expected=expected)
            self._recorder.drop(self.name, "attributes", error)
            return
        record.observe_total(total)


class Gauge(Instrument[BoundGauge]):
    """A number that goes up and down, such as a queue's length."""

    kind = "gauge"
    _bound = BoundGauge

    def __init__(
        self,
        name: str,
        unit: str,
        description: str,
        recorder: Recorder,
        caps: Caps,
        across: Across = "last",
        read: Callable[[], float] | None = None,
    ) -> None:
        """Begin without series; ``read`` gives the value of the one without attributes."""
        self.across: Across = across
        self.read = read
        super().__init__(name, unit, description, recorder, caps)

    def set(
        self, value: float, attributes: Attributes | None = None, *, at: datetime | None = None
    ) -> None:
        """Set the value; arguments as for a counter."""
        try:
            record = self._known[tuple(attributes.items()) if attributes else ()]
        except Exception:  # noqa: BLE001 - it is not known, or no dict
            found = self._find(attributes)
            if found is None:
                return
            record = found
        if at is None:
            record.set(value)
        else:
            record.set(value, at=at)

    def add(self, delta: float, attributes: Attributes | None = None) -> None:
        """Change the value by an amount, which may be negative; it begins at 0."""
        record = self._find(attributes)
        if record is not None:
            record.add(delta)

    def observe(self) -> None:
        """Ask for the value, if the gauge was given a function that reads it."""
        if self.read is None:
            return
        try:
            value = self.read()
        except Exception as failure:  # noqa: BLE001 - the host's code may raise anything
            error = InvalidMetric(self.name, given=failure, expected="a read that returns a number")
            self._recorder.drop(self.name, "read_failed", error)
        else:
            self.set(value)

    def _across(self) -> Across:
        return self.across


class Distribution(Instrument[BoundDistribution]):
    """Values of which quantiles are of interest, such as durations."""

    kind = "distribution"
    _bound = BoundDistribution

    def __init__(
        self,
        name: str,
        unit: str,
        description: str,
        recorder: Recorder,
        caps: Caps,
        ticks: Callable[[], int],
    ) -> None:
        """Begin without series; ``ticks`` is the clock of ``time``, in nanoseconds."""
        self._ticks = ticks
        super().__init__(name, unit, description, recorder, caps)

    def record(
        self,
        value: float,
        attributes: Attributes | None = None,
        *,
        at: datetime | None = None,
        exemplar: Attributes | None = None,
    ) -> None:
        """Record a value; arguments as for a counter."""
        try:
            record = self._known[tuple(attributes.items()) if attributes else ()]
        except Exception:  # noqa: BLE001 - it is not known, or no dict
            found = self._find(attributes)
            if found is None:
                return
            record = found
        if at is None and exemplar is None:
            record.record(value)
        else:
            record.record(value, at=at, exemplar=exemplar)

    def time(
        self, attributes: Attributes | None = None, *, exemplar: Attributes | None = None
    ) -> Timer:
        """Record how many seconds a block or a function takes, whether it raises or not.

        It is a context manager and a decorator, of plain and of async functions. Each block asks
        for one of its own, as threads would confuse what they share::

            with load.time({"page": "home"}):
                ...


            @load.time()
            async def page(): ...
        """
        return Timer(self, attributes, exemplar, self._ticks)
