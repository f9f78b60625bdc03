"""The messages of a subscription, read from the bytes that have arrived.

A subscription reads its connection by itself: the parsers of redis-py wait for the rest of a
message that has arrived in part.
"""

from __future__ import annotations

import json
from typing import Any

from redis import exceptions

from habitkit.backends.redis._packing import pack

__all__ = ["CHUNK_BYTES", "IDLE_SECONDS", "LOST", "PING", "Inbox", "subscribe"]

CHUNK_BYTES = 1 << 16
IDLE_SECONDS = 1.0
"""After how long a silent server is asked for a sign of life; it has this time and a timeout."""
PING = pack(b"PING")
LOST = (exceptions.RedisError, OSError, ValueError)
"""What ends a subscription."""

_END = b"\r\n"
_LONGEST_BYTES = 1 << 24
_MOST_NAMES = 100_000


def subscribe(channel: bytes) -> bytes:
    """Return the command that subscribes to a channel."""
    return pack(b"SUBSCRIBE", channel)


class Inbox:
    """Collects the names in what arrives on a connection.

    Attributes:
        is_subscribed: Whether the server has confirmed it.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.is_subscribed = False
        self._bytes = bytearray()
        self._names: list[str] = []

    def feed(self, data: bytes) -> None:
        """Take what has arrived.

        Raises one of ``LOST``: an error of redis-py if the server has closed the connection or does
        not let us subscribe, a ``ValueError`` if the bytes cannot be understood or are too many.
        """
        if not data:
            raise exceptions.ConnectionError("the server has closed the connection")
        self._bytes += data
        at = 0
        while (found := _value(self._bytes, at)) is not None:
            value, at = found
            self._receive(value)
        del self._bytes[:at]
        if len(self._bytes) > _LONGEST_BYTES or len(self._names) > _MOST_NAMES:
            raise ValueError("too much at once")

    def take(self) -> list[str]:
        """Return the names since the last call."""
        names = self._names
        if names:
            self._names = []
        return names

    def _receive(self, value: Any) -> None:
        if isinstance(value, Exception):
            raise value
        if not isinstance(value, list) or not value:
            return
        if value[0] == b"message":
            try:
                names = json.loads(value[-1])
            except RecursionError:
                names = None
            if not isinstance(names, list) or not all(isinstance(it, str) for it in names):
                raise ValueError("a message that is not a list of names")
            self._names += names
        elif value[0] == b"subscribe":
            self.is_subscribed = True


def _value(data: bytearray, at: int) -> tuple[Any, int] | None:
    """Return the value that begins somewhere and where the next one does; None if it is not whole.

    Raises:
        ValueError: If there is no value.
    """
    end = data.find(_END, at)
    if end < 0:
        return None
    kind, line, after = chr(data[at]), bytes(data[at + 1 : end]), end + len(_END)
    if kind in "*>":  # the second one is RESP3
        return _values(data, after, int(line))
    if kind == "$":
        last = after + int(line)
        is_whole = len(data) >= last + len(_END)
        return (bytes(data[after:last]), last + len(_END)) if is_whole else None
    if kind not in "-+:":
        raise ValueError("not what a server of Redis sends")
    return (exceptions.ResponseError(line.decode(errors="replace")) if kind == "-" else line), after


def _values(data: bytearray, at: int, number: int) -> tuple[list[Any], int] | None:
    """Return so many values."""
    values = []
    for _ in range(number):
        found = _value(data, at)
        if found is None:
            return None
        value, at = found
        values.append(value)
    return values, at
