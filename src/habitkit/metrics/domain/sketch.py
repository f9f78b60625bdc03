"""A quantile sketch: how values are distributed, in buckets of equal relative width.

This is DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12, 2019) with the bounds of Prometheus' native histograms of
schema 5, which are those of OpenTelemetry's exponential histograms of scale 5 too. Bucket i holds
(2^((i-1)/32), 2^(i/32)]; OpenTelemetry numbers it i - 1. Negative values have mirrored buckets.

With g = 2^(1/32), the value 2 g^i / (g + 1) lies in bucket i and differs from each of its values by
(g - 1) / (g + 1) of it at most, which is less than 1.0831 %.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from math import ceil, floor, inf, ldexp, log2, nan
from operator import mul, sub
from typing import TypeAlias

from attrs import Factory, define

from habitkit.errors import InvalidInput
from habitkit.metrics.domain.encoding import (
    Reader,
    plus,
    sum_of,
    to_number,
    to_signed,
    to_varint,
    to_varints,
)

__all__ = ["MAX_BUCKETS", "PER_DOUBLING", "ZERO", "Buckets", "Sketch", "bound_of", "index_of"]

Buckets: TypeAlias = "Counter[int]"
"""The number of values in each bucket that has some, by index, in no order."""

MAX_BUCKETS = 1280
"""How many buckets a side may have: 40 doublings, or 12 decades, if there is no gap."""

PER_DOUBLING = 32
"""How many buckets lie between a power of two and the next one."""

ZERO = 2.0**-128
"""Values that are not further from zero count as zero."""

_VERSION = 1
_LOWEST, _HIGHEST = -128 * PER_DOUBLING + 1, 1024 * PER_DOUBLING
_GROWTH = 2.0 ** (1 / PER_DOUBLING)
_MIDDLES = tuple(2.0 ** (i / PER_DOUBLING) * 2 / (_GROWTH + 1) for i in range(PER_DOUBLING))


def index_of(value: float) -> int:
    """Return the index of the bucket of a value above ``ZERO``.

    The logarithm of a power of two is exact, so a power of two is always the upper bound of its
    bucket. A value that differs from a bound by rounding may fall on either side.
    """
    return max(_LOWEST, ceil(PER_DOUBLING * log2(value)))


def bound_of(index: int) -> float:
    """Return the upper bound of a bucket, which belongs to it: infinity above the doubles."""
    doublings, rest = divmod(index, PER_DOUBLING)
    return inf if index >= _HIGHEST else ldexp(2.0 ** (rest / PER_DOUBLING), doublings)


def _middle(index: int) -> float:
    doublings, rest = divmod(index, PER_DOUBLING)
    return ldexp(_MIDDLES[rest], doublings)


@define
class Sketch:
    """How many values there are, about where; count, sum, minimum and maximum are exact.

    It is changed in place, and is not safe to be changed by several threads at once. Two sketches
    are equal if all they know is equal.

    Attributes:
        count: How many values.
        sum: Their sum: an int as long as all are ints.
        minimum: The smallest; None if there is none.
        maximum: The largest; None if there is none.
        zeros: How many are at most 2^-128 away from zero.
        positive: How many are in each bucket.
        negative: The same for negative values, by the index of what they are without the sign.
        collapsed: Whether buckets were given up, because a side had more than ``MAX_BUCKETS``. The
            lowest kept bucket then holds also what lay nearer to zero.
    """

    count: int = 0
    sum: float = 0
    minimum: float | None = None
    maximum: float | None = None
    zeros: int = 0
    positive: Buckets = Factory(Counter)
    negative: Buckets = Factory(Counter)
    collapsed: bool = False

    def add(self, values: Iterable[float]) -> None:
        """Add values: finite ints and floats, best some hundred at once."""
        values = tuple(values)
        if not values:
            return
        lowest, highest = min(values), max(values)
        self.count += len(values)
        self.sum = sum_of(values, self.sum)
        self._extend(lowest, highest)
        if lowest > ZERO:
            self._put(self.positive, values)
            return
        above = [value for value in values if value > ZERO]
        below = [-value for value in values if value < -ZERO]
        self.zeros += len(values) - len(above) - len(below)
        self._put(self.positive, above)
        self._put(self.negative, below)

    def merge(self, other: Sketch) -> None:
        """Add what another one knows. The order of merging does not matter to any bucket."""
        if other.minimum is None or other.maximum is None:
            return
        self.count += other.count
        self.sum = plus(self.sum, other.sum)
        self._extend(other.minimum, other.maximum)
        self.zeros += other.zeros
        self.collapsed |= other.collapsed
        self.positive.update(other.positive)
        self.negative.update(other.negative)
        self._collapse(self.positive)
        self._collapse(self.negative)

    def copy(self) -> Sketch:
        """Return another one that knows the same."""
        return Sketch(
            self.count,
            self.sum,
            self.minimum,
            self.maximum,
            self.zeros,
            self.positive.copy(),
            self.negative.copy(),
            self.collapsed,
        )

    def quantile(self, q: float) -> float:
        """Return about the value of rank ``floor(q * (count - 1))``, and nan if there is none.

        The error is 1.0831 % at most, where nothing was collapsed; values that are nearer to zero
        than 2^-128 give 0. The smallest and the largest value are exact.

        Raises:
            InvalidInput: If ``q`` is not between 0 and 1.
        """
        if not 0 <= q <= 1:
            raise InvalidInput("q", given=q, expected="a number from 0 to 1")
        if self.minimum is None or self.maximum is None:
            return nan
        rank = floor(q * (self.count - 1))
        if rank == 0:
            return self.minimum
        if rank == self.count - 1:
            return self.maximum
        return min(max(self._middle_of(rank), self.minimum), self.maximum)

    def count_below(self, limit: float) -> int:
        """Return about how many values are below a limit.

        The values of a bucket count as what ``quantile`` returns for it, so they are below the
        limit all or none: the result is off by those of the limit's own bucket at most.
        """
        if self.minimum is None or self.maximum is None or self.minimum >= limit:
            return 0
        if self.maximum < limit:
            return self.count
        if limit <= -ZERO:
            index = index_of(-limit)
            return self.negative.total() - _up_to(self.negative, index - (_middle(index) > -limit))
        if limit <= ZERO:
            return self.negative.total() + (self.zeros if limit > 0 else 0)
        index = index_of(limit)
        positive = _up_to(self.positive, index - (_middle(index) >= limit))
        return self.negative.total() + self.zeros + positive

    def cumulative_below(self, bound: float) -> int:
        """Return how many values are at most a bound: exactly, if it is zero or a power of two.

        That is what a classic bucket of Prometheus with ``le=bound`` holds. With other bounds, and
        negative ones, the bucket that contains the bound is left out as a whole. The result never
        falls when values are added, unless buckets collapse: minimum and maximum play no part.
        """
        if bound < -ZERO:
            first = index_of(-bound) if bound > -inf else _HIGHEST
            return self.negative.total() - _up_to(self.negative, first)
        if bound <= ZERO:
            return self.negative.total() + (self.zeros if bound >= 0 else 0)
        last = floor(PER_DOUBLING * log2(bound)) if bound < inf else _HIGHEST
        return self.negative.total() + self.zeros + _up_to(self.positive, last)

    def encode(self) -> bytes:
        """Return it as bytes: some hundred, two for each bucket of fewer than 128 values."""
        parts = [bytes((_VERSION, self.collapsed)), to_varint(self.zeros)]
        for side in (self.positive, self.negative):
            indices = sorted(side)
            parts.append(to_varint(len(indices)))
            if indices:
                parts += (
                    to_signed(indices[0]),
                    to_varints([*map(sub, indices[1:], indices)]),
                    to_varints([*map(side.__getitem__, indices)]),
                )
        parts.append(to_number(self.sum))
        if self.minimum is not None and self.maximum is not None:
            parts += to_number(self.minimum), to_number(self.maximum)
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> Sketch:
        """Return the sketch of bytes.

        Raises:
            ValueError: If the bytes are damaged, or of a later version.
        """
        reader = Reader(data, _VERSION, "sketch")
        collapsed = bool(reader.byte())
        zeros = reader.varint()
        positive, negative = _decode_side(reader), _decode_side(reader)
        count = zeros + positive.total() + negative.total()
        total = reader.number()
        lowest = reader.number() if count else None
        highest = reader.number() if count else None
        reader.end()
        return cls(count, total, lowest, highest, zeros, positive, negative, collapsed)

    def _extend(self, lowest: float, highest: float) -> None:
        if self.minimum is None or lowest < self.minimum:
            self.minimum = lowest
        if self.maximum is None or highest > self.maximum:
            self.maximum = highest

    def _put(self, side: Buckets, values: Iterable[float]) -> None:
        side.update(map(ceil, map(mul, repeat(float(PER_DOUBLING)), map(log2, values))))
        if _LOWEST - 1 in side:  # just above ZERO, and rounded down to it
            side[_LOWEST] += side.pop(_LOWEST - 1)
        self._collapse(side)

    def _collapse(self, side: Buckets) -> None:
        if len(side) > MAX_BUCKETS:
            indices = sorted(side)
            lowest = indices[-MAX_BUCKETS]
            side[lowest] += sum(map(side.pop, indices[:-MAX_BUCKETS]))
            self.collapsed = True

    def _middle_of(self, rank: int) -> float:
        """Return what stands for the values of the bucket in which a rank lies."""
        negative = self.negative.total()
        if rank < negative:
            return -_middle(_index_at(self.negative, sorted(self.negative, reverse=True), rank))
        if rank < negative + self.zeros:
            return 0.0
        rank -= negative + self.zeros
        return _middle(_index_at(self.positive, sorted(self.positive), rank))


def _up_to(side: Buckets, last: int) -> int:
    return sum(count for index, count in side.items() if index <= last)


def _index_at(side: Buckets, indices: Sequence[int], rank: int) -> int:
    ends = tuple(accumulate(map(side.__getitem__, indices)))
    return indices[bisect_right(ends, rank)]


def _decode_side(reader: Reader) -> Buckets:
    side: Buckets = Counter()
    length = reader.varint()
    if length:
        first = reader.signed()
        indices = tuple(accumulate(reader.varints(length - 1), initial=first))
        counts = reader.varints(length)
        if first < _LOWEST or indices[-1] > _HIGHEST:
            raise reader.damaged("it has a bucket outside the doubles")
        side.update(dict(zip(indices, counts, strict=True)))
        if len(side) < length or 0 in counts:
            raise reader.damaged("it has a bucket twice, or one without values")
    return side
