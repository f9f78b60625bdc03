"""Versions for ``sem_ver``, parsed to what compares as Semantic Versioning says.

Source: semver.org 2.0.0, items 9 to 11. As in flagd a leading ``v`` is ignored, and ``1`` and
``1.2`` stand for ``1.0.0`` and ``1.2.0``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, TypeAlias

from habitkit.flags.domain.json_values import is_number

__all__ = ["Version", "parse_version"]

Version: TypeAlias = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]
"""Major, minor and patch; whether it is a release; and the identifiers of a pre-release.

Of an identifier: whether it has letters, its number, its text. Build metadata does not compare.
"""

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION: Final = re.compile(
    rf"[vV]?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_LONGEST = 256


def parse_version(value: Any) -> Version | None:
    """Parse a version.

    Args:
        value: A text, or a number such as 1.2.

    Returns:
        The version; None if it is none.
    """
    if is_number(value):
        value = str(value)
    return _parse(value) if isinstance(value, str) and len(value) <= _LONGEST else None


@lru_cache(maxsize=4096)  # a product has few versions; without it sem_ver takes five times as long
def _parse(text: str) -> Version | None:
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, labels = match.groups("0")
    if match[4] is None:
        return (int(major), int(minor), int(patch), True, ())
    return (int(major), int(minor), int(patch), False, tuple(map(_identifier, labels.split("."))))


def _identifier(text: str) -> tuple[bool, int, str]:
    return (False, int(text), "") if text.isdecimal() else (True, 0, text)
