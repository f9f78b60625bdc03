"""Receivers of notifications, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from habitkit.alerts.domain.labels import is_label, name_of
from habitkit.alerts.domain.matchers import Match, checked_match
from habitkit.alerts.domain.model import AlertState
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.series import Labels

__all__ = ["GroupState", "Notification", "Receiver", "ReceiverState", "Send"]

_DAY = 86_400
_MOST_LABELS = 20
_SECONDS = {
    "wait_seconds": (0, _DAY),
    "interval_seconds": (1, _DAY),
    "repeat_seconds": (1, 366 * _DAY),
}


@frozen
class Notification:
    """What a receiver is sent about a group of alerts.

    Attributes:
        id: Equal for all attempts to send it, so that a receiver can leave out what it had.
        receiver: The receiver's name.
        group: The labels that its alerts have in common, by which they are grouped.
        status: ``firing`` if any alert is, else ``resolved``.
        alerts: The firing ones, by labels, then those that were resolved since the last one. One
            that is flapping stands among the firing ones in any phase.
        at: When it was made.
        repeated: Whether nothing has changed since the last one.
    """

    id: str
    receiver: str
    group: Labels
    status: Literal["firing", "resolved"]
    alerts: tuple[AlertState, ...]
    at: datetime
    repeated: bool = False

    @property
    def firing(self) -> tuple[AlertState, ...]:
        """The alerts that fire or flap."""
        return tuple(it for it in self.alerts if it.phase == "firing" or it.flapping)

    @property
    def resolved(self) -> tuple[AlertState, ...]:
        """The alerts that were resolved."""
        return tuple(it for it in self.alerts if it.phase != "firing" and not it.flapping)


Send: TypeAlias = Callable[[Notification], Any]
"""Sends a notification; an error it raises means that it was not sent."""


def _match(given: Any) -> Match:
    return checked_match("match", given)


def _group_by(given: Iterable[str]) -> tuple[str, ...]:
    untyped: Any = given
    names: list[Any] = []
    if isinstance(untyped, Iterable) and not isinstance(untyped, str | bytes | Mapping):
        names = list(untyped)
        if len(names) <= _MOST_LABELS and all(map(is_label, names)):
            return tuple(sorted({str.__str__(name) for name in names}))
    expected = f'at most {_MOST_LABELS} names of labels, such as ("alertname", "zone")'
    raise InvalidInput("group_by", given=given, expected=expected)


@frozen
class Receiver:
    """Who is notified of which alerts, and how they are grouped, as Alertmanager does.

    Attributes:
        name: Its name; no other receiver has it.
        send: Sends a notification. It may be called more than once with one of the same id.
        match: Which alerts, by their labels; all of them by default.
        group_by: The labels that the alerts of one notification have in common.
        wait_seconds: How long after a group began to fire the first one is sent.
        interval_seconds: How often it is looked whether a group has changed; every
            ``repeat_seconds`` if those are fewer.
        repeat_seconds: How long after the last one an unchanged group that fires is sent again.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    name: str = field(converter=name_of)
    send: Send = field()
    match: Match = field(default=(), converter=_match)
    group_by: tuple[str, ...] = field(default=("alertname",), converter=_group_by)
    wait_seconds: int = field(default=30)
    interval_seconds: int = field(default=300)
    repeat_seconds: int = field(default=14_400)

    def __attrs_post_init__(self) -> None:
        """Refuse what is not as expected."""
        untyped: Any = self.send
        if not callable(untyped):
            raise InvalidInput("send", given=untyped, expected="a function of a notification")
        for what, (least, most) in _SECONDS.items():
            value = getattr(self, what)
            if type(value) is not int or not least <= value <= most:
                raise InvalidInput(what, given=value, expected=f"an int from {least} to {most}")


@frozen
class GroupState:
    """What is kept of a group of alerts that a receiver is notified of.

    Attributes:
        labels: The labels of the group.
        next_at: When it is looked next whether there is anything to send.
        sent_at: When the last one that was sent was made, or, if that was not sent at once, sent;
            None if none was.
        known: The firing and flapping alerts that the receiver knows of, as they were sent.
        again: Those of them that were silenced since; if they fire, they are sent again.
        sending: A notification that is not sent yet.
        attempts: How often sending it has failed.
        retry_at: When it is tried again; None if it was not tried.
    """

    labels: Labels
    next_at: datetime
    sent_at: datetime | None = None
    known: Mapping[Labels, AlertState] = {}
    again: frozenset[Labels] = frozenset()
    sending: Notification | None = None
    attempts: int = 0
    retry_at: datetime | None = None


@frozen
class ReceiverState:
    """What is kept of a receiver.

    Attributes:
        groups: Its groups, by their labels.
        serial: How many notifications were made.
    """

    groups: Mapping[Labels, GroupState] = {}
    serial: int = 0
