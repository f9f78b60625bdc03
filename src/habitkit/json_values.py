"""``to_dict``: a value of habitkit as what JSON can hold, for responses of a web app."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from json import dumps
from math import isfinite
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import fields, has

from habitkit.errors import InvalidInput
from habitkit.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["to_dict"]

_UNKNOWN = object()
_EXPECTED = (
    "a value that a kit returns, such as a Habit or a Balance; call it for each value of a list"
)
_NO_ERROR = "a value that a kit returns; map errors to responses in an error handler of your app"


def to_dict(value: object) -> dict[str, Any]:
    """Return a value of habitkit as a dict that ``json.dumps`` takes.

    It has the value's attributes, and those of its properties that are no values themselves, such
    as ``Balance.available``. An event has its ``type`` and ``key`` among them, and a fact about a
    habit its ``kind``. What a value leaves out of its ``repr`` is left out here too.

    ===================================  =====================================
    in the value                         in the dict
    ===================================  =====================================
    text, int, float, bool, None         the same
    ``Decimal``                          a string without an exponent: "2.50"
    ``datetime``, ``date``, ``time``     a string in the format of ISO 8601
    ``timedelta``                        its seconds
    ``UUID``                             a string
    ``bytes``                            a string of hexadecimal digits
    enum                                 its value
    class of events                      its name
    exception                            the name of its class, and its message
    tuple, list                          a list
    set                                  a sorted list
    mapping                              a dict; its keys must be strings in JSON
    another value of habitkit            a dict
    ===================================  =====================================

    Args:
        value: What a call of a kit has returned, or one of a list of them. A class of your own
            that is made with attrs is taken too, such as an event.

    Raises:
        InvalidInput: If it is another object, such as an error, or has something inside that JSON
            cannot hold, such as a function, a float that is not a finite number, a key of a
            mapping that is no string in JSON, or too many levels.

    Example:
        >>> from habitkit import Balance, to_dict
        >>> balance = to_dict(Balance("ada", "coin", posted=12, pending=2))
        >>> balance["posted"], balance["available"]
        (12, 10)
    """
    if isinstance(value, BaseException):
        raise InvalidInput("value", given=value, expected=_NO_ERROR)
    if isinstance(value, type) or not (has(type(value)) or hasattr(value, "_asdict")):
        raise InvalidInput("value", given=value, expected=_EXPECTED)
    try:
        return _of_value(value)
    except RecursionError as error:
        expected = "a value that is not nested too deeply for JSON, and not in itself"
        raise InvalidInput("value", given=type(value), expected=expected) from error


def _of_value(value: object) -> dict[str, Any]:
    """Return the attributes and the plain properties of a value by name."""
    kind: Any = type(value)
    names, properties = _names(kind)
    found = {name: _of(getattr(value, name), kind, name) for name in names}
    for name in properties:
        plain = _scalar(getattr(value, name))
        if plain is not _UNKNOWN:
            found[name] = plain
    return found


@cache
def _names(kind: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the attributes and of the properties that are shown.

    Raises:
        InvalidInput: If it keeps something that is not public, as builders do.
    """
    if has(kind):
        names = tuple(each.name for each in fields(kind) if each.repr)
    else:
        hidden: tuple[str, ...] = getattr(kind, "_left_out", tuple)()
        names = tuple(name for name in kind._fields if name not in hidden)  # type: ignore[attr-defined]
    if any(name.startswith("_") for name in names):
        raise InvalidInput("value", given=kind, expected=_EXPECTED)
    properties: dict[str, None] = {}
    for parent in reversed(kind.__mro__):
        for name, each in vars(parent).items():
            if isinstance(each, property) and not name.startswith("_"):
                properties[name] = None
    return names, tuple(properties)


def _of(value: object, kind: type, name: str) -> Any:
    """Return what an attribute of a value holds."""
    plain = _scalar(value)
    if plain is not _UNKNOWN:
        return plain
    if has(type(value)) or hasattr(value, "_asdict"):
        return _of_value(value)
    if isinstance(value, (list, tuple)):
        return [_of(each, kind, name) for each in value]
    if isinstance(value, AbstractSet):
        return _sorted([_of(each, kind, name) for each in value])
    if isinstance(value, Mapping):
        return {_key(key, kind, name): _of(each, kind, name) for key, each in value.items()}
    where = f"{kind.__name__}.{name}"
    raise InvalidInput(where, given=value, expected="what JSON can hold")


def _sorted(values: list[Any]) -> list[Any]:
    """Return values in their order, or in that of their JSON where they have none."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=dumps)


def _key(value: object, kind: type, name: str) -> str:
    """Return a key of a mapping as a string."""
    plain = _scalar(value)
    if isinstance(plain, str):
        return plain
    where = f"a key of {kind.__name__}.{name}"
    raise InvalidInput(where, given=value, expected="a string or UUID")


def _scalar(value: object) -> Any:
    """Return what has no parts as JSON has it, or ``_UNKNOWN``."""
    if isinstance(value, Enum):
        return _scalar(value.value)
    if isinstance(value, type):
        return value.__name__ if issubclass(value, Event) else _UNKNOWN
    for kinds, convert in _CONVERSIONS:
        if isinstance(value, kinds):
            return convert(value)
    return _UNKNOWN


_CONVERSIONS: tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((str, int, type(None)), lambda value: value),
    ((float,), lambda value: value if isfinite(value) else _UNKNOWN),
    ((Decimal,), lambda value: f"{value:f}" if value.is_finite() else _UNKNOWN),
    ((date, time), lambda value: value.isoformat()),
    ((timedelta,), lambda value: value.total_seconds()),
    ((UUID,), str),
    ((bytes,), lambda value: value.hex()),
    ((Exception,), lambda value: f"{type(value).__name__}: {value}"),
)
