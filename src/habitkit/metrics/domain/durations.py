"""Durations as texts, such as ``"5m"`` and ``"1h30m"``, or whole seconds."""

from __future__ import annotations

import re

from habitkit.metrics.errors import InvalidMetric

__all__ = ["seconds", "text_of"]

_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_TEXT = re.compile("".join(f"(?:([0-9]{{1,12}}){unit})?" for unit in _UNITS))
_LONGEST = 100 * 366 * 86_400
_LONGEST_TEXT = 40


def seconds(value: str | int, what: str = "duration", *, least: int = 1) -> int:
    """Return a duration in seconds.

    Args:
        value: A text of whole numbers with a unit of w, d, h, m or s, the longest unit first, or an
            int of seconds.
        what: What it is, for the message.
        least: How many seconds it has at least.

    Raises:
        InvalidMetric: If it is neither, shorter, or longer than 100 years.

    Example:
        >>> seconds("5m"), seconds("1h30m"), seconds(15)
        (300, 5400, 15)
    """
    found = _parsed(value) if isinstance(value, str) else value
    if type(found) is int and least <= found <= _LONGEST:
        return found
    expected = (
        'a duration such as "30s", "5m", "1h", "1d" or "1w", or an int of seconds, of '
        f"{least} s up to 100 years"
    )
    raise InvalidMetric(what, given=value, expected=expected)


def text_of(duration: int) -> str:
    """Return a duration as text, which ``seconds`` reads.

    Example:
        >>> text_of(300), text_of(5400), text_of(0)
        ('5m', '1h30m', '0s')
    """
    text, rest = "", duration
    for unit, length in _UNITS.items():
        number, rest = divmod(rest, length)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def _parsed(text: str) -> int | None:
    """Return the seconds of a text; None if it is no duration."""
    found = _TEXT.fullmatch(text) if 0 < len(text) <= _LONGEST_TEXT else None
    if found is None:
        return None
    return sum(
        int(number) * length
        for number, length in zip(found.groups(), _UNITS.values(), strict=True)
        if number
    )
