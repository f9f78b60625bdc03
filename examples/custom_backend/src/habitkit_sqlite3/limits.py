"""Rate limits in a SQLite file, which several processes may share."""
# ruff: noqa: D102 - the port, habitkit.limits.port.LimitsBackend, describes the methods

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from habitkit.errors import ConfigurationError
from habitkit.limits import Decision, Limit, LimitsUnavailable
from habitkit.limits.domain import charging
from habitkit_sqlite3._file import SharedFile, path_of

PREPARE = """CREATE TABLE IF NOT EXISTS limits (subject, id, state, expires_at,
PRIMARY KEY (subject, id)); CREATE INDEX IF NOT EXISTS expired_limits ON limits (expires_at)"""
READ = "SELECT state FROM limits WHERE subject = ? AND id = ?"
Limits = tuple[Limit, ...]


class Sqlite3Limits:
    """Keeps each state as a text of integers; the clock shows nanoseconds since 1970."""

    name, remote, supports_exact = "sqlite3", True, True

    def __init__(self, path: str, ticks: Callable[[], int] = time.time_ns) -> None:
        self._file, self._ticks = SharedFile(path, PREPARE, ticks, LimitsUnavailable), ticks
        self.close, self.after_fork = self._file.close, self._file.open

    def acquire(self, subject: str, limits: Limits, cost: int, max_wait_ns: int = 0) -> Decision:
        with self._states(subject, limits) as (states, now):
            found = charging.charge(subject, limits, states, cost, now, max_wait_ns)
            states[:] = found.states or states
            return found.decision

    def peek(self, subject: str, limits: Limits, cost: int) -> Decision:
        with self._states(subject, limits) as (states, now):
            return charging.peek(limits, states, cost, now)

    def refund(self, taken: charging.Charge) -> bool:
        with self._states(taken.subject, taken.limits) as (states, now):
            before, states[:] = [*states], charging.refund(taken, states, now)
            return states != before

    def reset(self, subject: str) -> None:
        with self._file.step("BEGIN IMMEDIATE") as file:
            file.execute("DELETE FROM limits WHERE subject = ?", [subject])

    @contextmanager
    def _states(self, subject: str, limits: Limits) -> Iterator[tuple[list[charging.State], int]]:
        """Read states and the clock, and write what the block puts in the list, as one step."""
        with self._file.step("BEGIN IMMEDIATE") as file:
            file.execute("DELETE FROM limits WHERE expires_at <= ?", [now := self._ticks()])
            found = [file.execute(READ, (subject, it.id)).fetchone() or [""] for it in limits]
            yield (states := [tuple(map(int, text.split())) for (text,) in found]), now
            for it, state in zip(limits, states, strict=True):
                row = subject, it.id, " ".join(map(str, state)), charging.expiry(it, state)
                file.execute("REPLACE INTO limits VALUES (?, ?, ?, ?)", row)


def open_url(url: str, *, asynchronous: bool) -> Sqlite3Limits:
    """Open ``sqlite3:///file``: the package's entry point for limits."""
    if asynchronous:
        raise ConfigurationError("limits: sqlite3:// is for sync hosts; use redis:// or memory://")
    return Sqlite3Limits(path_of(url))
