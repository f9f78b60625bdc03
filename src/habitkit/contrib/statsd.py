"""Metrics for Datadog's agent, and whatever else understands DogStatsD, at each flush.

Needs no other package.

Names get the unit: ``load`` in seconds is ``load_seconds``. A counter sends its increase, a gauge
its last value, a distribution one value for each bucket of its sketch, with the number of values as
sample rate. So Datadog's quantiles are off by about 1 % more than its own sketch makes them, and
its counts are exact.

https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/
"""

from __future__ import annotations

import os
import re
import socket
from collections import deque
from math import inf, nextafter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from habitkit._fork import call_after_fork
from habitkit.contrib._exported import bounded, name_with_unit, values_of
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.names import attribute_texts
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from habitkit.metrics.domain.series import Labels
    from habitkit.metrics.domain.totals import Total
    from habitkit.metrics.port import Exports

__all__ = ["StatsdExporter"]

_MOST_BYTES = {"udp": 1432, "unix": 8192}
_PORT = 8125
_BESIDE_TAGS = 64  # of a line without its name: value, type and rate take 54 bytes at most
_EXACT = 2**53
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9_.]{0,99})?")
_SEPARATORS = re.compile(r"[\x00-\x1f\x7f,|]")
_ADDRESSES = '"udp://127.0.0.1:8125", or "unix:///var/run/datadog/dsd.socket"'


