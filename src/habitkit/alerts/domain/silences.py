"""Silences: for a time, nobody is notified of some alerts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from attrs import field, frozen

from habitkit._text import storable
from habitkit.alerts.domain.matchers import Match, checked_match, meets
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.series import Labels

__all__ = ["Silence", "is_silenced"]

_LONGEST_NAME = 200
_LONGEST_COMMENT = 2000


def _match(given: Any) -> Match:
    match = checked_match("match", given)
    if all(matcher.accepts("") for _, matcher in match):
        expected = 'a condition that not every alert meets, such as {"alertname": "Errors"}'
        raise InvalidInput("match", given=given, expected=expected)
    return match


def _starts(given: datetime) -> datetime:
    return _instant("starts", given)


def _ends(given: datetime) -> datetime:
    return _instant("ends", given)


def _instant(what: str, given: Any) -> datetime:
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise InvalidInput(what, given=given, expected="an aware datetime")
    return given.astimezone(UTC)


def _check_text(what: str, given: Any, longest: int) -> None:
    if not isinstance(given, str) or not 0 < len(given) <= longest or not storable(given):
        expected = f"a text of 1 to {longest} characters, valid UTF-8 without NUL"
        raise InvalidInput(what, given=given, expected=expected)


@frozen
class Silence:
    """For a time, nobody is notified of the alerts whose labels meet some conditions.

    Their states do not change by it. Who still fires at its end is notified of then.

    Attributes:
        id: Its id.
        match: The conditions; as with Alertmanager one at least that no empty text meets, so that
            no silence is for everything.
        starts: Since when, in UTC.
        ends: Until when, excluded, in UTC.
        by: Who made it.
        comment: Why.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    id: UUID
    match: Match = field(converter=_match)
    starts: datetime = field(converter=_starts)
    ends: datetime = field(converter=_ends)
    by: str
    comment: str

    def __attrs_post_init__(self) -> None:
        """Refuse a silence that is never, and texts that cannot be kept."""
        if self.ends <= self.starts:
            raise InvalidInput("ends", given=self.ends, expected=f"an instant after {self.starts}")
        _check_text("by", self.by, _LONGEST_NAME)
        _check_text("comment", self.comment, _LONGEST_COMMENT)

    def holds(self, labels: Labels, at: datetime) -> bool:
        """Tell whether nobody is notified of an alert with these labels at an instant."""
        return self.starts <= at < self.ends and meets(self.match, labels)


def is_silenced(labels: Labels, silences: Iterable[Silence], at: datetime) -> bool:
    """Tell whether any silence holds for an alert at an instant."""
    return any(silence.holds(labels, at) for silence in silences)
