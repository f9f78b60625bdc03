"""Silences: for a time, nobody is notified of some alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit import ids
from habitkit._text import storable
from habitkit.alerts.domain.matchers import match_from_dict, match_to_dict
from habitkit.alerts.domain.silences import Silence
from habitkit.alerts.store import ALERTS, SilenceRow
from habitkit.clock import storable_instant
from habitkit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from habitkit.transaction import Transaction

__all__ = ["current_silences", "delete_old_silences", "silence", "silences", "unsilence"]

_KEPT = timedelta(hours=120)
"""How long a silence is kept after its end: as long as Alertmanager does."""

_LONGEST_NAME = 200


def silence(
    tx: Transaction, match: Mapping[str, Any], ends: datetime, by: str, comment: str
) -> Silence:
    """Notify nobody of some alerts for a time, from now on.

    Their states do not change by it; at its end receivers are notified of what still fires then.

    Args:
        tx: The transaction.
        match: The conditions on the alerts' labels, such as ``{"alertname": "Errors"}``: texts, or
            ``not_(...)``, ``one_of(...)``, ``matches(...)``; at least one that no empty text meets.
        ends: Until when: an aware datetime, later than now.
        by: Who does it.
        comment: Why.

    Raises:
        InvalidInput: If a value is not what is expected.
    """
    made = Silence(tx.new_id(), match, tx.now, storable_instant(ends, "ends"), by, comment)
    for name, matcher in made.match:
        if not all(map(storable, matcher.values)):
            place, expected = f"match: {name}", "texts in valid UTF-8 without NUL"
            raise InvalidInput(place, given=matcher, expected=expected)
    content = match_to_dict(made.match)
    row = SilenceRow(made.id, content, made.starts, made.ends, made.by, made.comment)
    tx.port(ALERTS).put_silence(row)
    return made


def unsilence(tx: Transaction, silence_id: UUID | str, by: str) -> bool:
    """End a silence now.

    Args:
        tx: The transaction.
        silence_id: Its id.
        by: Who does it.

    Returns:
        False if it had ended before.

    Raises:
        InvalidInput: If the id is none, or ``by`` no text of 1 to 200 characters.
        NotFound: If there is no such silence.
    """
    given: object = by
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_NAME or not storable(given):
        expected = f"a text of 1 to {_LONGEST_NAME} characters, valid UTF-8 without NUL"
        raise InvalidInput("by", given=by, expected=expected)
    id_ = ids.parse_id(silence_id, "silence_id")
    row = tx.port(ALERTS).silence(id_)
    if row is None:
        raise NotFound("silence", id_)
    if row.ends <= tx.now:
        return False
    tx.port(ALERTS).put_silence(evolve(row, ends=tx.now, ended_by=by))
    return True


def silences(tx: Transaction) -> list[Silence]:
    """Return the silences that have not ended, the oldest first."""
    return current_silences(tx)


def current_silences(tx: Transaction) -> list[Silence]:
    """Return the silences that have not ended."""
    return [
        Silence(row.id, match_from_dict(row.match), row.starts, row.ends, row.by, row.comment)
        for row in tx.port(ALERTS).silences(tx.now)
        if row.starts < row.ends  # or it was ended by a clock that was behind
    ]


def delete_old_silences(tx: Transaction, limit: int) -> int:
    """Delete silences that ended long ago, up to a limit; count them."""
    return tx.port(ALERTS).delete_silences(tx.now - _KEPT, limit)
