"""The limits of rules: how large they may be, and what they may build."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

__all__ = [
    "DEEPEST",
    "LONGEST_LIST",
    "LONGEST_TEXT",
    "MOST_FAULTS",
    "MOST_ITEMS",
    "MOST_LOOPS",
    "MOST_OPERATORS",
    "MOST_ROUNDS",
    "MOST_VALUES",
    "check_length",
    "too_large",
]

DEEPEST: Final = 64
"""Levels of a rule, and of a list or object that becomes text or is hashed."""

MOST_OPERATORS: Final = 10_000
"""Operators of a rule, with those that its references bring in."""

MOST_VALUES: Final = 1_000_000
"""Values of a rule, its constants included."""

MOST_FAULTS: Final = 100
"""Faults of a rule that are reported; the rest of it is not looked at."""

LONGEST_TEXT: Final = 1_000_000
"""Characters of a text that a rule builds, and bytes that it hashes."""

LONGEST_LIST: Final = 100_000
"""Items of a list that a rule builds."""

MOST_ITEMS: Final = 10_000
"""Items of a list that a loop goes through."""

MOST_ROUNDS: Final = 100_000
"""How often the body of loops that stand in each other is evaluated."""

MOST_LOOPS: Final = 4
"""Loops that stand in each other."""


def too_large(what: str, limit: int, unit: str) -> ValueError:
    """Return the error of a rule that builds something too large."""
    return ValueError(f"{what} is too large; expected at most {limit} {unit}")


def check_length(values: Sized, most: int) -> None:
    """Refuse a list that is too long for what a rule does with it.

    Raises:
        ValueError: If it has more than ``most`` items.
    """
    if len(values) > most:
        raise too_large("a list", most, "items here")