class StatsdExporter:
    """Sends metrics as DogStatsD datagrams: at most 1,432 bytes over UDP, 8,192 to a Unix socket.

    If a datagram cannot be sent, the export fails, and goes on with that datagram at the next
    flush. Over UDP that is noticed where nobody listens at the address and the host says so; what
    is lost on its way is not.

    In tags, commas, bars and control characters become ``_``. Where a line would be too long, its
    tags are cut.

    Args:
        address: Where the agent listens: ``udp://HOST:PORT`` or ``unix:///PATH``.
        prefix: What each name begins with, such as ``myapp.``.
        tags: Tags of all metrics, such as ``{"env": "prod"}``; an attribute of the same name is
            used instead.
        timeout_seconds: How long to wait for a Unix socket whose reader is slow.

    Raises:
        InvalidInput: If an argument is not acceptable.

    Example:
        >>> import socket
        >>> from habitkit.contrib.statsd import StatsdExporter
        >>> from habitkit.metrics import Metrics
        >>> agent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        >>> agent.bind(("127.0.0.1", 0))
        >>> exporter = StatsdExporter(f"udp://127.0.0.1:{agent.getsockname()[1]}")
        >>> metrics = Metrics(exporters=[exporter])
        >>> metrics.counter("check_ins").add(3, {"zone": "eu"})
        >>> metrics.flush()
        >>> agent.recv(8192).decode().splitlines()[0]
        'check_ins:3|c|#zone:eu'
        >>> exporter.close()
        >>> agent.close()
    """

    name = "statsd"
    cumulative = False

    def __init__(
        self,
        address: str = "udp://127.0.0.1:8125",
        *,
        prefix: str = "",
        tags: Mapping[str, str] | None = None,
        timeout_seconds: float = 1.0,
    ) -> None:
        """Keep what is given; the socket is opened by the first export."""
        self._kind, self._target = _parsed(address)
        self._most_bytes = _MOST_BYTES[self._kind]
        self._prefix = _checked_prefix(prefix)
        self._tags = attribute_texts(tags or {})
        if not 0 < timeout_seconds < inf:
            expected = "a positive number of seconds"
            raise InvalidInput("timeout_seconds", given=timeout_seconds, expected=expected)
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None
        self._exports: Exports | None = None
        self._unsent: deque[bytes] = deque()
        call_after_fork(self)

    def export(self, exports: Exports) -> None:
        """Send what was recorded; of exports that failed before, only what was not sent yet.

        Raises:
            OSError: If the agent cannot be reached.
        """
        if exports is not self._exports:
            self._exports, self._unsent = exports, deque(self._datagrams(exports.series))
        try:
            while self._unsent:
                if self._socket is None:
                    self._socket = self._connected()
                self._send(self._socket, self._unsent[0])
                self._unsent.popleft()
        except OSError:
            self.close()  # the agent may have another address, or another socket, when it is back
            raise
        self._exports = None

    def close(self) -> None:
        """Close the socket. The next export would open it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def after_fork(self) -> None:
        """Leave the parent's socket, and what it has to send, to the parent."""
        self.close()
        self._exports = None
        self._unsent = deque()

    def _connected(self) -> socket.socket:
        """Return a socket that is connected, so that errors are reported."""
        family, address = _resolved(self._kind, *self._target)
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.settimeout(self._timeout_seconds)
            opened.connect(address)
        except OSError:
            opened.close()
            raise
        return opened

    def _send(self, opened: socket.socket, datagram: bytes) -> None:
        """Send a datagram, and fail if the host says at once that nobody gets it."""
        opened.send(datagram)
        if error := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))

    def _datagrams(self, totals: Sequence[Total]) -> Iterator[bytes]:
        """Yield datagrams with as many lines as they can hold."""
        lines: list[bytes] = []
        size = 0
        for total in totals:
            for line in self._lines(total):
                if lines and size + len(line) > self._most_bytes:
                    yield b"\n".join(lines)
                    lines, size = [], 0
                lines.append(line)
                size += len(line) + 1
        if lines:
            yield b"\n".join(lines)

    def _lines(self, total: Total) -> Iterator[bytes]:
        series, value = total.series, total.value
        name = self._prefix + name_with_unit(series.metric, series.unit)
        tags = self._tags_of(series.attributes, self._most_bytes - len(name) - _BESIDE_TAGS)
        for sample in _samples(value):
            yield f"{name}:{sample}".encode() + tags

    def _tags_of(self, attributes: Labels, space: int) -> bytes:
        """Return the tags of a line, cut to what there is space for."""
        pairs = {**dict(self._tags), **dict(attributes)}
        if not pairs:
            return b""
        tags = [f"{key}:{_SEPARATORS.sub('_', value)}".encode() for key, value in pairs.items()]
        if sum(map(len, tags)) + len(tags) + 1 > space:
            each = max(0, (space - 1) // len(tags) - 1)
            cut = (tag[:each].decode(errors="ignore").encode() for tag in tags)
            tags = [tag for tag in cut if b":" in tag]
        return b"|#" + b",".join(tags) if tags else b""


def _parsed(address: str) -> tuple[str, tuple[str, int]]:
    """Return the kind of an address, and its host and port, or its path and 0.

    Raises:
        InvalidInput: If it is not one.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except (ValueError, AttributeError, TypeError):
        raise InvalidInput("address", given=address, expected=_ADDRESSES) from None
    rest = parts.query or parts.fragment or parts.username
    if parts.scheme == "udp" and parts.hostname and parts.path in {"", "/"} and not rest:
        return "udp", (parts.hostname, _PORT if port is None else port)
    if parts.scheme == "unix" and parts.path.startswith("/") and not (parts.netloc or rest):
        return "unix", (parts.path, 0)
    raise InvalidInput("address", given=address, expected=_ADDRESSES)


def _checked_prefix(given: object) -> str:
    if isinstance(given, str) and _PREFIX.fullmatch(given):
        return given
    expected = "at most 100 ASCII letters, digits, _ and ., beginning with a letter"
    raise InvalidInput("prefix", given=given, expected=expected)


def _resolved(kind: str, host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Return the family and the address of a socket."""
    if kind == "unix":
        return socket.AF_UNIX, host
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    return family, address


def _samples(value: float | GaugePoint | Sketch) -> Iterable[str]:
    """Return the values of a series as they stand behind the name."""
    if isinstance(value, Sketch):
        return [f"{_text(at)}|d{_rate_text(count)}" for at, count in values_of(value)]
    if isinstance(value, GaugePoint):
        return [f"{_text(value.last)}|g"]
    return [f"{_text(value)}|c"]


def _text(value: float) -> str:
    number = bounded(value)
    is_exact = isinstance(number, int) and abs(number) <= _EXACT
    return str(number) if is_exact else repr(float(number))


def _rate_text(count: int) -> str:
    return "" if count == 1 else f"|@{_rate_of(count)!r}"


def _rate_of(count: int) -> float:
    """Return the largest double whose inverse is at least a count.

    The agent takes a value with a sample rate for ``int(1 / rate)`` of them, and ``1 / (1 / 49)``
    is less than 49.
    """
    rate = 1 / count
    while 1 / rate < count:
        rate = nextafter(rate, 0)
    while 1 / (larger := nextafter(rate, inf)) >= count:
        rate = larger
    return rate
