"""Amounts: what people record, as exact decimals."""

from __future__ import annotations

from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Subnormal,
)
from functools import reduce
from typing import TYPE_CHECKING

from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ONE", "amount", "kept", "reached", "total"]

ONE = Decimal(1)
_ZERO = Decimal(0)
_MOST_DIGITS = 30
_SMALLEST, _LARGEST = -324, 308  # powers of ten: every float lies between them
_TOO_LARGE = 10 ** (_LARGEST + 1)


def _context(digits: int, smallest: int, largest: int, *traps: type[DecimalException]) -> Context:
    """Return a context of our own, since the host may have changed that of the thread."""
    return Context(
        prec=digits,
        rounding=ROUND_HALF_EVEN,
        Emin=smallest,
        Emax=largest,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[InvalidOperation, DivisionByZero, Overflow, *traps],
    )


_AMOUNT = _context(_MOST_DIGITS, _SMALLEST, _LARGEST, Inexact, Subnormal)
"""Raises what is no amount: more digits, larger or smaller."""

_SUM = _context(1_000, -999_999, 999_999, Inexact)
"""Exact for billions of amounts, which have up to 662 digits between them."""

_QUOTIENT = _context(60, -999_999, 999_999)


def amount(what: str, value: object) -> Decimal:
    """Return an amount as an exact decimal; equal amounts have one form.

    A float is taken by its shortest text: 0.1 is one tenth.

    Args:
        what: The name of the argument, for the error.
        value: An int, Decimal or float.

    Raises:
        InvalidHabit: If it is none of these, not finite, below 0, or longer, larger or smaller
            than every store can keep. A bool is not a number.
    """
    if value is ONE or (type(value) is int and value == 1):
        return ONE
    number = _decimal(value)
    if number is not None and number.is_finite() and number >= 0:
        try:
            return _one_form(number.normalize(_AMOUNT)) if number else _ZERO
        except DecimalException:  # it has more digits, or is too large or too small
            pass
    expected = (
        f"a finite number of at least 0 (int, Decimal or float): 0, or from 1E{_SMALLEST} to "
        f"below 1E{_LARGEST + 1} with at most {_MOST_DIGITS} significant digits"
    )
    raise InvalidHabit(what, given=value, expected=expected)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts, in whichever order they come."""
    return _one_form(reduce(_SUM.add, amounts, _ZERO).normalize(_SUM))


def reached(value: Decimal, low: Decimal) -> float:
    """Return which part of a least amount above 0 is reached, from 0 to 1."""
    return 1.0 if value >= low else float(_QUOTIENT.divide(value, low))


def kept(value: Decimal, high: Decimal) -> float:
    """Return which part of a largest amount is kept: 1 up to it, and 0 from its double on."""
    over = _SUM.subtract(value, high)
    if over <= 0:
        return 1.0
    return 0.0 if over >= high else float(_QUOTIENT.divide(_SUM.subtract(high, over), high))


def _decimal(value: object) -> Decimal | None:
    """Return a number as it would be typed, or None if it is none."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(float.__repr__(value))  # a subclass may write itself in another way
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value) if 0 <= value < _TOO_LARGE else None
    return None


def _one_form(number: Decimal) -> Decimal:
    """Return a normalized number without an exponent where it is a whole one of a usual size."""
    if number.adjusted() < _MOST_DIGITS and number == number.to_integral_value(context=_SUM):
        return number.quantize(ONE, context=_SUM)
    return number
