"""One series of a counter, a gauge or a distribution: how each kind records and folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.metrics.domain import points
from habitkit.metrics.domain.encoding import plus, sum_of
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.tiers import slot_of
from habitkit.metrics.recording import SeriesRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Attributes = Mapping[str, Any]

__all__ = ["BoundCounter", "BoundDistribution", "BoundGauge"]

_NS = 1_000_000_000


class BoundCounter(SeriesRecord):
    """One series of a counter."""

    __slots__ = ("_outside",)

    def after_fork(self) -> None:
        """Begin anew."""
        super().after_fork()
        self._outside: float | None = None

    def add(
        self, amount: float = 1, *, at: datetime | None = None, exemplar: Attributes | None = None
    ) -> None:
        """Add an amount, at least 0.

        Args:
            amount: How much.
            at: When it happened, within the last 2 hours; now by default.
            exemplar: What for, such as ``{"trace_id": "4bf92f3577b34da6"}``: at most 128
                characters.
        """
        if at is not None or exemplar is not None:
            self._record_with(amount, at, exemplar)
            return
        pending = self._pending
        pending.append(amount)
        if len(pending) >= self._most_pending:
            self.fold()

    def observe_total(self, total: float) -> None:
        """Take the present value of a counter that is kept elsewhere.

        The first value is where counting begins. A smaller one means that the other counter has
        started again from 0.
        """
        number = self._number(total)
        if number is None:
            return
        with self._lock:
            before, self._outside = self._outside, number
        if before is not None:
            self.add(number - before if number >= before else number)

    def _are_fine(self, values: list[Any], total: float) -> bool:
        return min(values) >= 0 and super()._are_fine(values, total)

    def _number(self, value: Any) -> float | None:
        number = super()._number(value)
        if number is not None and number < 0:
            self._drop("negative", self._bad(value, "an amount of at least 0"))
            return None
        return number

    def _nothing(self) -> float:
        return 0

    def _with(self, value: float, values: list[float], at_ns: int) -> float:  # noqa: ARG002
        return plus(value, sum_of(values))

    def _merged(self, value: float, other: float) -> float:
        return plus(value, other)

    def _encoded(self, value: float) -> bytes:
        return points.encode_increase(value)


class _Delta:
    """An entry of a gauge that changes its value instead of setting it."""

    __slots__ = ("by",)

    def __init__(self, by: float) -> None:
        self.by = by


class BoundGauge(SeriesRecord):
    """One series of a gauge."""

    __slots__ = ("_last", "_last_ns")

    def after_fork(self) -> None:
        """Begin anew."""
        self._last: float | None = None
        self._last_ns = 0
        super().after_fork()

    def set(self, value: float, *, at: datetime | None = None) -> None:
        """Set the value; ``at`` as for a counter."""
        if at is not None:
            self._record_with(value, at, None)
            return
        pending = self._pending
        pending.append(value)
        if len(pending) >= self._most_pending:
            self.fold()

    def add(self, delta: float) -> None:
        """Change the value by an amount; it begins at 0."""
        self._pending.append(_Delta(delta))
        if len(self._pending) >= self._most_pending:
            self.fold()

    def total(self) -> GaugePoint | None:
        """Return everything since the start; the last value is the one that was set last."""
        return self._as_it_is(super().total())

    def take_unexported(self) -> GaugePoint | None:
        """Take what was recorded since the last call; the last value as for ``total``."""
        return self._as_it_is(super().take_unexported())

    def _as_it_is(self, point: GaugePoint | None) -> GaugePoint | None:
        if point is None or self._last is None:
            return None
        return evolve(point, last=self._last, last_ns=self._last_ns)

    def _fold(self) -> None:
        """Do it; what is set now is the newest, even if the clock was set back."""
        if self._pending:
            self._last_ns = min(self._last_ns, self._recorder.now_ns())
        super()._fold()

    def _accepted(self, values: list[Any]) -> list[float]:
        """Return the values after each entry."""
        accepted = []
        last = self._last or 0
        for it in values:
            number = self._number(it.by if isinstance(it, _Delta) else it)
            if number is not None:
                last = plus(last, number) if isinstance(it, _Delta) else number
                accepted.append(last)
        return accepted

    def _adds(self, slot: int) -> bool:  # noqa: ARG002
        """Return False: after the clock was set back, what is set now replaces what was."""
        return False

    def _nothing(self) -> GaugePoint | None:
        return None

    def _with(self, value: GaugePoint | None, values: list[float], at_ns: int) -> GaugePoint:
        new = GaugePoint(values[-1], at_ns, min(values), max(values), sum_of(values), len(values))
        if at_ns >= self._last_ns:
            self._last, self._last_ns = values[-1], at_ns
        return self._merged(value, new)  # type: ignore[no-any-return]

    def _carry(self, now: int) -> None:
        """Repeat the last value in the slot of this moment, with the instant at which it was set.

        So of two processes the one that has set it last counts, and not the one that repeats it.
        """
        slot = slot_of(now, self._recorder.step)
        last = self._last
        if last is not None and slot not in self._slots:
            it = self._slot_at(now)
            at_ns = min(self._last_ns, now * _NS)  # later, if the clock was set back
            it.value = self._merged(it.value, GaugePoint(last, at_ns, last, last, last, 1))
            it.version += 1
            if self._recorder.exports:
                again = GaugePoint(last, now * _NS, last, last, last, 1)
                self._unexported = self._merged(self._unexported, again)
            self._limit_slots()

    def _merged(self, value: GaugePoint | None, other: GaugePoint | None) -> Any:
        if value is None or other is None:
            return other if value is None else value
        newest = other if other.last_ns >= value.last_ns else value
        return GaugePoint(
            newest.last,
            newest.last_ns,
            min(value.minimum, other.minimum),
            max(value.maximum, other.maximum),
            plus(value.sum, other.sum),
            value.count + other.count,
        )

    def _encoded(self, value: GaugePoint) -> bytes:
        return points.encode_gauge(value)


class BoundDistribution(SeriesRecord):
    """One series of a distribution."""

    __slots__ = ()

    def record(
        self, value: float, *, at: datetime | None = None, exemplar: Attributes | None = None
    ) -> None:
        """Record a value; ``at`` and ``exemplar`` as for a counter."""
        if at is not None or exemplar is not None:
            self._record_with(value, at, exemplar)
            return
        pending = self._pending
        pending.append(value)
        if len(pending) >= self._most_pending:
            self.fold()

    def _nothing(self) -> Sketch:
        return Sketch()

    def _with(self, value: Sketch, values: list[float], at_ns: int) -> Sketch:  # noqa: ARG002
        value.add(values)
        return value

    def _merged(self, value: Sketch, other: Sketch) -> Sketch:
        value.merge(other)
        return value

    def _encoded(self, value: Sketch) -> bytes:
        return value.encode()
