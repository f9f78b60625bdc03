"""What of the JSON of an event counts as a number, and as an instant; equal on every backend."""

from __future__ import annotations

import re
from datetime import datetime

__all__ = ["INSTANT", "LARGEST_NUMBER", "instant_of", "number_of"]

LARGEST_NUMBER = 1e100
"""What a larger number counts as: the squares of many such ones are floats still."""

_DATE = (
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{6})?"
_OFFSET = "[+-](?:0[0-9]|1[0-4]):[0-5][0-9]"

INSTANT = f"^(?!000[01]|9999){_DATE}T{_TIME}{_OFFSET}$"
"""A regular expression, for Python and for PostgreSQL: what ``isoformat`` writes of an aware
datetime in the years 2 to 9998."""

_instant = re.compile(INSTANT)


def number_of(value: object) -> float | None:
    """Return a JSON number as a float.

    Args:
        value: A JSON value.

    Returns:
        The number, at most ``LARGEST_NUMBER`` from 0; None for other values, booleans too.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(max(-LARGEST_NUMBER, min(value, LARGEST_NUMBER)))


def instant_of(value: object) -> datetime | None:
    """Return the instant that a JSON value says, as ``isoformat`` writes it with an offset.

    Args:
        value: A JSON value.

    Returns:
        The instant; None if it says none, or one outside of the years 2 to 9998.
    """
    if not isinstance(value, str) or not _instant.match(value) or value.endswith("\n"):
        return None
    return datetime.fromisoformat(value)
