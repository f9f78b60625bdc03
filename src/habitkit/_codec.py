"""Encoding of values as JSON text and back, for columns that a store does not interpret.

Writing is on the path of every action and uses the standard library alone. Reading structured
results back is rare and uses cattrs, which is imported when it is first needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import fields, has

from habitkit._text import storable
from habitkit.clock import is_storable
from habitkit.errors import InvalidEvent
from habitkit.events import Event, Recorded
from habitkit.modules import own_events, vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cattrs import Converter

__all__ = [
    "LONGEST_KEY",
    "LONGEST_TYPE",
    "check_events",
    "digest",
    "dump",
    "event_fields",
    "from_json",
    "json_object",
    "load",
    "message_fields",
    "message_type",
    "restore_event",
    "to_json",
]

T = TypeVar("T")
_MOST_LEVELS = 100
_WHOLE = 1e16
_OF_EVERY_EVENT = ("owner", "at")
LONGEST_TYPE = 100
LONGEST_KEY = 400
"""An index of PostgreSQL holds no row above 2,704 bytes, and this one has the owner in it too."""


def event_fields(event: Event) -> dict[str, Any]:
    """Return an event's fields other than owner and instant, not yet encoded."""
    if isinstance(event, Recorded):
        return dict(event.fields)
    return {name: getattr(event, name) for name in _own_fields(type(event))}


def to_json(values: Mapping[str, Any]) -> str:
    """Return values as JSON text.

    Raises:
        TypeError: If a value is nothing that JSON, or this codec, can hold.
        ValueError: If a number is NaN or infinite.
    """
    return _encode(values)


def from_json(text: str) -> Any:
    """Read plain JSON values back."""
    return json.loads(text)


def dump(value: object) -> str:
    """Return any value of the library as JSON text."""
    return _encode(value)


def load(text: str, kind: type[T], known: Mapping[str, type[Event]] | None = None) -> T:
    """Read a value of a known type back; events inside it become the classes known by name."""
    classes = vocabulary() if known is None else known
    return _converter(frozenset(classes.items())).structure(json.loads(text), kind)


def json_object(value: Any, largest_bytes: int) -> dict[str, Any]:
    """Return a caller's mapping as a JSON object that every store can keep.

    A float of 1e16 or more is a whole number, and becomes an int: PostgreSQL's JSONB writes no
    point in it.

    Raises:
        TypeError: If it is no mapping of texts to what JSON can hold.
        ValueError: If it is nested too deeply, longer than that as text, or not storable.
    """
    if not isinstance(value, Mapping):  # of the texts of a list dict() makes pairs
        raise TypeError
    try:
        text = _encode(dict(value))
        plain: dict[str, Any] = json.loads(text, parse_float=_float_or_whole)
    except RecursionError as error:
        raise ValueError from error
    if len(text) > largest_bytes or not _storable(plain):
        raise ValueError
    if any(type(name) is not str for name in value):
        raise TypeError
    return plain


def _float_or_whole(text: str) -> float:
    number = float(text) + 0.0  # of which JSONB keeps no minus before a zero
    return int(number) if abs(number) >= _WHOLE else number


def _storable(value: object, levels: int = _MOST_LEVELS) -> bool:
    """Tell whether every database can hold the texts inside a JSON value.

    The depth has a limit of its own: that of the interpreter depends on who calls.
    """
    if isinstance(value, str):
        return storable(value)
    if not isinstance(value, dict | list):
        return True
    if levels == 0:
        return False
    if isinstance(value, dict):
        return all(map(storable, value)) and all(_storable(it, levels - 1) for it in value.values())
    return all(_storable(it, levels - 1) for it in value)


def digest(value: object) -> str:
    """Return the SHA-256 of a value as hexadecimal digits: equal for equal values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def check_events(events: Iterable[Event]) -> None:
    """Refuse events of a host's own that not every store could keep.

    Raises:
        InvalidEvent: If the type's name is one of habitkit's own or too long, the instant has no
            zone or no store could give it back, the key is no text, or a field holds what JSON
            cannot.
    """
    for event in events:
        if type(event) not in own_events():
            expected = _missing(event)
            if expected:
                raise InvalidEvent("event", given=event, expected=expected)


def _missing(event: Event) -> str | None:
    """Return what an event of a host's own would have to be, or None."""
    at: object = event.at
    key: object = event.key
    if event.type in vocabulary():
        return "a class whose name is not that of a habitkit event"
    if len(event.type) > LONGEST_TYPE or not storable(event.type):
        return f"a type of at most {LONGEST_TYPE} characters"
    if not isinstance(at, datetime) or at.utcoffset() is None or not is_storable(at):
        return "`at` to be an aware datetime in the years 2 to 9998"
    if not (key is None or (isinstance(key, str) and storable(key) and len(key) <= LONGEST_KEY)):
        return (
            f"`key` to be a string of at most {LONGEST_KEY} characters, valid UTF-8 without NUL, "
            "or None"
        )
    if not _keepable(event_fields(event)):
        return (
            f"fields that JSON can represent, at most {_MOST_LEVELS} levels deep, strings in valid "
            "UTF-8 without NUL"
        )
    return None


