"""Amounts of rewards: a number, or a formula of an event's fields, as data."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import floor, isfinite
from typing import Any

import attrs

from habitkit._operands import checked_name, read
from habitkit.errors import InvalidInput

__all__ = [
    "LARGEST",
    "Amount",
    "PerField",
    "Steps",
    "amount_from_json",
    "amount_of",
    "amount_to_json",
    "checked_amount",
    "exact_decimal",
    "per",
    "steps",
]

LARGEST = 2**63 - 1
_MOST_STEPS = 1000
_MOST_DIGITS = 30
_TIMES = f"an int, a Decimal or a float of at most 64 bits and {_MOST_DIGITS} decimal places"


def _checked_int(value: object, what: str, least: int = 0) -> int:
    if type(value) is int and least <= value <= LARGEST:
        return value
    low = "-(2**63)" if least else "0"
    raise InvalidInput(what, given=value, expected=f"an int from {low} to 2**63-1")


def exact_decimal(value: object) -> Decimal | None:
    """Return a number as the decimal that its shortest text is.

    Returns:
        None if it is no int, Decimal, text of one or float, of at most 64 bits and 30 decimal
        places.
    """
    if not isinstance(value, bool) and isinstance(value, int | float | Decimal | str):
        try:
            number = Decimal(value if isinstance(value, int | Decimal) else str(value))
        except (InvalidOperation, ValueError):
            number = Decimal("NaN")
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent >= -_MOST_DIGITS and number.copy_abs() <= LARGEST:
            return number
    return None


def _factor(value: object) -> Decimal:
    number = exact_decimal(value)
    if number is None:
        raise InvalidInput("times", given=value, expected=_TIMES)
    return number


def _field_name(value: object) -> str:
    return checked_name(value, "field")


@attrs.frozen
class PerField:
    """So much for each unit of a field: ``floor(field * times) + plus``; ``per`` makes one.

    Attributes:
        field: The name of the field; where it is missing or no number, it counts as 0.
        times: How much for each unit.
        plus: What is added.
        at_most: The largest amount, or None.
    """

    field: str = attrs.field(converter=_field_name)
    times: Decimal = attrs.field(converter=_factor)
    plus: int = 0
    at_most: int | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse amounts that are none."""
        _checked_int(self.plus, "plus", least=-LARGEST - 1)
        if self.at_most is not None:
            _checked_int(self.at_most, "at_most")

    def of(self, fields: Mapping[str, Any]) -> int:
        """Return the amount for the fields of an event; it may be below 0."""
        amount = floor(_exact(read(fields, self.field)) * Fraction(self.times)) + self.plus
        return amount if self.at_most is None else min(amount, self.at_most)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        found: dict[str, Any] = {"per": self.field, "times": f"{self.times:f}"}
        if self.plus:
            found["plus"] = self.plus
        return found if self.at_most is None else {**found, "at_most": self.at_most}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> PerField:
        """Make it of an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object.
        """
        known = {"per", "times", "plus", "at_most"}
        if not {"per", "times"} <= content.keys() <= known:
            raise InvalidInput("amount", given=[*content], expected=f"some of {sorted(known)}")
        return cls(content["per"], content["times"], content.get("plus", 0), content.get("at_most"))


