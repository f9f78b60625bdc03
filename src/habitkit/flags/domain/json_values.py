"""What JavaScript makes of JSON values: truth, numbers, text, equality, order.

Source: ECMAScript 2024, sections 7.1 (type conversion), 7.2 (testing and comparison) and 6.1.6.1.20
(numbers as text). Numbers are doubles there: whole ones are ints here as long as an int is exact.
What Python adds to JSON is an object without members to these functions.

One difference is left: text is compared and cut by its UTF-16 code units, but searched by its code
points, so that half of a surrogate pair is not found in a text.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

from habitkit.flags.domain.limits import DEEPEST, LONGEST_TEXT, too_large

__all__ = [
    "UNDEFINED",
    "code_units",
    "compare",
    "double",
    "is_number",
    "leading_number",
    "loose_equal",
    "strict_equal",
    "text_length",
    "text_slice",
    "to_number",
    "to_text",
    "truthy",
    "whole",
]

_EXACT = 2**53
_SPACES = "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_SPACES += "\u2028\u2029\u202f\u205f\u3000\ufeff"
_DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_RADIX = re.compile(r"0(?:[xX](?P<hex>[0-9a-fA-F]+)|[oO](?P<oct>[0-7]+)|[bB](?P<bin>[01]+))")
_BASES = {"hex": 16, "oct": 8, "bin": 2}


class _Undefined:
    """An argument that is not there, where JavaScript tells that from null."""

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = _Undefined()


def is_number(value: Any) -> bool:
    """Tell a number from everything else, booleans included."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def truthy(value: Any) -> bool:
    """Return whether JsonLogic takes a value for true: an empty list is false, an object true."""
    if value is True or value is False or value is None:
        return value is True
    if isinstance(value, (str, int, list, tuple)):
        return len(value) > 0 if isinstance(value, (list, tuple)) else bool(value)
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return value is not UNDEFINED


def whole(number: float) -> int | float:
    """Return a number as an int if an int says the same."""
    if number.is_integer() and -_EXACT <= number <= _EXACT:
        return int(number) if number or math.copysign(1, number) > 0 else number
    return number


def double(number: float) -> float:
    """Return a number as the double that JavaScript has in its place."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def to_number(value: Any) -> float:
    """Convert a value to a double, as ``Number(value)`` does; NaN where it is no number."""
    if isinstance(value, (float, int)):
        return double(value)
    if value is None:
        return 0.0
    if isinstance(value, str):
        return _parse_number(value)
    if isinstance(value, (list, tuple)):
        return _parse_number(to_text(value))
    return math.nan


def leading_number(value: Any) -> float:
    """Convert what a text begins with, as ``parseFloat(value)`` does; NaN without digits."""
    if is_number(value):
        return double(value) or 0.0  # the text of -0 is "0"
    match = _DECIMAL.match(to_text(value).lstrip(_SPACES))
    return _parse_decimal(match[0]) if match else math.nan


def _parse_number(text: str) -> float:
    text = text.strip(_SPACES)
    if not text:
        return 0.0
    if _DECIMAL.fullmatch(text):
        return _parse_decimal(text)
    match = _RADIX.fullmatch(text)
    if match is None or match.lastgroup is None:
        return math.nan
    return double(int(match[match.lastgroup], _BASES[match.lastgroup]))


def _parse_decimal(text: str) -> float:
    return float(text.replace("Infinity", "inf"))


def to_text(value: Any) -> str:
    """Convert a value to text, as ``String(value)`` does.

    Raises:
        ValueError: If it is too long, or nested too deeply.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        parts: list[str] = []
        _join(value, parts, [LONGEST_TEXT], DEEPEST)
        return "".join(parts)
    return _scalar_text(value)


def _scalar_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number_text(value)
    return "undefined" if value is UNDEFINED else "[object Object]"


def _join(items: Any, parts: list[str], left: list[int], depth: int) -> None:
    """Append the text of a list, ``left[0]`` characters at most: lists may share their items."""
    if depth == 0:
        raise too_large("a list that becomes text", DEEPEST, "levels")
    for index, item in enumerate(items):
        if index:
            parts.append(",")
        left[0] -= 1
        if isinstance(item, (list, tuple)):
            _join(item, parts, left, depth - 1)
        elif item is not None and item is not UNDEFINED:
            text = item if isinstance(item, str) else _scalar_text(item)
            left[0] -= len(text)
            parts.append(text)
        if left[0] < 0:
            raise too_large("the text of a list", LONGEST_TEXT, "characters")


def _number_text(number: float) -> str:
    if isinstance(number, int) and -_EXACT <= number <= _EXACT:
        return str(int(number))
    number = double(number)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)  # where the point stands in the digits
    return "-" * sign + _with_point(text, point)


def _with_point(digits: str, point: int) -> str:
    if -6 < point <= 21:  # noqa: PLR2004 - outside, JavaScript writes an exponent
        whole_part = digits[:point].ljust(point, "0") if point > 0 else "0"
        fraction = digits[point:] if point > 0 else "0" * -point + digits
        return f"{whole_part}.{fraction}" if fraction else whole_part
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def strict_equal(left: Any, right: Any) -> bool:
    """Return ``left === right``: lists and objects are equal to themselves alone."""
    if isinstance(left, str):
        return isinstance(right, str) and left == right
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, (int, float)):
        if not isinstance(right, (int, float)):
            return False
        return left == right or double(left) == double(right)
    return left is right


def loose_equal(left: object, right: object) -> bool:
    """Return ``left == right``, which converts values of different types to numbers or text."""
    left_type, right_type = _type(left), _type(right)
    if left_type == right_type:
        return left_type == "null" or strict_equal(left, right)
    if "null" in {left_type, right_type}:
        return False
    if left_type == "object" and right_type == "string":
        return to_text(left) == right
    if left_type == "string" and right_type == "object":
        return to_text(right) == left
    return to_number(left) == to_number(right)


def _type(value: Any) -> str:
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "null" if value is None or value is UNDEFINED else "object"


def compare(left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1 for ``<``, ``==`` or ``>`` of JavaScript; None if nothing holds (NaN).

    Text is compared with text by its code units; everything else is converted to numbers.
    """
    if isinstance(left, (list, tuple, dict)):
        left = to_text(left)
    if isinstance(right, (list, tuple, dict)):
        right = to_text(right)
    if isinstance(left, str) and isinstance(right, str):
        if not (left.isascii() and right.isascii()):
            first, second = code_units(left), code_units(right)
            return (first > second) - (first < second)
        return (left > right) - (left < right)
    low, high = to_number(left), to_number(right)
    if math.isnan(low) or math.isnan(high):
        return None
    return (low > high) - (low < high)


def code_units(text: str) -> bytes:
    """Return the UTF-16 code units of a text, two bytes each, in an order that compares."""
    return text.encode("utf-16-be", "surrogatepass")


def text_length(text: str) -> int:
    """Return the number of UTF-16 code units of a text."""
    return len(text) if text.isascii() else len(code_units(text)) // 2


def text_slice(text: str, start: int, end: int) -> str:
    """Return a part of a text, cut by UTF-16 code units."""
    if text.isascii():
        return text[start:end]
    return code_units(text)[2 * start : 2 * end].decode("utf-16-be", "surrogatepass")
