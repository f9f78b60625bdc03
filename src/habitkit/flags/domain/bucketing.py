"""Where a key falls in a percentage: the three ways a flag set may name.

| name | hash | of | bucket |
|---|---|---|---|
| v1 | murmur3 as a signed int32 | the text | its absolute value of 2**31 - 1, in percent |
| v2 | murmur3 as an unsigned int32 | the text | times the total weight, over 2**32 |
| v3 | the same | canonical CBOR of the value | the same |

Source: flagd's ``fractional`` before and after its change to integer arithmetic, and that of
flagd-core 2 for Python.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias

from habitkit.flags.domain import cbor

__all__ = [
    "BUCKETINGS",
    "HIGHEST_TOTAL",
    "ContextHash",
    "Hash",
    "Position",
    "clamp",
    "context_hash_of",
    "hash_of",
    "positions",
    "utf8",
]

HIGHEST_TOTAL: Final = 2**31 - 1
BUCKETINGS: Final = ("v1", "v2", "v3")

Hash: TypeAlias = Callable[[Any], int | None]
"""From a value to its unsigned hash; None where the value cannot be hashed."""

ContextHash: TypeAlias = Callable[[Any, Any], int | None]
"""The same from a context; its second argument is not used."""

Position: TypeAlias = Callable[[int], int | None]
"""From a hash to the position of the weight it falls in; None if it falls in none."""


def hash_of(bucketing: str) -> Hash:
    """Return what hashes the value that a rule names."""
    from mmh3 import mmh3_32_uintdigest as murmur3  # noqa: PLC0415 - only percentages load it

    def hash_text(value: Any) -> int | None:
        return murmur3(utf8(value)) if isinstance(value, str) else None

    def hash_value(value: Any) -> int | None:
        return None if value is None else murmur3(cbor.encode(value))

    return hash_value if bucketing == "v3" else hash_text


def context_hash_of(bucketing: str, flag_key: str) -> ContextHash:
    """Return what hashes the targeting key of a context, together with the key of the flag."""
    from mmh3 import mmh3_32_uintdigest as murmur3  # noqa: PLC0415

    def hash_text(data: Mapping[str, Any], _evaluation: Any) -> int | None:
        key = data.get("targetingKey")
        if not isinstance(key, str) or not key:
            return None
        try:
            return murmur3((flag_key + key).encode())
        except UnicodeEncodeError:  # half a surrogate pair
            return murmur3(utf8(flag_key + key))

    pair = b"\x82" + cbor.encode_text(flag_key)

    def hash_pair(data: Mapping[str, Any], _evaluation: Any) -> int | None:
        key = data.get("targetingKey")
        return murmur3(pair + cbor.encode_text(key)) if isinstance(key, str) and key else None

    return hash_pair if bucketing == "v3" else hash_text


def utf8(text: str) -> bytes:
    """Encode a text, also one with half a surrogate pair in it."""
    return text.encode("utf-8", "surrogatepass")


def positions(bucketing: str, weights: Sequence[int]) -> Position:
    """Return what finds the position of a hash among weights.

    Args:
        bucketing: ``v1``, ``v2`` or ``v3``.
        weights: Whole numbers from 0 on; their sum is from 1 to ``HIGHEST_TOTAL``.
    """
    bounds = list(accumulate(weights))
    total = bounds[-1]
    if bucketing != "v1":
        return lambda number: bisect_right(bounds, number * total >> 32)
    ends = list(accumulate(100 * weight / total for weight in weights))  # the last may be below 100

    def position(number: int) -> int | None:
        signed = number - 2**32 if number >= 2**31 else number
        found = bisect_right(ends, abs(signed) / HIGHEST_TOTAL * 100)
        return found if found < len(ends) else None

    return position


def clamp(weight: Any) -> int | None:
    """Return a computed weight, 0 if it is negative; None if it is no whole number."""
    if isinstance(weight, float) and weight.is_integer():
        weight = int(weight)
    if isinstance(weight, bool) or not isinstance(weight, int):
        return None
    return max(weight, 0)