def _keepable(values: Mapping[str, Any]) -> bool:
    """Tell whether every store can keep values as JSON."""
    try:
        return _storable(json.loads(_encode(values)))
    except (TypeError, ValueError, RecursionError):
        return False


def message_type(event: Event) -> str:
    """Return the name of an event's class, by which ``restore_event`` is given it."""
    return Recorded.__name__ if isinstance(event, Recorded) else type(event).__name__


def message_fields(event: Event) -> dict[str, Any]:
    """Return what ``restore_event`` needs beyond class, owner and instant, not yet encoded."""
    if isinstance(event, Recorded):
        return {"name": event.name, "fields": dict(event.fields)}
    return event_fields(event)


def restore_event(kind: type[Event], owner: str, at: datetime, values: Mapping[str, Any]) -> Event:
    """Make an event of its class and the parts of its message."""
    if kind is Event:  # of which the converter below makes one of any class
        return Event(owner=owner, at=at)
    return _converter(frozenset(vocabulary().items())).structure(
        {"owner": owner, "at": at, **values}, kind
    )


def _names(kind: type) -> tuple[str, ...]:
    return tuple(a.name for a in fields(kind))


def _names_beyond(kind: type) -> tuple[str, ...]:
    return tuple(name for name in _names(kind) if name not in _OF_EVERY_EVENT)


_all_fields: Callable[[type], tuple[str, ...]] = cache(_names)
_own_fields: Callable[[type], tuple[str, ...]] = cache(_names_beyond)


def _plain(value: object) -> object:
    """Turn what JSON lacks into what it has."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if _is_by_dict(type(value)):
        return cast("Any", value).to_dict()
    if isinstance(value, Event):
        own = {name: getattr(value, name) for name in _all_fields(type(value))}
        return {"type": type(value).__name__, **own}
    if has(type(value)):
        own = {name: getattr(value, name) for name in _all_fields(type(value))}
        return {name: _exact(it) for name, it in own.items()}
    msg = f"cannot represent a value of type {type(value).__name__} as JSON: {value!r}"
    raise TypeError(msg)


def _exact(value: object) -> object:
    """Turn a decimal, and those in a tuple, into text."""
    if type(value) is tuple:
        return [_exact(it) for it in value]
    return str(value) if type(value) is Decimal else value


def _is_by_dict(kind: object) -> bool:
    """Tell whether values of a class are written by ``to_dict`` and read by ``from_dict``."""
    return getattr(kind, "by_dict", False) is True


_encode = json.JSONEncoder(default=_plain, allow_nan=False, separators=(",", ":")).encode


@lru_cache(maxsize=16)  # one for each set of registered event classes
def _converter(known: frozenset[tuple[str, type[Event]]]) -> Converter:
    from cattrs import Converter  # noqa: PLC0415 - costs 50 ms and is rarely needed

    converter = Converter()
    converter.register_structure_hook(UUID, lambda value, _: UUID(str(value)))
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    converter.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
    converter.register_structure_hook(time, lambda value, _: time.fromisoformat(value))
    converter.register_structure_hook(timedelta, lambda value, _: timedelta(seconds=value))
    converter.register_structure_hook(
        datetime,
        lambda value, _: value if isinstance(value, datetime) else datetime.fromisoformat(value),
    )

    converter.register_structure_hook_func(_is_by_dict, lambda value, kind: kind.from_dict(value))

    own = {**vocabulary(), Recorded.__name__: Recorded}
    of_hosts = {name: kind for name, kind in known if name not in own}

    def event(value: dict[str, Any], _: type) -> Event:
        values = dict(value)
        name = values.pop("type")
        if name in own:
            return converter.structure(values, own[name])
        if name in of_hosts:
            with suppress(Exception):  # a class that has changed since gives a loose event
                return converter.structure(values, of_hosts[name])
        at = datetime.fromisoformat(values.pop("at"))
        return Recorded(owner=values.pop("owner"), at=at, name=name, fields=values)

    converter.register_structure_hook_func(lambda kind: kind is Event, event)
    return converter
