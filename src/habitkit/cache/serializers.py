"""Serializers: a value as the bytes that a shared backend keeps, and back."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import pickle
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import attrs

from habitkit.cache.errors import CannotSerialize
from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cattrs import Converter

__all__ = ["JsonSerializer", "PickleSerializer", "Serializer"]

_RAW, _PLAIN, _TYPED = b"b", b"j", b"t"
_SHORTEST_SECRET = 16
_DIGEST_BYTES = 32
_LONGEST_SHOWN = 80
_LEAVES = frozenset({type(None), bool, int, float, str, date, datetime})


class Serializer(Protocol):
    """Writes values as bytes and reads them back.

    Attributes:
        name: Is kept beside each value, 1 to 32 ASCII characters; a value of another one is a miss.
    """

    name: str

    def dumps(self, value: Any, kind: Any = None) -> bytes:
        """Return the bytes of a value.

        Args:
            value: The value.
            kind: The type that it is to be read back as; None if the caller gave none.

        Raises:
            CannotSerialize: If it could not be read back as it was.
        """
        ...

    def loads(self, data: bytes, kind: Any = None) -> Any:
        """Return the value of bytes that ``dumps`` has made.

        Raises:
            Exception: Any, if they hold no value of that kind; it then counts as a miss.
        """
        ...


class JsonSerializer:
    """Writes JSON, and bytes as they are.

    Without a ``kind`` it accepts what JSON itself has: None, bools, ints, floats, texts, lists, and
    dicts with texts as keys; they are read back as they were. Anything else needs a ``kind``, as
    which cattrs reads it back, for example an attrs class, a dataclass, an enum, ``Decimal`` or
    ``dict[UUID, list[Habit]]``. A value that would be read back as anything else is refused: a
    tuple as ``list[int]``, or ``"1"`` as ``int``. To know that, a value with a ``kind`` is read
    back once whenever it is stored.
    """

    name = "json"

    def dumps(self, value: Any, kind: Any = None) -> bytes:
        """Return the bytes of a value; arguments as for ``Serializer``.

        Raises:
            CannotSerialize: If it could not be read back as it was.
        """
        if type(value) is bytes and (kind is None or kind is bytes):
            return _RAW + value
        if kind is not None:
            return _TYPED + _typed(value, kind)
        try:
            _expect_plain(value)
            return _PLAIN + _encode(value).encode()
        except Exception as error:
            expected = (
                "what JSON can hold (None, bools, numbers, texts, lists, dicts with texts as keys) "
                "or bytes; for other values give their type: kind=... or, with @cached, the return "
                "type"
            )
            raise CannotSerialize("value", given=value, expected=expected) from error

    def loads(self, data: bytes, kind: Any = None) -> Any:
        """Return the value of bytes.

        Raises:
            ValueError: If they hold no value of that kind.
        """
        form, content = data[:1], data[1:]
        if form == _RAW and (kind is None or kind is bytes):
            return content
        if form == _PLAIN and kind is None:
            return json.loads(content)
        if form == _TYPED and kind is not None:
            return _converter().structure(json.loads(content), kind)
        msg = f"the value was not written as it is read: form {form!r}, kind {kind!r}"
        raise ValueError(msg)


class PickleSerializer:
    """Writes signed pickles.

    A pickle can run code when it is read. The signature sees to it that only a process that knows
    the secret has written it.

    Args:
        secret: At least 16 random bytes, the same in all processes.
    """

    name = "pickle"

    def __init__(self, secret: bytes) -> None:
        """Keep the secret.

        Raises:
            InvalidInput: If it is too short.
        """
        given: object = secret
        if not isinstance(given, bytes) or len(given) < _SHORTEST_SECRET:
            expected = f"at least {_SHORTEST_SECRET} bytes"
            raise InvalidInput("secret", given="a value that is not shown", expected=expected)
        self._secret = secret

    def dumps(self, value: Any, kind: Any = None) -> bytes:  # noqa: ARG002 - pickles know their type
        """Return the bytes of a value; arguments as for ``Serializer``.

        Raises:
            CannotSerialize: If pickle cannot write it.
        """
        try:
            content = pickle.dumps(value)
        except Exception as error:
            expected = "a value that pickle can write"
            raise CannotSerialize("value", given=value, expected=expected) from error
        return self._digest(content) + content

    def loads(self, data: bytes, kind: Any = None) -> Any:  # noqa: ARG002 - pickles know their type
        """Return the value of bytes.

        Raises:
            ValueError: If they were not signed with this secret.
        """
        digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if not hmac.compare_digest(digest, self._digest(content)):
            msg = "the pickle was not signed with this secret"
            raise ValueError(msg)
        return pickle.loads(content)  # noqa: S301 - it was signed by one of our own processes

    def _digest(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, hashlib.sha256)


def _expect_plain(value: Any) -> None:
    """Refuse what JSON would give back as something else, such as a tuple as a list.

    Raises:
        TypeError: If there is any in the value.
    """
    kind = type(value)
    if kind is dict:
        for name, member in value.items():
            if type(name) is not str:
                raise TypeError
            _expect_plain(member)
    elif kind is list:
        for member in value:
            _expect_plain(member)
    elif value is not None and kind not in {bool, int, float, str}:
        raise TypeError


def _typed(value: Any, kind: Any) -> bytes:
    """Return the JSON of a value of a kind.

    Raises:
        CannotSerialize: If reading it back as that kind gives anything but the value.
    """
    try:
        text = _encode(_converter().unstructure(value, unstructure_as=kind))
        back = _converter().structure(json.loads(text), kind)
        if _is_same(value, back):
            return text.encode()
        error, outcome = None, f"as that kind this one is read back as {_shown(back)}"
    except Exception as failure:  # noqa: BLE001 - cattrs and the hooks of a kind raise any
        error, outcome = failure, "this one cannot be written and read back as that kind"
    expected = f"a value of the kind {kind!r} ({outcome}; change the value or the kind)"
    raise CannotSerialize("value", given=value, expected=expected) from error


def _is_same(value: Any, back: Any) -> bool:
    """Return whether a value that was read back is the same, with the same types in all of it.

    Equality is not enough: ``True == 1 == 1.0``, and NaN is not equal to itself.
    """
    if type(value) is not type(back):
        return False
    if type(value) in _LEAVES and value == back:
        return True
    if isinstance(value, set | frozenset):
        found = {member: member for member in back}
        members = (member in found and _is_same(member, found[member]) for member in value)
        return len(value) == len(back) and all(members)
    parts, others = _parts(value), _parts(back)
    if parts is None or others is None:
        return bool(value == back) or _text(value) == _text(back)
    return len(parts) == len(others) and all(map(_is_same, parts, others))


def _parts(value: Any) -> Sequence[Any] | None:
    """Return what a value consists of, in order; None if it is not known."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    kind: Any = type(value)
    names = _fields(kind)
    return None if names is None else [getattr(value, name) for name in names]


@lru_cache(1024)
def _fields(kind: type) -> list[str] | None:
    """Return the names of the fields by which values of a class are compared."""
    if attrs.has(kind):
        return [field.name for field in attrs.fields(kind) if field.eq]
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.compare]
    return None


def _text(value: Any) -> str:
    """Return a text of a value that tells it from others: NaN, or times of ambiguous hours."""
    return value.isoformat() if isinstance(value, date | time) else repr(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


@cache
def _converter() -> Converter:
    from cattrs.preconf.json import make_converter  # noqa: PLC0415 - costs 50 ms

    converter: Converter = make_converter(forbid_extra_keys=True)
    for kind, write, read in (
        (Decimal, str, Decimal),
        (UUID, str, UUID),
        (time, time.isoformat, time.fromisoformat),
        (timedelta, timedelta.total_seconds, lambda seconds: timedelta(seconds=seconds)),
    ):
        converter.register_unstructure_hook(kind, write)
        converter.register_structure_hook(kind, lambda data, _, read=read: read(data))
    # To type checkers an int is a float, so it is accepted as one, and stays the int that it is.
    converter.register_structure_hook(
        float, lambda data, _: data if type(data) is int else float(data)
    )
    return converter


_encode: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode
