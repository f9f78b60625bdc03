"""An HTTP GET that ends: its time, size and redirects are bounded."""

from __future__ import annotations

import http.client
import io
import string
import urllib.request
import zlib
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import quote, urljoin, urlsplit

from attrs import frozen

from habitkit.clock import ticks
from habitkit.flags.errors import SourceUnavailable

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Mapping
    from email.message import Message

__all__ = ["Answer", "get", "url_fault"]

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_CHUNK = 65_536
_GZIP = 16 + zlib.MAX_WBITS
_PORTS = {"http": 80, "https": 443}


@frozen
class Answer:
    """The answer of a server.

    Attributes:
        status: Its status code.
        phrase: The same in words.
        headers: Its headers; names in any case find them.
        body: Its body, unpacked; empty unless the status is 200.
    """

    status: int
    phrase: str
    headers: Message
    body: bytes


class _Deadline:
    """The end of a request, counted from when this is made."""

    def __init__(self, seconds: float) -> None:
        self._until_ns = ticks() + int(seconds * 1e9)

    def left(self) -> float:
        """Return the seconds left; raise TimeoutError if there are none."""
        left_ns = self._until_ns - ticks()
        if left_ns <= 0:
            raise TimeoutError
        return left_ns / 1e9


class _TimedReader(io.RawIOBase):
    """A socket's bytes until a deadline; a socket's own timeout begins anew with every byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: _Deadline) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._sock.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Opener(urllib.request.AbstractHTTPHandler):
    """Opens http and https, each connection with what is left of the time."""

    def __init__(self, deadline: _Deadline, context: ssl.SSLContext | None) -> None:
        super().__init__()
        self._deadline, self._ssl_context = deadline, context

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection(http.client.HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        kind = self._connection(http.client.HTTPSConnection)
        return self.do_open(kind, req, context=self._ssl_context)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def _connection(self, kind: type[http.client.HTTPConnection]) -> Any:
        def connect(host: str, **options: Any) -> Any:
            connection: Any = kind(host, **{**options, "timeout": self._deadline.left()})
            connection.response_class = self._response  # which is called, and nothing else
            return connection

        return connect

    def _response(self, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, **options)
        timed = _TimedReader(response.fp.detach(), sock, self._deadline)
        response.fp = io.BufferedReader(timed)
        return response


def get(
    url: str,
    headers: Mapping[str, str],
    private_headers: Mapping[str, str],
    *,
    source: str,
    timeout_seconds: float,
    max_bytes: int,
    context: ssl.SSLContext | None,
) -> Answer:
    """Return the answer to a GET, at the end of its redirects.

    Args:
        url: Of http or https.
        headers: Sent with every request.
        private_headers: Sent to the origin of the URL alone.
        source: The name of the source, for the message.
        timeout_seconds: For all of it, but for looking the host's name up.
        max_bytes: How large the body may be, unpacked.
        context: For https; None verifies with the system's certificates.

    Raises:
        SourceUnavailable: If there is no whole answer.
    """
    deadline = _Deadline(timeout_seconds)
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler())
    opener.add_handler(_Opener(deadline, context))
    try:
        for _ in range(1 + _MOST_REDIRECTS):
            request = urllib.request.Request(url, headers={**headers, **private_headers})  # noqa: S310 - http or https
            with opener.open(request, timeout=timeout_seconds) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or location is None:
                    body = _body(response, max_bytes, source) if response.status == _OK else b""
                    return Answer(response.status, response.reason, response.headers, body)
            target = _target(url, location, source)
            if _origin(target) != _origin(url):
                private_headers = {}
            url = target
    except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
        wrapped = error.reason if isinstance(error, URLError) else None
        cause = wrapped if isinstance(wrapped, Exception) else error
        if isinstance(cause, TimeoutError):
            raise SourceUnavailable(
                source, f"no whole answer within {timeout_seconds:g} s"
            ) from error
        raise SourceUnavailable(source, f"{type(cause).__name__}: {cause}") from error
    raise SourceUnavailable(source, f"more than {_MOST_REDIRECTS} redirects")


def url_fault(url: str) -> str | None:
    """Return what is wrong with a URL, or None if it can be requested."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.port == 0:
            return "an http or https URL with a host"
    except ValueError:
        return "a valid URL"
    if parts.username is not None:
        return "a URL without user and password; pass them as headers"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "a URL of printable ASCII; percent-encode the rest"
    return None


def _target(url: str, location: str, source: str) -> str:
    """Return where a redirect leads, if it may be followed."""
    quoted = quote(location, encoding="iso-8859-1", safe=string.punctuation)
    target = urljoin(url, quoted)
    if url_fault(target) or (url.startswith("https:") and not target.startswith("https:")):
        raise SourceUnavailable(
            source, "it redirects to something other than http or https, or away from https"
        )
    return target


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _body(response: http.client.HTTPResponse, max_bytes: int, source: str) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"identity", "gzip"}:
        raise SourceUnavailable(
            source, f"its content encoding is {encoding[:40]!r}; expected gzip or none"
        )
    unpacker = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    parts: list[bytes] = []
    left = max_bytes
    while packed := response.read(_CHUNK):
        part = unpacker.decompress(packed, left + 1) if unpacker else packed
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise SourceUnavailable(source, f"it has more than {max_bytes} bytes; see max_bytes")
    if response.length or (unpacker and not unpacker.eof):
        raise SourceUnavailable(source, "the answer is cut off")
    return b"".join(parts)
