"""Rate limits in this process's memory.

Theory of operation. Each limit has a table from subject to state, and a list of the table's
subjects. A cursor visits all lists in turn, a few subjects for each new key, and drops the subjects
whose state has expired. So the work of a call is bounded, no key in use is dropped, and the memory
never grows far beyond the keys in use. Only the cursor removes subjects from a list; a reset writes
an expired state and leaves the rest to the cursor.

The state of a limit with neither a name nor a log is one integer, its TAT: most calls have one such
limit, and for them the rules of ``habitkit.limits.domain.charging`` are written out in ``acquire``.
"""

from __future__ import annotations

import threading
from time import sleep
from typing import TYPE_CHECKING, Any

from habitkit.clock import ticks as monotonic_ticks
from habitkit.errors import InvalidInput
from habitkit.limits.domain import charging
from habitkit.limits.domain.decision import Decision
from habitkit.limits.errors import TooManyKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.limits.domain.charging import State
    from habitkit.limits.domain.decision import Charge
    from habitkit.limits.domain.limit import Limit

__all__ = ["MemoryLimits", "open_url"]

_NS = 1_000_000_000
_PAST = -(2**63)  # before any instant of any clock
_STEPS = 4  # of the cursor, for each new key: enough to visit two, each alone in its list
_STEPS_WHEN_FULL = 64
_YIELDS = 20  # to a thread inside, before queueing at the lock
_new = tuple.__new__


