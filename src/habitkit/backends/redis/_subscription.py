"""The subscription of a sync cache: a connection that ``poll`` reads without waiting."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from habitkit.backends.redis._messages import (
    CHUNK_BYTES,
    IDLE_SECONDS,
    LOST,
    PING,
    Inbox,
    subscribe,
)
from habitkit.clock import ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RedisSubscription"]

_NS = 1_000_000_000
_MOST_CHUNKS = 256
"""How much one ``poll`` reads; the next one goes on."""


class RedisSubscription:
    """Collects what other processes have set or deleted; see ``Subscription``."""

    def __init__(self, connection: Any, channel: bytes, timeout_seconds: float) -> None:
        """Subscribe on a connection of redis-py, which nobody else uses.

        Raises one of ``FAILURES`` if the server refuses it or does not confirm it in time.
        """
        self._connection: Any = connection
        self._inbox = Inbox()
        self._patience_ns = int((timeout_seconds + IDLE_SECONDS) * _NS)
        self._heard_at = ticks()
        self._pinged_at: int | None = None
        try:
            # The methods of a connection wait for whole replies.
            self._socket: Any = connection._sock  # noqa: SLF001 - see above
            self._socket.settimeout(timeout_seconds)
            self._socket.sendall(subscribe(channel))
            while not self._inbox.is_subscribed:
                self._inbox.feed(self._socket.recv(CHUNK_BYTES))
            self._socket.settimeout(0)
        except BaseException:
            self.close()
            raise

    def poll(self) -> Sequence[str] | None:
        """Return the names since the last call; None if some may have been lost."""
        if self._connection is None:
            return None
        try:
            self._receive()
            now = ticks()
            if self._pinged_at is not None:
                is_lost = now - self._pinged_at > self._patience_ns
            else:
                is_lost = False
                if now - self._heard_at > IDLE_SECONDS * _NS:
                    self._pinged_at = now
                    is_lost = self._socket.send(PING) < len(PING)
        except LOST:
            is_lost = True
        if is_lost:
            self.close()
            return None
        return self._inbox.take()

    def close(self) -> None:
        """End it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def _receive(self) -> None:
        """Read what has arrived."""
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            for _ in range(_MOST_CHUNKS):
                self._inbox.feed(self._socket.recv(CHUNK_BYTES))
                self._heard_at, self._pinged_at = ticks(), None
