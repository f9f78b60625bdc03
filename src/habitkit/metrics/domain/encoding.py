"""How numbers are written as bytes: varints and zigzag as in Protocol Buffers, and doubles.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import reduce

__all__ = ["Reader", "plus", "sum_of", "to_number", "to_signed", "to_varint", "to_varints"]

_CONTINUED = 0x80
_LOW = 0x7F
_INT, _DOUBLE = 0, 1
_PACKED = struct.Struct("<d")


def plus(one: float, other: float) -> float:
    """Return a sum, of two ints an int; infinity where an int is too large for a double."""
    try:
        return one + other
    except OverflowError:
        return float("inf") if (one if isinstance(one, int) else other) > 0 else float("-inf")


def sum_of(numbers: Sequence[float], start: float = 0) -> float:
    """Return a sum, of ints an int; infinity where an int is too large for a double."""
    try:
        return sum(numbers, start)
    except OverflowError:
        return reduce(plus, numbers, start)


def to_varint(number: int) -> bytes:
    """Write a number that is not negative, seven bits a byte, the lowest first."""
    written = bytearray()
    while number >= _CONTINUED:
        written.append(number & _LOW | _CONTINUED)
        number >>= 7
    written.append(number)
    return bytes(written)


def to_varints(numbers: Sequence[int]) -> bytes:
    """Write numbers that are not negative, without saying how many."""
    if not numbers or max(numbers) < _CONTINUED:  # a byte each, as is usual
        return bytes(numbers)
    return b"".join(map(to_varint, numbers))


def to_signed(number: int) -> bytes:
    """Write an int: zigzag, so that small negative ones are short too."""
    return to_varint(number << 1 if number >= 0 else (-number << 1) - 1)


def to_number(number: float) -> bytes:
    """Write an int as an int, and a float as a double, with a byte before that says which."""
    if isinstance(number, int):
        return bytes((_INT,)) + to_signed(number)
    return bytes((_DOUBLE,)) + _PACKED.pack(number)


class Reader:
    """Reads what the functions above have written, from the start to the end.

    Every method raises ``ValueError`` if the bytes are damaged.
    """

    __slots__ = ("_at", "_data", "_expected", "_what")

    def __init__(self, data: bytes, version: int, what: str) -> None:
        """Begin with the version byte; ``what`` the bytes are is for messages."""
        self._data = data
        self._at = 0
        self._what = what
        self._expected = version
        if self.byte() != version:
            raise self.damaged("its version is not known")

    def damaged(self, reason: str) -> ValueError:
        """Return the error that says what is damaged."""
        size, version = len(self._data), self._expected
        return ValueError(
            f"an encoded {self._what} is damaged: {reason}; "
            f"expected one of version {version}, got {size} bytes"
        )

    def byte(self) -> int:
        """Read a byte."""
        at = self._at
        if at >= len(self._data):
            raise self.damaged("it ends too early")
        self._at = at + 1
        return self._data[at]

    def varint(self) -> int:
        """Read a number that is not negative."""
        number = shift = 0
        while (byte := self.byte()) >= _CONTINUED:
            number |= (byte & _LOW) << shift
            shift += 7
        return number | byte << shift

    def varints(self, count: int) -> Sequence[int]:
        """Read so many numbers that are not negative."""
        whole = self._data[self._at : self._at + count]
        if len(whole) < count:
            raise self.damaged("it ends too early")
        if whole.isascii():  # a byte each, as is usual
            self._at += count
            return whole
        numbers = []
        number = shift = 0
        for at in range(self._at, len(self._data)):
            byte = self._data[at]
            if byte >= _CONTINUED:
                number |= (byte & _LOW) << shift
                shift += 7
                continue
            numbers.append(number | byte << shift)
            if len(numbers) == count:
                self._at = at + 1
                return numbers
            number = shift = 0
        raise self.damaged("it ends too early")

    def signed(self) -> int:
        """Read an int."""
        number = self.varint()
        return number >> 1 ^ -(number & 1)

    def number(self) -> float:
        """Read an int or a double, whichever it was."""
        kind = self.byte()
        if kind == _INT:
            return self.signed()
        start = self._at
        self._at += _PACKED.size
        if kind != _DOUBLE or self._at > len(self._data):
            raise self.damaged("a number in it is neither an int nor a double")
        return float(_PACKED.unpack_from(self._data, start)[0])

    def end(self) -> None:
        """Expect that everything was read."""
        if self._at != len(self._data):
            raise self.damaged("something follows it")