@attrs.frozen
class Steps:
    """A table: the amount of the largest threshold that a field reaches; ``steps`` makes one.

    Below the first threshold it is 0.

    Attributes:
        field: The name of the field; where it is missing or no number, it counts as 0.
        thresholds: Numbers, in ascending order.
        amounts: The amount of each.
    """

    field: str = attrs.field(converter=_field_name)
    thresholds: tuple[float, ...]
    amounts: tuple[int, ...]

    def __attrs_post_init__(self) -> None:
        """Refuse what is no table."""
        table: tuple[Any, Any] = (self.thresholds, self.amounts)
        if not all(isinstance(part, tuple) and 0 < len(part) <= _MOST_STEPS for part in table) or (
            len(self.thresholds) != len(self.amounts)
        ):
            expected = f"1 to {_MOST_STEPS} thresholds, and an amount for each"
            raise InvalidInput("steps", given=table, expected=expected)
        if not all(map(_is_number, self.thresholds)) or list(self.thresholds) != sorted(
            set(self.thresholds)
        ):
            expected = "different numbers in ascending order"
            raise InvalidInput("thresholds", given=self.thresholds, expected=expected)
        for amount in self.amounts:
            _checked_int(amount, "amounts")

    def of(self, fields: Mapping[str, Any]) -> int:
        """Return the amount for the fields of an event."""
        value = read(fields, self.field)
        reached = bisect_right(self.thresholds, value if _is_number(value) else 0)
        return self.amounts[reached - 1] if reached else 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        table = [list(step) for step in zip(self.thresholds, self.amounts, strict=True)]
        return {"steps": self.field, "table": table}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Steps:
        """Make it of an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object.
        """
        table = content.get("table")
        if content.keys() != {"steps", "table"} or not (
            isinstance(table, list) and all(isinstance(it, list) and len(it) == 2 for it in table)  # noqa: PLR2004 - a pair
        ):
            expected = '{"steps": field, "table": [[threshold, amount], ...]}'
            raise InvalidInput("amount", given=content, expected=expected)
        return cls(content["steps"], tuple(it[0] for it in table), tuple(it[1] for it in table))


Amount = int | PerField | Steps
"""How much: a number, or a formula."""


def per(
    field: str,
    times: float | Decimal | str = 1,
    *,
    plus: int = 0,
    at_most: int | None = None,
) -> PerField:
    """Return the amount ``floor(field * times) + plus``.

    A float, of the event too, is taken as the decimal that its shortest text is, so that 3 times
    0.1 is 0.3.

    Args:
        field: The name of a field; where it is missing or no number, it counts as 0.
        times: How much for each unit: an int, a Decimal, its text, or a float.
        plus: What is added.
        at_most: The largest amount, or None.

    Raises:
        InvalidInput: If one of them is not what is expected.
    """
    return PerField(field, times, plus, at_most)


def steps(field: str, table: Mapping[float, int]) -> Steps:
    """Return the amount of the largest threshold that a field reaches, or 0.

    Args:
        field: The name of a field; where it is missing or no number, it counts as 0.
        table: The amounts by threshold, such as ``{7: 50, 30: 200}``.

    Raises:
        InvalidInput: If one of them is not what is expected.
    """
    untyped: Any = table
    if not (isinstance(untyped, Mapping) and all(map(_is_number, untyped))):
        raise InvalidInput("table", given=table, expected="a dict such as {7: 50, 30: 200}")
    thresholds = sorted(table)
    return Steps(field, tuple(thresholds), tuple(table[each] for each in thresholds))


def amount_of(amount: Amount, fields: Mapping[str, Any]) -> int:
    """Return how much an amount is for the fields of an event, from 0 to 2**63-1."""
    number = amount if isinstance(amount, int) else amount.of(fields)
    return min(max(number, 0), LARGEST)


def checked_amount(value: object, what: str = "amount") -> Amount:
    """Return a valid amount.

    Raises:
        InvalidInput: If it is neither an int from 0 to 2**63-1 nor a formula.
    """
    if isinstance(value, PerField | Steps) or (type(value) is int and 0 <= value <= LARGEST):
        return value
    expected = 'an int from 0 to 2**63-1, or a formula such as per("slots", 5)'
    raise InvalidInput(what, given=value, expected=expected)


def amount_to_json(amount: Amount) -> Any:
    """Return an amount as JSON has it: a number or an object."""
    return amount if isinstance(amount, int) else amount.to_dict()


def amount_from_json(content: object, what: str = "amount") -> Amount:
    """Make an amount of what ``amount_to_json`` returned.

    Raises:
        InvalidInput: If it is no such content.
    """
    if isinstance(content, Mapping):
        return Steps.from_dict(content) if "steps" in content else PerField.from_dict(content)
    return checked_amount(content, what)


def _is_number(value: object) -> bool:
    return type(value) is int or (isinstance(value, float) and isfinite(value))


def _exact(value: Any) -> Fraction:
    """Return the value of a field as the decimal that its shortest text is; 0 for no number."""
    if type(value) is int:
        return Fraction(value)
    return Fraction(repr(float(value))) if _is_number(value) else Fraction(0)
