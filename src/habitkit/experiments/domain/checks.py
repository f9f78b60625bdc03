"""Checks of what a host says about an experiment, as validators of attrs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from habitkit._text import storable
from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

__all__ = [
    "LONGEST_DAYS",
    "LONGEST_KEY",
    "SEGMENTS",
    "Validator",
    "are_ranges",
    "expect",
    "expect_flag",
    "expect_instance",
    "expect_int",
    "expect_key",
    "expect_number",
    "expect_one_of",
    "expect_period",
    "expect_text",
    "is_instant",
    "is_key",
    "is_number",
    "or_none",
    "weights_of",
]

Validator: TypeAlias = "Callable[[Any, Any, Any], None]"
"""What attrs calls with an instance, one of its attributes and the value."""

LONGEST_KEY = 200
"""Characters of a key or a name."""

SEGMENTS = 10_000
"""The segments of a layer."""

LONGEST_DAYS = 36_500
"""Days of the longest window, so that no instant leaves the calendar."""

_FEWEST_VARIANTS = 2
_MOST_VARIANTS = 64
_WEIGHTS = (
    f"{_FEWEST_VARIANTS} to {_MOST_VARIANTS} variants, names of 1 to {LONGEST_KEY} characters: "
    "weights from 0 by variant with a sum above 0, or a list of variants"
)


def is_key(value: object) -> bool:
    """Return whether it is a key or a name that every store can keep."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_KEY and storable(value)


def is_number(value: object) -> bool:
    """Return whether it is a finite number, no bool."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an int that no float holds
        return False


def is_instant(value: object) -> bool:
    """Return whether it is a datetime with a time zone."""
    return isinstance(value, datetime) and value.utcoffset() is not None


def expect(test: Callable[[Any], bool], expected: str) -> Validator:
    """Return a validator that refuses what fails a test.

    Raises:
        InvalidInput: From the validator, not from this call.
    """

    def validate(_: object, attribute: Any, value: Any) -> None:
        if not test(value):
            raise InvalidInput(attribute.name, given=value, expected=expected)

    return validate


def or_none(validator: Validator) -> Validator:
    """Return a validator that takes None too."""

    def validate(instance: object, attribute: Any, value: Any) -> None:
        if value is not None:
            validator(instance, attribute, value)

    return validate


def expect_key() -> Validator:
    """Return a validator for keys and names."""
    expected = f"a string of 1 to {LONGEST_KEY} characters, valid UTF-8 without NUL"
    return expect(is_key, expected)


def expect_text(most: int) -> Validator:
    """Return a validator for text of at most so many characters."""
    return expect(
        lambda value: isinstance(value, str) and len(value) <= most and storable(value),
        f"a string of at most {most} characters, valid UTF-8 without NUL",
    )


def expect_number(expected: str, test: Callable[[float], bool] = lambda _: True) -> Validator:
    """Return a validator for finite numbers that pass a test."""
    return expect(lambda value: is_number(value) and test(value), expected)


def expect_int(low: int, high: int) -> Validator:
    """Return a validator for ints from the lowest to the highest."""
    return expect(
        lambda value: type(value) is int and low <= value <= high, f"an int from {low} to {high}"
    )


def expect_flag() -> Validator:
    """Return a validator for True and False."""
    return expect(lambda value: isinstance(value, bool), "True or False")


def expect_one_of(*names: str) -> Validator:
    """Return a validator for one of some words."""
    return expect(
        lambda value: isinstance(value, str) and value in names, f"one of {', '.join(names)}"
    )


def expect_instance(kind: type, expected: str) -> Validator:
    """Return a validator for instances of a class."""
    return expect(lambda value: isinstance(value, kind), expected)


def expect_period() -> Validator:
    """Return a validator for a length of time in whole seconds, above 0."""
    zero, longest = timedelta(0), timedelta(days=LONGEST_DAYS)
    return expect(
        lambda value: (
            isinstance(value, timedelta) and zero < value <= longest and not value.microseconds
        ),
        f"a timedelta of whole seconds, above 0 and of at most {LONGEST_DAYS:,} days",
    )


def weights_of(given: Any, name: str) -> dict[str, float]:
    """Return weights by variant; a list of variants has equal ones.

    Args:
        given: What a host gives.
        name: The attribute, for the error.

    Raises:
        InvalidInput: If it is neither.
    """
    weights = given
    if isinstance(given, list | tuple) and all(map(is_key, given)):
        weights = dict.fromkeys(given, 1.0)
    refused = InvalidInput(name, given=given, expected=_WEIGHTS)
    if not isinstance(weights, Mapping) or len(weights) != len(given):
        raise refused
    if not _FEWEST_VARIANTS <= len(weights) <= _MOST_VARIANTS or not all(map(is_key, weights)):
        raise refused
    if not all(is_number(it) and it >= 0 for it in weights.values()):
        raise refused
    found = {variant: float(weight) for variant, weight in weights.items()}
    if not 0 < sum(found.values()) < float("inf"):
        raise refused
    return found


def are_ranges(given: object) -> bool:
    """Return whether these are ranges of segments in their order."""
    if not isinstance(given, tuple):
        return False
    last = 0
    for each in given:
        if not isinstance(each, tuple) or [type(it) for it in each] != [int, int]:
            return False
        first, end = each
        if not last <= first < end <= SEGMENTS:
            return False
        last = end
    return True
