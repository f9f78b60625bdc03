"""Notifications to Alertmanager, and to whatever takes its webhooks.

``push`` lets an Alertmanager group, silence and route: it is given every alert again each minute.
``webhook`` posts what Alertmanager itself posts to webhooks, so that whatever understands those can
be a receiver. Both need nothing but the standard library.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from attrs import frozen

from habitkit.alerts.domain.receivers import Receiver
from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from habitkit.alerts.domain.model import AlertState
    from habitkit.alerts.domain.receivers import Notification
    from habitkit.metrics.domain.series import Labels

__all__ = ["fingerprint", "push", "webhook"]

_REPEAT_SECONDS = 60
_INTERVALS_TO_END = 4
_NEVER = "0001-01-01T00:00:00Z"
_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3  # FNV-1a of 64 bits
_SEPARATOR = b"\xff"
_SENT = re.compile(r"https?://[^\s/?#]+([!-~]*)", re.IGNORECASE)
"""An address that can be sent: what is behind the host is ASCII without spaces."""


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: what follows one asks with GET, without the notification."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none, so that it is an error."""


def push(
    url: str,
    *,
    name: str = "alertmanager",
    interval_seconds: int = _REPEAT_SECONDS,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 5.0,
) -> Receiver:
    """Return a receiver that gives all alerts to an Alertmanager.

    Firing ones are sent again each minute. If that ends, Alertmanager resolves them by itself,
    after four intervals: so long may the kit, or its host, be down.

    Args:
        url: The address of the Alertmanager, such as ``"http://127.0.0.1:9093"``.
        name: The receiver's name.
        interval_seconds: How often changes are sent, at least 60.
        headers: Further headers, such as for authentication.
        timeout_seconds: How long a request may take.

    Raises:
        InvalidInput: If the address is not one of HTTP.
    """
    address = f"{_checked(url).rstrip('/')}/api/v2/alerts"
    interval_seconds = max(interval_seconds, _REPEAT_SECONDS)
    lifetime = timedelta(seconds=_INTERVALS_TO_END * interval_seconds)

    def send(notification: Notification) -> None:
        alerts = [_pushed(it, notification.at + lifetime) for it in notification.alerts]
        _post(address, alerts, headers, timeout_seconds)

    return Receiver(
        name,
        send,
        group_by=(),
        wait_seconds=0,
        interval_seconds=interval_seconds,
        repeat_seconds=interval_seconds,
    )


def webhook(
    url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float = 5.0
) -> _Webhook:
    """Return what posts notifications as the webhooks of Alertmanager do: payload version 4.

    Args:
        url: Where to.
        headers: Further headers, such as for authentication.
        timeout_seconds: How long a request may take.

    Raises:
        InvalidInput: If the address is not one of HTTP.

    Example:
        >>> from habitkit.alerts import Receiver
        >>> from habitkit.contrib.alertmanager import webhook
        >>> chat = Receiver("chat", webhook("https://chat.example.com/hooks/1"))
    """
    return _Webhook(_checked(url), dict(headers or {}), timeout_seconds)


def fingerprint(labels: Labels) -> str:
    """Return Alertmanager's id of labels: FNV-1a of 64 bits, in hexadecimal.

    Names, sorted, and values follow one another, each with a byte 0xff after it; see
    https://github.com/prometheus/common/blob/main/model/signature.go.

    Args:
        labels: Pairs of names and values.
    """
    number = _OFFSET
    for pair in sorted(labels):
        for text in pair:
            for byte in text.encode() + _SEPARATOR:
                number = ((number ^ byte) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{number:016x}"


@frozen
class _Webhook:
    """Posts notifications to an address."""

    url: str
    headers: Mapping[str, str]
    timeout_seconds: float

    def __call__(self, notification: Notification) -> None:
        """Post one.

        Raises:
            OSError: If the server cannot be reached in time, or answers with another status than
                one of success.
        """
        _post(self.url, _payload(notification), self.headers, self.timeout_seconds)


def _pushed(alert: AlertState, ends: datetime) -> dict[str, Any]:
    """Return an alert as the API takes it."""
    ends = (alert.resolved_at or ends) if _is_resolved(alert) else ends
    starts = min(alert.fired_at or alert.active_at, ends)  # of a clock that was set back
    return {
        "labels": dict(alert.labels),
        "annotations": _annotations(alert),
        "startsAt": _time(starts),
        "endsAt": _time(ends),
    }


def _payload(notification: Notification) -> dict[str, Any]:
    """Return a notification as a webhook of Alertmanager has it."""
    alerts = notification.alerts
    return {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f"{k}={json.dumps(v)}" for k, v in notification.group) + "}",
        "truncatedAlerts": 0,
        "status": notification.status,
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group),
        "commonLabels": _common([dict(it.labels) for it in alerts]),
        "commonAnnotations": _common([_annotations(it) for it in alerts]),
        "externalURL": "",
        "alerts": [
            {
                "status": "resolved" if _is_resolved(it) else "firing",
                "labels": dict(it.labels),
                "annotations": _annotations(it),
                "startsAt": _time(it.fired_at or it.active_at),
                "endsAt": _time(it.resolved_at) if it.resolved_at and _is_resolved(it) else _NEVER,
                "generatorURL": "",
                "fingerprint": fingerprint(it.labels),
            }
            for it in alerts
        ],
    }


def _is_resolved(alert: AlertState) -> bool:
    """Return whether an alert has ended; one that flaps has not, in whatever phase it is."""
    return alert.phase == "resolved" and not alert.flapping


def _annotations(alert: AlertState) -> dict[str, str]:
    texts = {"summary": alert.summary, "runbook": alert.runbook}
    return {name: text for name, text in texts.items() if text}


def _common(each: list[dict[str, str]]) -> dict[str, str]:
    """Return the pairs that all dicts have."""
    first, *others = each
    return {
        name: value
        for name, value in first.items()
        if all(other.get(name) == value for other in others)
    }


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _checked(url: Any) -> str:
    """Return an address of HTTP.

    Raises:
        InvalidInput: If it is none.
    """
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        has_user = parts.username is not None
    except ValueError:  # of brackets or the port
        is_one = has_user = False
    if has_user:
        expected = 'no user in it; give headers={"Authorization": "Basic ..."}'
        raise InvalidInput("url", given="an address with a user", expected=expected)
    if not is_one or not _SENT.fullmatch(url):
        expected = "an address such as http://127.0.0.1:9093"
        raise InvalidInput("url", given=url, expected=expected)
    return str(url)


def _post(
    url: str, content: Any, headers: Mapping[str, str] | None, timeout_seconds: float
) -> None:
    """Post JSON; another status than one of success is an ``HTTPError``, which is an OSError."""
    body = json.dumps(content).encode()
    every = {"Content-Type": "application/json", **(headers or {})}
    request = Request(url, body, every, method="POST")  # noqa: S310 - the scheme was checked
    with build_opener(_NoRedirects).open(request, timeout=timeout_seconds) as response:
        response.read()
