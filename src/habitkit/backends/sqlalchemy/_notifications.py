"""A connection to PostgreSQL that reads notifications without waiting.

It works with libpq, through psycopg's module for that: psycopg's own connections wait for a server
that does not reply without an end, and at least two seconds for one that does not accept.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

from psycopg import Error, OperationalError
from psycopg.pq import ConnStatus, ExecStatus, PGconn, PollingStatus

from habitkit.clock import ticks

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn as Libpq

__all__ = ["LOST", "NotificationConnection"]

LOST = (Error, OSError)
"""What is raised when the connection cannot be used; ``TimeoutError`` is one of them."""

_NS = 1_000_000_000
_IDLE_NS = 5 * _NS
_PATIENCE_NS = 2 * _NS
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)


class NotificationConnection:
    """A connection; after any of ``LOST`` it has to be closed.

    Args:
        conninfo: The connection string of libpq.
        until_ns: When to give up, by the monotonic clock.
    """

    def __init__(self, conninfo: bytes, until_ns: int) -> None:
        """Connect."""
        self._libpq: Libpq = PGconn.connect_start(conninfo)
        self._heard_at = ticks()
        self._asked_at: int | None = None
        try:
            self._connect(until_ns)
        except BaseException:
            self.close()
            raise

    def execute(self, statement: bytes, until_ns: int) -> None:
        """Execute a statement that returns nothing."""
        self._finish(until_ns)  # a question from before
        self._libpq.send_query(statement)
        while self._libpq.flush():
            self._wait(selectors.EVENT_WRITE, until_ns)
        self._finish(until_ns)

    def notified(self) -> bool:
        """Return whether a notification has arrived since the last call.

        A server that is silent for long is asked for a sign of life, as a lost connection may look
        the same.
        """
        libpq = self._libpq
        libpq.consume_input()
        if self._asked_at is None:
            if ticks() - self._heard_at > _IDLE_NS:
                libpq.send_query(b"")
                libpq.flush()
                self._asked_at = ticks()
        elif not libpq.is_busy():
            self._finish(0)
        elif ticks() - self._asked_at > _PATIENCE_NS:
            raise TimeoutError("the server has stopped to reply")
        found = False
        while libpq.notifies() is not None:
            found = True
        return found

    def close(self) -> None:
        """Close it."""
        self._libpq.finish()

    def _connect(self, until_ns: int) -> None:
        libpq, state = self._libpq, PollingStatus.WRITING
        while libpq.status != ConnStatus.BAD and state != PollingStatus.FAILED:
            if state == PollingStatus.OK:
                libpq.nonblocking = 1
                return
            is_reading = state == PollingStatus.READING
            self._wait(selectors.EVENT_READ if is_reading else selectors.EVENT_WRITE, until_ns)
            state = PollingStatus(libpq.connect_poll())
        raise OperationalError(libpq.get_error_message())

    def _finish(self, until_ns: int) -> None:
        """Read the results of the last statement."""
        libpq = self._libpq
        failure = ""
        while True:
            while libpq.is_busy():
                self._wait(selectors.EVENT_READ, until_ns)
                libpq.consume_input()
            result = libpq.get_result()
            if result is None:
                break
            if result.status in _FAILED:
                failure = result.get_error_message()
        self._heard_at, self._asked_at = ticks(), None
        if failure:
            raise OperationalError(failure)

    def _wait(self, event: int, until_ns: int) -> None:
        """Wait until the socket can be read or written.

        Raises:
            TimeoutError: If it takes too long.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._libpq.socket, event)
            if not selector.select(max(0, until_ns - ticks()) / _NS):
                raise TimeoutError("the server does not reply in time")
