"""Rate limits in this process's memory.

Theory of operation. Each limit has a table from subject to TAT, and a list of the table's subjects.
A cursor visits all lists in turn, a few subjects for each new key, and drops the subjects whose
whole burst has refilled. So the work of a call is bounded, no key in use is dropped, and the memory
never grows far beyond the keys in use. Only the cursor removes subjects from a list; a reset sets
the TAT into the past and leaves the rest to the cursor.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from habitkit.clock import ticks as monotonic_ticks
from habitkit.errors import InvalidInput
from habitkit.limits.domain.decision import allowed, capped, charged, denied, single
from habitkit.limits.errors import TooManyKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.limits.domain.decision import Decision
    from habitkit.limits.domain.limit import Limit

__all__ = ["MemoryLimits"]

_PAST = -(2**63)  # before any instant of any clock
_STEPS = 4  # of the cursor, for each new key: enough to visit two, each alone in its list
_STEPS_WHEN_FULL = 64


class MemoryLimits:
    """Keeps the limits of this process alone, until it ends.

    Args:
        max_keys: How many keys to keep, each counted once for each limit it is used under; about
            100 bytes each. A key in use is never dropped for a new one: see ``TooManyKeys``.
        ticks: The clock, in nanoseconds; a monotonic one.
    """

    def __init__(
        self, max_keys: int = 1_000_000, *, ticks: Callable[[], int] = monotonic_ticks
    ) -> None:
        """Make an empty one.

        Raises:
            InvalidInput: If ``max_keys`` is not a positive int.
        """
        if type(max_keys) is not int or max_keys < 1:
            raise InvalidInput("max_keys", given=max_keys, expected="an int of at least 1")
        self._max_keys = max_keys
        self._ticks = ticks
        self._lock = threading.Lock()
        self._latest = _PAST
        self._size = 0
        self._tables: dict[str, _Table] = {}
        self._order: list[_Table] = []
        self._turn = 0  # whose list the cursor is in
        self._place = 0  # where in that list

    def acquire(self, subject: str, limits: Sequence[Limit], cost: int) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one of them denies it."""
        now = self._ticks()
        if len(limits) > 1:
            return self._acquire_all(subject, limits, cost, now)
        # The same for one limit, as most calls have it, in half the time.
        (limit,) = limits
        with self._lock:
            if now > self._latest:
                self._latest = now
            else:
                now = self._latest
            table = self._tables.get(limit.id)
            tat = _PAST if table is None else table.tats.get(subject, _PAST)
            before = tat - now if tat > now else 0
            after = before + limit.emission_ns * cost
            allows = after <= limit.tolerance_ns
            if allows and table is not None and tat != _PAST:
                table.tats[subject] = now + after
            elif allows:
                self._reserve(subject, limits, now)
                self._write(subject, limits, (after,), now)
            elif before > limit.tolerance_ns:
                before = self._cap(subject, limits, [before], now)[0]
        return single(limit, after) if allows else denied(limits, (before,), cost)

    def _acquire_all(self, subject: str, limits: Sequence[Limit], cost: int, now: int) -> Decision:
        with self._lock:
            now = self._latest = max(now, self._latest)
            before = self._read(subject, limits, now)
            after = charged(limits, before, cost)
            if after is None:
                before = self._cap(subject, limits, before, now)
            else:
                self._reserve(subject, limits, now)
                self._write(subject, limits, after, now)
        return denied(limits, before, cost) if after is None else allowed(limits, after)

    def peek(self, subject: str, limits: Sequence[Limit], cost: int) -> Decision:
        """Return what ``acquire`` would decide, and charge nothing."""
        now = self._ticks()
        with self._lock:
            now = self._latest = max(now, self._latest)
            before = self._read(subject, limits, now)
        if charged(limits, before, cost) is None:
            return denied(limits, capped(limits, before), cost)
        return allowed(limits, before)

    def reset(self, subject: str) -> None:
        """Give a subject its whole burst back, under every limit."""
        with self._lock:
            for table in self._order:
                if subject in table.tats:
                    table.tats[subject] = min(table.tats[subject], self._latest)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def after_fork(self) -> None:
        """Take a new lock, and recount the keys, which another thread may have been changing."""
        self._lock = threading.Lock()
        self._order = list(self._tables.values())
        self._size = sum(len(table.subjects) for table in self._order)
        self._turn = self._place = 0

    def _read(self, subject: str, limits: Sequence[Limit], now: int) -> list[int]:
        """Return how far ahead of now a subject's TATs are."""
        tables = [self._tables.get(limit.id) for limit in limits]
        return [max(table.tats.get(subject, now) - now, 0) if table else 0 for table in tables]

    def _write(self, subject: str, limits: Sequence[Limit], ahead: Sequence[int], now: int) -> None:
        for limit, its in zip(limits, ahead, strict=True):
            self._tables[limit.id].tats[subject] = now + its

    def _cap(self, subject: str, limits: Sequence[Limit], ahead: list[int], now: int) -> list[int]:
        """Cap how far ahead a subject is, and keep that where it is less."""
        lower = capped(limits, ahead)
        if lower != ahead:
            for limit, was, its in zip(limits, ahead, lower, strict=True):
                if its < was:
                    self._tables[limit.id].tats[subject] = now + its
        return lower

    def _reserve(self, subject: str, limits: Sequence[Limit], now: int) -> None:
        """Make places for a subject under the limits where it has none.

        Each write leaves something that the cursor can clean up, should a fork come in between.

        Raises:
            TooManyKeys: If there are no places for them.
        """
        if not self._missing(subject, limits):
            return
        self._sweep(_STEPS * len(limits), now)  # which may take the subject too, where it is free
        if self._size + self._missing(subject, limits) > self._max_keys:
            self._sweep(_STEPS_WHEN_FULL, now)
            if self._size + self._missing(subject, limits) > self._max_keys:
                raise TooManyKeys(self._max_keys)
        for limit in limits:
            table = self._tables.get(limit.id)
            if table is None:
                table = self._tables[limit.id] = _Table(limit.id)
                self._order.append(table)
            if subject not in table.tats:
                table.subjects.append(subject)
                self._size += 1

    def _missing(self, subject: str, limits: Sequence[Limit]) -> int:
        """Return under how many limits a subject has no place."""
        tables = [self._tables.get(limit.id) for limit in limits]
        return sum(table is None or subject not in table.tats for table in tables)

    def _sweep(self, steps: int, now: int) -> None:
        """Move the cursor on, and drop what is back to its whole burst."""
        for _ in range(steps):
            if not self._order:
                return
            table = self._order[self._turn]
            subjects, place = table.subjects, self._place
            if place < len(subjects):
                found = subjects[place]
                if table.tats.get(found, _PAST) > now:
                    self._place += 1
                    continue
                table.tats.pop(found, None)
                subjects[place] = subjects[-1]
                subjects.pop()
                self._size -= 1
                continue
            self._place = 0
            if subjects:
                self._turn += 1
            else:  # the limit is no longer in use
                del self._tables[table.id]
                del self._order[self._turn]
            if self._turn >= len(self._order):
                self._turn = 0


class _Table:
    """The state of one limit."""

    __slots__ = ("id", "subjects", "tats")

    def __init__(self, limit_id: str) -> None:
        self.id = limit_id
        self.subjects: list[str] = []
        self.tats: dict[str, int] = {}
