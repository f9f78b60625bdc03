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
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias

from habitkit.flags.domain import cbor

__all__ = [
    "BUCKETINGS",
    "HIGHEST_TOTAL",
    "Hash",
    "Position",
    "clamp",
    "hash_of",
    "key_hash_of",
    "positions",
]

HIGHEST_TOTAL: Final = 2**31 - 1
BUCKETINGS: Final = ("v1", "v2", "v3")

Hash: TypeAlias = Callable[[Any], int | None]
"""From a value to its unsigned hash; None where the value cannot be hashed."""

Position: TypeAlias = Callable[[int], int | None]
"""From a hash to the position of the weight it falls in; None if it falls in none."""


def hash_of(bucketing: str) -> Hash:
    """Return what hashes the value that a rule names."""
    from mmh3 import mmh3_32_uintdigest  # noqa: PLC0415 - only what has percentages loads it

    def hash_text(value: Any) -> int | None:
        if not isinstance(value, str):
            return None
        return mmh3_32_uintdigest(value.encode("utf-8", "surrogatepass"))

    def hash_value(value: Any) -> int | None:
        return None if value is None else mmh3_32_uintdigest(cbor.encode(value))

    return hash_value if bucketing == "v3" else hash_text


def key_hash_of(bucketing: str, flag_key: str) -> Hash:
    """Return what hashes a targeting key, together with the key of the flag."""
    from mmh3 import mmh3_32_uintdigest  # noqa: PLC0415

    prefix = flag_key.encode("utf-8", "surrogatepass")
    if bucketing == "v3":
        prefix = b"\x82" + cbor.encode_text(flag_key)

    def hash_text(key: Any) -> int | None:
        if not isinstance(key, str) or not key:
            return None
        return mmh3_32_uintdigest(prefix + key.encode("utf-8", "surrogatepass"))

    def hash_pair(key: Any) -> int | None:
        if not isinstance(key, str) or not key:
            return None
        return mmh3_32_uintdigest(prefix + cbor.encode_text(key))

    return hash_pair if bucketing == "v3" else hash_text


def positions(bucketing: str, weights: Sequence[int]) -> Position:
    """Return what finds the position of a hash among weights.

    Args:
        bucketing: ``v1``, ``v2`` or ``v3``.
        weights: Whole numbers from 0 on; their sum is at most ``HIGHEST_TOTAL``.
    """
    total = sum(weights)
    if total == 0:
        return lambda _hash: None
    if bucketing == "v1":
        return _percentages(weights, total)
    bounds = list(accumulate(weights))

    def position(number: int) -> int | None:
        return bisect_right(bounds, number * total >> 32)

    return position


def _percentages(weights: Sequence[int], total: int) -> Position:
    """The first bucketing: in floats, so that the last percentage may end below 100."""
    ends = list(accumulate((100 * weight / total for weight in weights), initial=0.0))[1:]

    def position(number: int) -> int | None:
        signed = number - 2**32 if number >= 2**31 else number
        bucket = abs(signed) / HIGHEST_TOTAL * 100
        return next((index for index, end in enumerate(ends) if bucket < end), None)

    return position


def clamp(weight: Any) -> int | None:
    """Return a computed weight, 0 if it is negative; None if it is no whole number."""
    if isinstance(weight, float) and weight.is_integer():
        weight = int(weight)
    if isinstance(weight, bool) or not isinstance(weight, int):
        return None
    return max(weight, 0)
