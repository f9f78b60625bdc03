"""Checks of the numbers that the methods take, and functions of the normal distribution."""

from __future__ import annotations

from math import erfc, exp, inf, isfinite, pi, sqrt
from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from habitkit.experiments.domain.stats.inference import Effect
    from habitkit.experiments.domain.stats.moments import Moments

__all__ = [
    "count",
    "effect_numbers",
    "fraction",
    "moments_of",
    "normal_above",
    "normal_density",
    "number",
]

LARGEST = 10**15
"""Whole numbers up to here, and their halves, are exact as floats."""


def number(what: str, given: float, *, low: float = -inf, expected: str = "") -> float:
    """Return a finite number that is at least ``low``, or refuse it."""
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not (is_number and isfinite(given) and given >= low):
        raise InvalidInput(what, given=given, expected=expected or "a finite number")
    return float(given)


def fraction(what: str, given: float) -> float:
    """Return a number between 0 and 1, both excluded, or refuse it."""
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not (is_number and 0 < given < 1):
        raise InvalidInput(what, given=given, expected="a number between 0 and 1, both excluded")
    return float(given)


def count(what: str, given: int, *, low: int = 0) -> int:
    """Return a whole number of at least ``low``, or refuse it."""
    is_count = isinstance(given, int) and not isinstance(given, bool)
    if not (is_count and low <= given <= LARGEST):
        expected = f"a whole number from {low} to {LARGEST:,}"
        raise InvalidInput(what, given=given, expected=expected)
    return given


def effect_numbers(effect: Effect) -> tuple[float, float]:
    """Return the estimate of an effect and its standard error, or refuse it."""
    estimate = number("effect.estimate", effect.estimate)
    se = number("effect.se", effect.se, low=0, expected="a finite number above 0")
    if not se:
        raise InvalidInput(
            "effect.se", given=effect.se, expected="a finite number above 0: values that differ"
        )
    return estimate, se


def moments_of(what: str, given: Moments, *, least: int) -> Moments:
    """Return moments of at least so many values, or refuse them."""
    count(f"{what}.n", given.n, low=least)
    number(f"{what}.mean", given.mean)
    number(f"{what}.M2", given.M2, low=0, expected="a finite number of at least 0")
    return given


def normal_above(z: float) -> float:
    """Return the probability that a standard normal variable is above ``z``."""
    return 0.5 * erfc(z / sqrt(2))


def normal_density(z: float) -> float:
    """Return the density of the standard normal distribution."""
    return exp(-z * z / 2) / sqrt(2 * pi)
