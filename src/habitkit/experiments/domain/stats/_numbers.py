"""Checks of the numbers that the methods take."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from habitkit.experiments.domain.stats.moments import Moments

__all__ = ["count", "fraction", "moments_of", "number"]

LARGEST = 10**15
"""Whole numbers up to here, and their halves, are exact as floats."""


def number(what: str, given: object, *, low: float = -inf) -> float:
    """Return a finite number that is at least ``low``, or refuse it."""
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise InvalidInput(what, given=given, expected="a number")
    if not (isfinite(given) and given >= low):
        limit = f" of at least {low:g}" if low > -inf else ""
        raise InvalidInput(what, given=given, expected=f"a finite number{limit}")
    return float(given)


def fraction(what: str, given: object) -> float:
    """Return a number between 0 and 1, both excluded, or refuse it."""
    if isinstance(given, bool) or not (isinstance(given, (int, float)) and 0 < given < 1):
        raise InvalidInput(what, given=given, expected="a number between 0 and 1, both excluded")
    return float(given)


def count(what: str, given: object, *, low: int = 0) -> int:
    """Return a whole number of at least ``low``, or refuse it."""
    if isinstance(given, bool) or not (isinstance(given, int) and low <= given <= LARGEST):
        expected = f"a whole number from {low} to {LARGEST:,}"
        raise InvalidInput(what, given=given, expected=expected)
    return given


def moments_of(what: str, given: Moments, *, least: int) -> Moments:
    """Return moments of at least so many values, or refuse them."""
    count(f"{what}.n", given.n, low=least)
    number(f"{what}.mean", given.mean)
    number(f"{what}.M2", given.M2, low=0)
    return given
