"""What predicates compare: the fields of an event, and the values that they are compared with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from itertools import islice
from math import isfinite
from typing import Any
from uuid import UUID

from habitkit._text import storable
from habitkit.errors import InvalidInput

__all__ = [
    "MOST_VALUES",
    "ORDERED",
    "as_operand",
    "checked_name",
    "comparable",
    "read",
    "value_at",
]

MOST_VALUES = 1000
_LONGEST_NAME = 200
_LONGEST_TEXT = 1000
_MOST_BITS = 1024  # the largest float has so many
ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SCALAR = (
    f"a text of at most {_LONGEST_TEXT} characters, a finite number, True, False, a UUID or a "
    "date; exists() tells whether there is a value"
)


def checked_name(value: object, what: str = "field") -> str:
    """Return the valid name of a field.

    Raises:
        InvalidInput: If it is no non-empty string, longer than 200 characters, or has nothing
            before or after a dot.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_NAME and storable(value):
        text = str.__str__(value)  # of a member of an enum its value
        if all(text.split(".")):
            return text
    expected = f'a name of at most {_LONGEST_NAME} characters, such as "amount" or "book.pages"'
    raise InvalidInput(what, given=value, expected=expected)


def read(fields: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field by its name, or None if it is missing."""
    return value_at(fields, tuple(name.split(".")))


def value_at(fields: Any, path: tuple[str, ...]) -> Any:
    """Return the value of a field by the parts of its name, or None if it is missing."""
    for name in path:
        if not isinstance(fields, Mapping):
            return None
        fields = fields.get(name)
    return fields


def comparable(value: Any) -> Any:
    """Return what is equal for equal values of one kind: text, number or bool; None for others."""
    if isinstance(value, tuple):
        return tuple(map(comparable, value))
    return (type(value) is bool, value) if isinstance(value, str | int | float) else None


def as_operand(op: str, value: Any, what: str = "value") -> Any:
    """Return what an operator compares with, as JSON has it; of ``in`` a sorted tuple.

    Args:
        op: The operator.
        value: What was given.
        what: What to call it in an error.

    Raises:
        InvalidInput: If the operator cannot compare with it.
    """
    if op == "exists":
        if value is None:
            return None
        raise InvalidInput(what, given=value, expected="nothing that exists compares with")
    if op == "in":
        if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
            given = [*islice(value, MOST_VALUES + 1)]
            values = {comparable(_scalar(each, what)) for each in given}
            if 0 < len(given) <= MOST_VALUES:
                return tuple(each for _, each in sorted(values, key=_order))
        expected = f"a list of 1 to {MOST_VALUES} values, such as ['run', 'walk']"
        raise InvalidInput(what, given=value, expected=expected)
    if op == "contains" and not (isinstance(value, str) and value):
        raise InvalidInput(what, given=value, expected="a non-empty string")
    if op in ORDERED and isinstance(value, bool):
        raise InvalidInput(what, given=value, expected=f"a number or a text after {op}")
    return _scalar(value, what)


def _order(value: tuple[bool, Any]) -> tuple[bool, bool, Any]:
    """Return by what a comparable value is sorted among others: numbers, booleans, texts."""
    return (isinstance(value[1], str), *value)


def _scalar(value: Any, what: str) -> str | float:
    """Return a value of JSON that has no parts.

    An instant is none: texts of one instant differ by its zone and the digits of its seconds.
    """
    if isinstance(value, UUID) or (isinstance(value, date) and not isinstance(value, datetime)):
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT and storable(value):
        return str.__str__(value)
    if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    raise InvalidInput(what, given=value, expected=_SCALAR)
