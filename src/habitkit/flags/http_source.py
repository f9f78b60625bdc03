"""Definitions of flags from an HTTP server."""

from __future__ import annotations

import ssl
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from habitkit.clock import wall_ns
from habitkit.errors import InvalidInput
from habitkit.flags._backoff import Backoff
from habitkit.flags._documents import MAX_BYTES, json_text, revision_of
from habitkit.flags._http import get, url_fault
from habitkit.flags.errors import SourceUnavailable
from habitkit.flags.sources import Fetched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

__all__ = ["HttpSource"]

_OK, _NOT_MODIFIED = 200, 304
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "habitkit"}
_SETTLED_SECONDS = 2
_LONGEST_TIMEOUT_SECONDS = 300


class HttpSource:
    """A JSON document in flagd's format at a URL.

    It is requested with the ``ETag`` or ``Last-Modified`` of the last answer, so that a server
    need not send again what has not changed. The revision is a hash of the bytes.

    After a failure it waits for a second, for up to a minute after many, or as long as the server's
    ``Retry-After`` says, up to five minutes; until then ``fetch`` raises the same error at once.

    Proxies are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``). Redirects are followed to
    http and https, never from https to http, and your headers go to the origin of the URL alone.

    Example:
        >>> source = HttpSource(
        ...     "https://flags.example.com/flags.json?token=secret",
        ...     headers={"Authorization": "Bearer secret"},
        ... )
        >>> source.name
        'https://flags.example.com/flags.json'
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 5.0,
        max_bytes: int = MAX_BYTES,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Keep the URL; nothing is requested yet.

        Args:
            url: Of http or https. Messages show it without its query.
            headers: To send, such as ``Authorization``.
            timeout_seconds: For a whole fetch, redirects included.
            max_bytes: How large the document may be, unpacked.
            context: For https; None verifies the server with the system's certificates.

        Raises:
            InvalidInput: If an argument is not acceptable.
        """
        if fault := url_fault(url):
            shown = "one with '@'" if "@" in url else url.partition("?")[0]  # keeps secrets out
            raise InvalidInput("url", given=shown, expected=fault)
        if not 0 < timeout_seconds <= _LONGEST_TIMEOUT_SECONDS:
            expected = f"more than 0 and at most {_LONGEST_TIMEOUT_SECONDS}"
            raise InvalidInput("timeout_seconds", given=timeout_seconds, expected=expected)
        if type(max_bytes) is not int or max_bytes < 1:
            raise InvalidInput("max_bytes", given=max_bytes, expected="a positive int")
        for name, value in (headers or {}).items():
            if not _can_be_sent(name) or not _can_be_sent(value):
                expected = "names and values of printable ASCII"
                raise InvalidInput("headers", given=f"the header {name!r}", expected=expected)
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._url = url
        self._private_headers = dict(headers or {})
        self._timeout_seconds, self._max_bytes = timeout_seconds, max_bytes
        if context is None and parts.scheme == "https":
            context = ssl.create_default_context()
        self._context = context
        self._backoff, self._asked_seconds = Backoff(), 0.0
        self._last: tuple[str | None, dict[str, str]] = (None, {})  # revision, how to ask for newer

    def fetch(self, known: str | None) -> Fetched | None:
        """Return the document, or None if its revision is ``known``.

        Raises:
            SourceUnavailable: If the server cannot be reached in time, or answers with anything but
                a JSON document; after that, for a while, without a request.
        """
        if left := self._backoff.seconds_left():
            reason = f"{self._backoff.reason} (next request in {left:.0f} s)"
            raise SourceUnavailable(self.name, reason)
        try:
            fetched = self._request(known)
        except SourceUnavailable as error:
            self._backoff.failed(error.reason, self._asked_seconds)
            raise
        self._backoff.succeeded()
        return fetched

    def _request(self, known: str | None) -> Fetched | None:
        self._asked_seconds = 0.0
        revision, conditions = self._last
        if known is None or known != revision:
            conditions = {}
        answer = get(
            self._url,
            {**_HEADERS, **conditions},
            self._private_headers,
            source=self.name,
            timeout_seconds=self._timeout_seconds,
            max_bytes=self._max_bytes,
            context=self._context,
        )
        if answer.status == _NOT_MODIFIED and conditions:
            return None
        if answer.status != _OK:
            self._asked_seconds = _retry_after(answer.headers)
            raise SourceUnavailable(self.name, f"it answered {answer.status} {answer.phrase}")
        text = json_text(answer.body, self.name)
        revision = revision_of(answer.body)
        self._last = (revision, _conditions(answer.headers))
        return None if revision == known else Fetched(text, revision)

    def close(self) -> None:
        """Do nothing: no connection stays open."""


def _can_be_sent(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()


def _conditions(headers: Message) -> dict[str, str]:
    """Return the headers that ask for something newer."""
    tag, changed = headers.get("ETag"), headers.get("Last-Modified")
    if tag and _can_be_sent(tag):
        return {"If-None-Match": tag}
    if changed and _can_be_sent(changed) and _is_settled(changed, headers.get("Date")):
        return {"If-Modified-Since": changed}
    return {}


def _is_settled(changed: str, sent: str | None) -> bool:
    """Tell whether a later change has another date; dates of HTTP are whole seconds."""
    try:
        age = parsedate_to_datetime(sent or "") - parsedate_to_datetime(changed)
    except (TypeError, ValueError):
        return False
    return age.total_seconds() >= _SETTLED_SECONDS


def _retry_after(headers: Message) -> float:
    """Return how many seconds a server asks to wait, 0 if it does not."""
    text = headers.get("Retry-After", "").strip()
    try:
        if text.isdecimal():
            return float(text)
        return parsedate_to_datetime(text).timestamp() - wall_ns() / 1e9
    except (TypeError, ValueError, OverflowError):
        return 0.0