class MemoryLimits:
    """Keeps the limits of this process alone, until it ends.

    Args:
        max_keys: How many keys to keep, each counted once for each limit it is used under; about
            100 bytes each, and 8 more for each call of an exact limit. A key in use is never
            dropped for a new one: see ``TooManyKeys``.
        ticks: The clock, in nanoseconds; a monotonic one.
    """

    name = "memory"
    remote = False
    supports_exact = True

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
        self._tats: dict[str, _Tats] = {}  # those of them that hold TATs alone
        self._order: list[_Table] = []
        self._turn = 0  # whose list the cursor is in
        self._place = 0  # where in that list

    def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one does not allow it."""
        limit = limits[0]
        if limit.name is not None or limit.exact or len(limits) > 1:
            return self._acquire(subject, limits, cost, max_wait_ns)
        # Threads that queue at a lock switch at each call, which can take three times as long. So
        # let one that was suspended inside go on before they queue. Not for ever: threads that only
        # yield to each other can keep the one inside from the interpreter.
        for _ in range(_YIELDS):
            if not self._lock.locked():
                break
            sleep(0)
        now = self._ticks()
        with self._lock:
            if now > self._latest:
                self._latest = now
            else:
                now = self._latest
            table = self._tats.get(limit.id)
            tat = _PAST if table is None else table.states.get(subject, _PAST)
            before = tat - now if tat > now else 0
            after = before + limit.emission_ns * cost
            wait = after - limit.tolerance_ns
            if wait <= max_wait_ns:
                if tat == _PAST or table is None:
                    self._reserve(subject, limits, now)
                    table = self._tats[limit.id]
                table.states[subject] = now + after
        if wait > max_wait_ns:
            return charging.denied(limits, (charging.usage_of_tat(limit, before, cost),), cost)
        remaining = -wait // limit.emission_ns if wait < 0 else 0
        waits = wait / _NS if wait > 0 else 0.0
        reset, marks = after / _NS, [now + after]
        # Called by its name, Decision takes twice as long, a fifth of the whole call.
        return _new(
            Decision,
            (True, limit, limits, remaining, 0.0, reset, waits, True, None, subject, cost, marks),
        )

    def _acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int
    ) -> Decision:
        """Do the same for any limits."""
        now = self._ticks()
        with self._lock:
            now = self._latest = max(now, self._latest)
            states = self._read(subject, limits)
            outcome = charging.charge(subject, limits, states, cost, now, max_wait_ns)
            if outcome.states is not None:
                self._write(subject, limits, outcome.states, now)
        return outcome.decision

    def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, and charge nothing."""
        now = self._ticks()
        with self._lock:
            now = self._latest = max(now, self._latest)
            states = self._read(subject, limits)
        return charging.peek(limits, states, cost, now)

    def refund(self, taken: Charge) -> bool:
        """Give back what a call has charged."""
        now = self._ticks()
        with self._lock:
            now = self._latest = max(now, self._latest)
            states = self._read(taken.subject, taken.limits)
            after = charging.refund(taken, states, now)
            for limit, before, state in zip(taken.limits, states, after, strict=True):
                if state != before:
                    self._tables[limit.id].put(taken.subject, state)
        return list(after) != states

    def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        with self._lock:
            for table in self._order:
                if subject in table.states:
                    table.put(subject, ())

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def after_fork(self) -> None:
        """Take a new lock, and recount the keys, which another thread may have been changing."""
        self._lock = threading.Lock()
        self._order = list(self._tables.values())
        self._tats = {it.id: it for it in self._order if isinstance(it, _Tats)}
        self._size = sum(len(table.subjects) for table in self._order)
        self._turn = self._place = 0

    def _read(self, subject: str, limits: Sequence[Limit]) -> list[State]:
        """Return a subject's states."""
        tables = [self._tables.get(limit.id) for limit in limits]
        return [() if table is None else table.get(subject) for table in tables]

    def _write(
        self, subject: str, limits: Sequence[Limit], states: Sequence[State], now: int
    ) -> None:
        """Replace a subject's states.

        Raises:
            TooManyKeys: If there are no places for them; then none is replaced.
        """
        tables = self._reserve(subject, limits, now)
        for table, state in zip(tables, states, strict=True):
            table.put(subject, state)

    def _reserve(self, subject: str, limits: Sequence[Limit], now: int) -> list[_Table]:
        """Return the tables of some limits, with a place for a subject in each.

        Raises:
            TooManyKeys: If there are no places for them.
        """
        if self._missing(subject, limits):
            self._sweep(_STEPS * len(limits), now)  # which may take the subject too
            if self._size + self._missing(subject, limits) > self._max_keys:
                self._sweep(_STEPS_WHEN_FULL, now)
                if self._size + self._missing(subject, limits) > self._max_keys:
                    raise TooManyKeys(self._max_keys)
            for limit in limits:
                self._add(subject, limit)
        return [self._tables[limit.id] for limit in limits]

    def _missing(self, subject: str, limits: Sequence[Limit]) -> int:
        """Return under how many limits a subject has no place."""
        tables = [self._tables.get(limit.id) for limit in limits]
        return sum(table is None or subject not in table.states for table in tables)

    def _add(self, subject: str, limit: Limit) -> None:
        """Make a place for a subject where it has none."""
        table = self._tables.get(limit.id)
        if table is None:
            table = _Table(limit)
            if limit.name is None and not limit.exact:
                table = self._tats[limit.id] = _Tats(limit)
            self._tables[limit.id] = table
            self._order.append(table)
        if subject not in table.states:
            table.subjects.append(subject)
            table.put(subject, ())
            self._size += 1

    def _sweep(self, steps: int, now: int) -> None:
        """Move the cursor on, and drop the states that have expired."""
        for _ in range(steps):
            if not self._order:
                return
            table = self._order[self._turn]
            subjects, place = table.subjects, self._place
            if place < len(subjects):
                found = subjects[place]
                if table.expiry(found) > now:
                    self._place += 1
                    continue
                del table.states[found]
                subjects[place] = subjects[-1]
                subjects.pop()
                self._size -= 1
                continue
            self._place = 0
            if subjects:
                self._turn += 1
            else:  # the limit is no longer in use
                del self._tables[table.id]
                self._tats.pop(table.id, None)
                del self._order[self._turn]
            if self._turn >= len(self._order):
                self._turn = 0


class _Table:
    """The states of one limit, by subject.

    Attributes:
        id: The limit's id.
        subjects: The subjects, in no order, for the cursor.
        states: Their states.
    """

    __slots__ = ("_limit", "id", "states", "subjects")

    def __init__(self, limit: Limit) -> None:
        self.id = limit.id
        self.subjects: list[str] = []
        self.states: dict[str, Any] = {}
        self._limit = limit

    def get(self, subject: str) -> State:
        found: State = self.states.get(subject, ())
        return found

    def put(self, subject: str, state: State) -> None:
        self.states[subject] = state

    def expiry(self, subject: str) -> int:
        state = self.states[subject]
        return charging.expiry(self._limit, state) if state else _PAST


class _Tats(_Table):
    """The states of one limit that has neither a name nor a log: each is no more than a TAT."""

    __slots__ = ()

    def get(self, subject: str) -> State:
        tat = self.states.get(subject, _PAST)
        return () if tat == _PAST else (tat, self._limit.tolerance_ns)

    def put(self, subject: str, state: State) -> None:
        self.states[subject] = state[0] if state else _PAST

    def expiry(self, subject: str) -> int:
        return int(self.states[subject])


def open_url(url: str, *, asynchronous: bool) -> MemoryLimits:  # noqa: ARG001
    """Return new limits in memory, for ``limits="memory://"``."""
    return MemoryLimits()
