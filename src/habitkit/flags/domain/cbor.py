"""Canonical CBOR of JSON values: the bytes that bucketing v3 hashes.

Source: RFC 8949, and section 3.9 of RFC 7049 for the order of members (shorter keys first). Whole
numbers within 64 bits are integers, however they are written; other numbers are the shortest floats
that hold them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, Final

from habitkit.flags.domain.limits import DEEPEST, LONGEST_TEXT, too_large

__all__ = ["encode", "encode_text"]

_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**64 - 1


def encode(value: Any) -> bytes:
    """Return the canonical CBOR of a JSON value.

    Raises:
        ValueError: If it is nested too deeply, or takes too many bytes.
        TypeError: If it is no JSON value.
    """
    parts: list[bytes] = []
    _encode(value, parts, [LONGEST_TEXT], DEEPEST)
    return b"".join(parts)


def _encode(value: Any, parts: list[bytes], left: list[int], depth: int) -> None:
    if depth == 0:
        raise too_large("a value to be hashed", DEEPEST, "levels")
    if isinstance(value, (list, tuple)):
        head = _head(4, len(value))
    elif isinstance(value, Mapping):
        head = _head(5, len(value))
    else:
        head = _scalar(value)
    left[0] -= len(head)
    if left[0] < 0:
        raise too_large("a value to be hashed", LONGEST_TEXT, "bytes")
    parts.append(head)
    if isinstance(value, (list, tuple)):
        for item in value:
            _encode(item, parts, left, depth - 1)
    elif isinstance(value, Mapping):
        members = sorted(
            ((encode_text(str(key)), item) for key, item in value.items()),
            key=lambda member: (len(member[0]), member[0]),
        )
        for key, item in members:
            left[0] -= len(key)
            parts.append(key)
            _encode(item, parts, left, depth - 1)


def _scalar(value: Any) -> bytes:
    if isinstance(value, str):
        return encode_text(value)
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, float):
        if not (value.is_integer() and _LOWEST <= value <= _HIGHEST):
            return _float(value)
        value = int(value)
    if isinstance(value, int):
        return _integer(value)
    raise TypeError(type(value).__name__, "is no JSON value and cannot be hashed")


def encode_text(text: str) -> bytes:
    """Return the CBOR of a text."""
    data = text.encode("utf-8", "surrogatepass")
    return _head(3, len(data)) + data


def _integer(value: int) -> bytes:
    major, number = (0, value) if value >= 0 else (1, -1 - value)
    if number <= _HIGHEST:
        return _head(major, number)
    data = number.to_bytes((number.bit_length() + 7) // 8)
    return _head(6, 2 + major) + _head(2, len(data)) + data


def _head(major: int, number: int) -> bytes:
    """Return a type and its argument in the fewest bytes."""
    kind = major << 5
    if number < 24:  # noqa: PLR2004 - up to here the argument stands in the first byte
        return bytes([kind | number])
    extra, size = next(pair for pair in enumerate((1, 2, 4, 8)) if number < 1 << 8 * pair[1])
    return bytes([kind | 24 + extra]) + number.to_bytes(size)


def _float(value: float) -> bytes:
    if math.isnan(value):
        return b"\xf9\x7e\x00"
    for first, code in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            data = struct.pack(code, value)
        except OverflowError:
            continue
        if struct.unpack(code, data)[0] == value:
            return first + data
    return b"\xfb" + struct.pack(">d", value)
