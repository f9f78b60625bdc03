"""The limits of rules: how large they may be, and what they may build."""

from __future__ import annotations

from typing import Final

__all__ = ["LimitExceeded"]

DEEPEST: Final = 64
"""Levels of a rule, and of a list or object that becomes text or is hashed."""

MOST_OPERATORS: Final = 10_000
"""Operators of a rule, with those that its references bring in."""

MOST_VALUES: Final = 1_000_000
"""Values of a rule, its constants included."""

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


class LimitExceeded(ValueError):
    """A rule built something that is too large.

    Attributes:
        what: What is too large.
        limit: What is expected at most.
    """

    def __init__(self, what: str, limit: int, unit: str) -> None:
        """Name what is too large, and the limit with its unit."""
        self.what, self.limit = what, limit
        super().__init__(f"{what} is too large; expected at most {limit} {unit}")
