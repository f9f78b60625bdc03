"""Recording without locks: what a process has recorded in each series.

Theory of operation. A call appends to the ``pending`` list of its series, which is atomic in
Python, and does nothing else. At 512 entries the caller *folds* the list into the slot of this
moment under a lock that it only tries: if another thread folds already, it goes on. A flush and a
scrape fold too. Only who holds the lock removes entries, and only as many as it has read, so no
entry is lost or counted twice whatever other threads append meanwhile. Only a call with ``at=`` or
``exemplar=`` waits for the lock, and records at once.

A slot is kept until it has ended and was written. A value that comes for an older one, with ``at=``
or after the clock was set back, is kept apart and written under a writer id of its own, as a write
replaces: see ``domain.points.process_of``.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from habitkit.clock import instant
from habitkit.metrics.domain.exemplars import Exemplar, Exemplars, exemplar_texts
from habitkit.metrics.domain.tiers import slot_of, writable_from
from habitkit.metrics.errors import InvalidMetric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.metrics.domain.series import Labels, Series
    from habitkit.metrics.recorder import Recorder

__all__ = ["SeriesRecord"]

_MOST_SLOTS = 60
_NS = 1_000_000_000
_HOUR = 3600
_LATEST_SECONDS = 2 * _HOUR
_EARLIEST_SECONDS = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Slot:
    """What was recorded in one slot, how often that changed, and which change was written."""

    __slots__ = ("value", "version", "written")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.version = 0
        self.written = 0


class SeriesRecord:
    """What this process has recorded in one series.

    Attributes:
        series: The series.
        description: A sentence about the metric.
        registered_at: When the series was last registered in the store, in seconds; 0 for never.
    """

    __slots__ = (
        "_exemplars",
        "_lock",
        "_most_pending",
        "_older",
        "_pending",
        "_recorder",
        "_released",
        "_slots",
        "_total",
        "_unexported",
        "description",
        "registered_at",
        "series",
    )

    def __init__(self, series: Series, description: str, recorder: Recorder) -> None:
        """Begin with nothing."""
        self.series = series
        self.description = description
        self._recorder = recorder
        self._most_pending = recorder.most_pending
        self._pending: list[Any] = []
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: what the parent has recorded is the parent's to write."""
        self._lock = threading.Lock()
        self._pending.clear()
        self._slots: dict[int, _Slot] = {}
        self._older: dict[int, _Slot] = {}
        self._released = 0
        self._exemplars: Exemplars | None = None
        self._total = self._nothing()
        self._unexported = self._nothing()
        self.registered_at = 0

    def fold(self, *, wait: bool = False) -> None:
        """Move what was recorded into the slot of this moment.

        Args:
            wait: Whether to wait for another thread that does the same.
        """
        if not self._lock.acquire(blocking=wait):
            return
        try:
            self._fold()
        finally:
            self._lock.release()

    def unwritten(self, now: int) -> list[tuple[int, int, bytes]]:
        """Return what has to be written: slot, version and encoded value."""
        with self._lock:
            self._fold()
            self._carry(now)
            step = self._recorder.step
            for slot in [at for at, it in self._slots.items() if at + step <= now]:
                if self._slots[slot].written == self._slots[slot].version:
                    self._release(slot)  # it was written while it was the present one
            return [
                (slot, it.version, self._encoded(it.value))
                for slot, it in self._slots.items()
                if it.written != it.version
            ]

    def take_older(self) -> list[tuple[int, bytes]]:
        """Take what was recorded in slots that were written before: slot and encoded value."""
        with self._lock:
            older, self._older = self._older, {}
            for it in older.values():
                self._total = self._merged(self._total, it.value)
            return [(slot, self._encoded(it.value)) for slot, it in older.items()]

    def written(self, versions: Sequence[tuple[int, int]], now: int) -> None:
        """Let go of slots that have ended by ``now`` and were written as they are.

        Args:
            versions: Each slot that was written, and its version.
            now: Up to when everything was folded before that, in seconds.
        """
        with self._lock:
            for slot, version in versions:
                it = self._slots.get(slot)
                if it is None:
                    continue
                it.written = version
                if slot + self._recorder.step <= now and it.version == version:
                    self._release(slot)

    def take_unexported(self) -> Any:
        """Take what was recorded since the last call, for exporters."""
        with self._lock:
            self._fold()
            taken, self._unexported = self._unexported, self._nothing()
            return taken

    def total(self) -> Any:
        """Return everything since the start of the process, as a value of its own."""
        with self._lock:
            self._fold()
            total = self._merged(self._nothing(), self._total)
            for it in (*self._older.values(), *self._slots.values()):
                total = self._merged(total, it.value)
            return total

    def exemplars(self) -> tuple[Exemplar, ...]:
        """Return the exemplars since the start of the process."""
        with self._lock:
            return () if self._exemplars is None else self._exemplars.all()

    def _record_with(self, value: Any, at: object, exemplar: Any) -> None:
        """Record a value at an instant, or with an exemplar, or both."""
        about = None if exemplar is None else self._exemplar_texts(exemplar)
        at_ns = self._recorder.now_ns() if at is None else self._instant(at)
        if at_ns is None:
            return
        now = self._recorder.now_ns() // _NS
        with self._lock:
            late = at is not None and at_ns // _NS < slot_of(now, self._recorder.step)
            accepted = self._take([value], at_ns, late=late)
            if accepted and about:
                if self._exemplars is None:
                    self._exemplars = Exemplars()
                self._exemplars.add(Exemplar(about, accepted[0], at_ns))

    def _exemplar_texts(self, exemplar: Any) -> Labels | None:
        """Return what an exemplar says; None if that cannot be kept."""
        try:
            return exemplar_texts(exemplar)
        except InvalidMetric as error:
            self._drop("exemplar", error)
            return None

    def _instant(self, at: object) -> int | None:
        """Return an instant in nanoseconds; None if it is too long ago or to come, or is none."""
        try:
            at_ns = (instant(at) - _EPOCH) // timedelta(microseconds=1) * 1000
        except Exception:  # noqa: BLE001 - such as pandas.NaT, a datetime that raises
            expected = "an aware datetime such as datetime.now(UTC)"
            self._drop("not_an_instant", InvalidMetric("at", given=at, expected=expected))
            return None
        second, now = at_ns // _NS, self._recorder.now_ns() // _NS
        oldest = max(now - _LATEST_SECONDS, writable_from(now, self._recorder.tiers))
        if not oldest <= second <= now + _EARLIEST_SECONDS:
            reason = "too_late" if second < now else "too_early"
            expected = f"an instant of the last {now - oldest} seconds, or of the next 60"
            self._drop(reason, InvalidMetric("at", given=at, expected=expected))
            return None
        return at_ns

    def _fold(self) -> None:
        """Do it, while the lock is held."""
        pending = self._pending
        if count := len(pending):
            values = pending[:count]
            del pending[:count]
            self._take(values, self._recorder.now_ns())

    def _take(self, values: list[Any], at_ns: int, *, late: bool = False) -> list[Any]:
        """Record values in the slot of an instant, and return those that could be."""
        accepted = self._accepted(values)
        if accepted:
            it = self._slot_at(at_ns // _NS, late=late)
            it.value = self._with(it.value, accepted, at_ns)
            it.version += 1
            if self._recorder.exports:
                self._unexported = self._with(self._unexported, accepted, at_ns)
            self._limit_slots()
        return accepted

    def _slot_at(self, second: int, *, late: bool = False) -> _Slot:
        """Return the slot of an instant."""
        slot, slots = slot_of(second, self._recorder.step), self._slots
        if slot not in slots and (late or self._adds(slot)):
            slots = self._older
        found = slots.get(slot)
        if found is None:
            found = slots[slot] = _Slot(self._nothing())
        return found

    def _limit_slots(self) -> None:
        """Let go of the oldest of too many slots that could not be written; totals stay right.

        Older ones are as many as there may be in two hours: a host may record what has happened on
        a device that was offline.
        """
        most_older = _MOST_SLOTS + _LATEST_SECONDS // self._recorder.step
        for slots, most in ((self._slots, _MOST_SLOTS), (self._older, most_older)):
            if len(slots) > most:
                slot = min(slots)
                self._total = self._merged(self._total, slots.pop(slot).value)
                if slots is self._slots:  # a part of it may be stored, which is not to be replaced
                    self._released = max(self._released, slot)
                expected = f"a store that takes points within {_MOST_SLOTS} slots"
                self._drop("not_stored", InvalidMetric("slot", given=slot, expected=expected))

    def _release(self, slot: int) -> None:
        self._total = self._merged(self._total, self._slots.pop(slot).value)
        self._released = max(self._released, slot)

    def _carry(self, now: int) -> None:
        """Repeat what holds until it is changed."""

    def _accepted(self, values: list[Any]) -> list[Any]:
        """Return the values that can be recorded; drop the others."""
        try:
            total = sum(values)
            if type(total) in (int, float) and self._are_fine(values, total):
                return values
        except Exception:  # noqa: BLE001, S110 - of another type a sum may raise anything
            pass
        return [it for it in map(self._number, values) if it is not None]

    def _are_fine(self, values: list[Any], total: float) -> bool:
        """Tell whether all values can be recorded, of which the sum is a plain number."""
        if type(total) is float:
            return isfinite(total)  # of ints alone the sum may be small, and one too large
        return isfinite(min(values)) and isfinite(max(values))

    def _number(self, value: Any) -> float | None:
        """Return a number that can be recorded; None for one that was dropped."""
        if not isinstance(value, int | float):
            self._drop("not_a_number", self._bad(value, "an int or a float"))
            return None
        try:
            if isfinite(value):
                return int(value) if isinstance(value, int) else float(value)
        except Exception:  # noqa: BLE001, S110 - as above
            pass
        self._drop("not_finite", self._bad(value, "a finite number"))
        return None

    def _bad(self, value: object, expected: str) -> InvalidMetric:
        return InvalidMetric(self.series.metric, given=value, expected=expected)

    def _drop(self, reason: str, error: InvalidMetric) -> None:
        self._recorder.drop(self.series.metric, reason, error)

    # What a kind of metric has of its own.

    def _adds(self, slot: int) -> bool:
        """Tell whether a slot was released, so that what is recorded in it now comes on top."""
        return slot <= self._released

    def _nothing(self) -> Any:
        raise NotImplementedError

    def _with(self, value: Any, values: list[Any], at_ns: int) -> Any:
        raise NotImplementedError

    def _merged(self, value: Any, other: Any) -> Any:
        raise NotImplementedError

    def _encoded(self, value: Any) -> bytes:
        raise NotImplementedError
