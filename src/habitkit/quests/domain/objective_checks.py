"""Checks of what a host says about an objective, and of what was stored of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from habitkit._text import storable
from habitkit.errors import InvalidInput
from habitkit.events import Event
from habitkit.quests.domain.counted_events import NEVER_COUNTED

__all__ = [
    "amount_of",
    "amount_to_json",
    "amounts_by_type",
    "counts_by_name",
    "expect_count",
    "expect_name",
    "members",
    "number_of",
    "read_amount",
    "type_name",
]

_LONGEST_TYPE = 100
_LONGEST_NAME = 200
_LARGEST_COUNT = 10**9
_LARGEST_AMOUNT = Decimal(10**18)
_MOST_DECIMALS = 18
_SMALLEST_AMOUNT = Decimal(1).scaleb(-_MOST_DECIMALS)
_MOST_ENTRIES = 100


def members(
    kind: str, content: Mapping[str, Any], needed: Collection[str], possible: Collection[str] = ()
) -> dict[str, Any]:
    """Return the members of a stored objective.

    Args:
        kind: Its kind, for the error.
        content: Its members, without the kind.
        needed: Those that it must have.
        possible: Those that it can have too.

    Raises:
        InvalidInput: If one is missing, or there are others.
    """
    if set(needed) <= set(content) <= {*needed, *possible}:
        return dict(content)
    expected = f"an object of the kind {kind} with {', '.join(needed)}"
    if possible:
        expected += f" and, if wanted, {', '.join(possible)}"
    raise InvalidInput("objective", given={"kind": kind, **content}, expected=expected)


def expect_count(_: object, attribute: Any, value: Any) -> None:
    """Refuse what is no number of things; a validator of attrs.

    Raises:
        InvalidInput: If it is no int from 1 to 1,000,000,000.
    """
    if not _is_count(value):
        expected = f"an int from 1 to {_LARGEST_COUNT:,}"
        raise InvalidInput(attribute.name, given=value, expected=expected)


def expect_name(_: object, attribute: Any, value: Any) -> None:
    """Refuse what is no name of a field or a tag; a validator of attrs.

    Raises:
        InvalidInput: If it is no such text.
    """
    if not _is_text(value, _LONGEST_NAME):
        expected = f"a string of 1 to {_LONGEST_NAME} characters, valid UTF-8 without NUL"
        raise InvalidInput(attribute.name, given=value, expected=expected)


def type_name(given: str | type[Event]) -> str:
    """Return the type of events that a host gives as its class or its name.

    Raises:
        InvalidInput: If it is neither, or that of an event that no quest counts.
    """
    untyped: Any = given
    is_class = isinstance(untyped, type) and issubclass(untyped, Event)
    name: Any = untyped.__name__ if is_class else untyped
    if isinstance(name, str) and _is_text(name, _LONGEST_TYPE) and name not in NEVER_COUNTED:
        return str(name)
    expected = (
        f"a class of events, or the name of 1 to {_LONGEST_TYPE} characters under which they are "
        f"recorded, and none of {', '.join(NEVER_COUNTED)}"
    )
    raise InvalidInput("event", given=given, expected=expected)


def number_of(value: object) -> Decimal | None:
    """Return a finite number as an exact decimal; None for anything else, booleans and text too.

    Args:
        value: A JSON value, or a decimal. A float is what its shortest text says: 0.1 is a tenth.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


def amount_of(name: str, given: object) -> Decimal:
    """Return an amount that a host gives; equal ones have the same form.

    Args:
        name: The argument, for the error.
        given: An int, a float or a decimal.

    Raises:
        InvalidInput: If it is no number above 0, or has too many digits.
    """
    number = number_of(given)
    if number is not None and _SMALLEST_AMOUNT <= number <= _LARGEST_AMOUNT:
        text = format(number, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if len(text.partition(".")[2]) <= _MOST_DECIMALS:
            return Decimal(text)
    expected = f"a number above 0, at most 10**18, with at most {_MOST_DECIMALS} decimals"
    raise InvalidInput(name, given=given, expected=expected)


def amount_to_json(amount: Decimal) -> int | str:
    """Return an amount as a JSON value: a whole number, or the text of a decimal."""
    return int(amount) if amount == int(amount) else format(amount, "f")


def read_amount(name: str, stored: object) -> Any:
    """Return what ``amount_to_json`` wrote as a number.

    Raises:
        InvalidInput: If it is a text that is not of a decimal.
    """
    if not isinstance(stored, str):
        return stored  # which amount_of checks
    if not stored.isascii() or not stored.replace(".", "", 1).isdigit():
        raise InvalidInput(name, given=stored, expected='a number, or its text, such as "0.5"')
    return Decimal(stored)


def counts_by_name(name: str, given: object) -> dict[str, int]:
    """Return how many are wanted by name, in the order of the names.

    Raises:
        InvalidInput: If it is no such mapping.
    """
    entries = _entries(name, given, '{"feather": 3}')
    if not all(_is_text(key, _LONGEST_NAME) and _is_count(count) for key, count in entries):
        expected = f'ints from 1 to {_LARGEST_COUNT:,} by name, such as {{"feather": 3}}'
        raise InvalidInput(name, given=given, expected=expected)
    return dict(sorted(entries))


def amounts_by_type(name: str, given: object) -> dict[str, Decimal]:
    """Return amounts by type of events, in the order of their names.

    Args:
        name: The argument, for the error.
        given: A mapping of classes or names to amounts; amounts may be as they are stored.

    Raises:
        InvalidInput: If it is no such mapping.
    """
    entries = _entries(name, given, '{"HabitCompleted": 5}')
    found = {type_name(key): amount_of(name, read_amount(name, it)) for key, it in entries}
    if len(found) < len(entries):
        raise InvalidInput(name, given=given, expected="each type of events once")
    return dict(sorted(found.items()))


def _entries(name: str, given: object, example: str) -> list[tuple[Any, Any]]:
    if isinstance(given, Mapping) and 0 < len(given) <= _MOST_ENTRIES:
        return list(given.items())
    expected = f"a mapping with 1 to {_MOST_ENTRIES} entries, such as {example}"
    raise InvalidInput(name, given=given, expected=expected)


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= _LARGEST_COUNT


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and storable(value)
