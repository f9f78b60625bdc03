"""Checks of JSON values as Python has them; what is at fault is noted with its path."""

from __future__ import annotations

import marshal
import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from habitkit._text import storable
from habitkit.flags.domain.faults import Fault, json_path, shown

if TYPE_CHECKING:
    from habitkit.flags.domain.faults import Path

__all__ = [
    "add_fault",
    "expect_json",
    "expect_key",
    "expect_members",
    "read_object",
    "same_json",
]

_LONGEST_KEY = 200
_LARGEST_INT = 2**53
_LARGEST_FLOAT_BITS = 1024
_DEEPEST = 64
_PLAIN = 2
"""The version of marshal that writes each value for itself: equal bytes are equal values."""


def read_object(given: object, path: Path, faults: list[Fault]) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one if it is at fault."""
    if not isinstance(given, Mapping):
        add_fault(faults, path, f"expected an object, got {shown(given)}")
    elif not all(isinstance(name, str) for name in given):
        add_fault(faults, path, "expected the names of members to be strings")
    else:
        return given
    return {}


def expect_members(
    given: Mapping[str, Any], known: tuple[str, ...], path: Path, faults: list[Fault]
) -> None:
    """Refuse members that nobody knows; a misspelt rule would be ignored otherwise."""
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; expected {', '.join(known)}"
            add_fault(faults, (*path, name), f"unknown member{hint}")


def expect_key(key: str, path: Path, faults: list[Fault]) -> None:
    """Refuse names of flags, variants and shared rules that a store could not keep."""
    if not (0 < len(key) <= _LONGEST_KEY and storable(key)):
        expected = f"a name of 1 to {_LONGEST_KEY} characters, valid UTF-8 without NUL"
        add_fault(faults, path, f"expected {expected}")


def expect_json(value: object, path: Path, faults: list[Fault], depth: int = 0) -> None:
    """Refuse what JSON cannot carry between two programs."""
    if depth > _DEEPEST:
        add_fault(faults, path, f"expected at most {_DEEPEST} levels")
    elif isinstance(value, Mapping):
        for name, inner in read_object(value, path, faults).items():
            expect_json(name, path, faults)
            expect_json(inner, (*path, name), faults, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            expect_json(inner, (*path, index), faults, depth + 1)
    elif isinstance(value, str):
        if not storable(value):
            add_fault(faults, path, "expected valid UTF-8 without NUL")
    elif isinstance(value, int | float):
        _expect_number(value, path, faults)
    elif value is not None:
        add_fault(faults, path, f"expected JSON, got {shown(value)}")


def _expect_number(value: float, path: Path, faults: list[Fault]) -> None:
    """Refuse numbers that JavaScript would change."""
    if isinstance(value, int) and not _is_exact(value):
        expected = "an integer that a 64-bit float holds, such as those from -2**53 to 2**53"
        add_fault(faults, path, f"expected {expected}, got {shown(value)}")
    elif not math.isfinite(value):
        add_fault(faults, path, f"expected a finite number, got {shown(value)}")


def _is_exact(value: int) -> bool:
    """Tell whether a float holds an integer: a store may return 1e22 as one of 23 digits."""
    if abs(value) <= _LARGEST_INT:
        return True
    return value.bit_length() < _LARGEST_FLOAT_BITS and int(float(value)) == value


def add_fault(faults: list[Fault], path: Path, message: str) -> None:
    """Note a fault."""
    faults.append(Fault(json_path(path), message))


def same_json(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON, in which ``1``, ``1.0`` and ``true`` differ.

    It may be False for equal values of other classes than those that JSON text is parsed into.
    """
    if one is other:
        return True
    try:
        return bool(one == other) and marshal.dumps(one, _PLAIN) == marshal.dumps(other, _PLAIN)
    except (ValueError, RecursionError):  # of another class, or nested too deeply
        return False
