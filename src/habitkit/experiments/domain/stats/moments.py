"""Moments: what is kept of many values to compare their means; raw sums are never kept.

Sums of squares cancel where the mean is large beside the deviation: at an offset of 1e9 they give
negative variances. Sums of squared deviations from the mean do not, and two of them merge.

Source: T. F. Chan, G. H. Golub, R. J. LeVeque (1979), "Updating formulae and a pairwise algorithm
for computing sample variances".
"""

from __future__ import annotations

from math import fsum
from operator import mul
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

__all__ = ["Bivariate", "Moments"]


@frozen
class Moments:
    """The count, the mean and the squared deviations of values.

    Attributes:
        n: How many values there are.
        mean: Their mean; 0 if there is none.
        M2: The sum of the squared deviations from the mean.
    """

    n: int = 0
    mean: float = 0.0
    M2: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return the moments of values, in two passes."""
        numbers = list(values)
        if not numbers:
            return cls()
        n = len(numbers)
        mean = fsum(numbers) / n
        deviations = [value - mean for value in numbers]
        rest = fsum(deviations)  # as the mean was rounded
        return cls(n, mean, max(fsum(it * it for it in deviations) - rest * rest / n, 0.0))

    @property
    def variance(self) -> float:
        """The variance of the population, estimated from the sample: ``M2 / (n - 1)``."""
        return self.M2 / (self.n - 1) if self.n > 1 else 0.0

    def merge(self, other: Moments) -> Moments:
        """Return the moments of the values of both."""
        n = self.n + other.n
        if not self.n or not other.n:
            return other if not self.n else self
        delta = other.mean - self.mean
        mean = self.mean + delta * other.n / n
        return Moments(n, mean, self.M2 + other.M2 + delta * delta * self.n * other.n / n)


@frozen
class Bivariate:
    """The moments of pairs of values.

    Attributes:
        n: How many pairs there are.
        mx: The mean of the first values; 0 if there is none.
        my: The mean of the second values.
        Mxx: The sum of the squared deviations of the first values.
        Myy: The sum of the squared deviations of the second values.
        Cxy: The sum of the products of both deviations.
    """

    n: int = 0
    mx: float = 0.0
    my: float = 0.0
    Mxx: float = 0.0
    Myy: float = 0.0
    Cxy: float = 0.0

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> Self:
        """Return the moments of pairs, in two passes."""
        numbers = list(pairs)
        n = len(numbers)
        if not n:
            return cls()
        x, y = Moments.of(x for x, _ in numbers), Moments.of(y for _, y in numbers)
        dx, dy = [each - x.mean for each, _ in numbers], [each - y.mean for _, each in numbers]
        products = fsum(map(mul, dx, dy)) - fsum(dx) * fsum(dy) / n
        return cls(n, x.mean, y.mean, x.M2, y.M2, products)

    @property
    def x(self) -> Moments:
        """The moments of the first values."""
        return Moments(self.n, self.mx, self.Mxx)

    @property
    def y(self) -> Moments:
        """The moments of the second values."""
        return Moments(self.n, self.my, self.Myy)

    def merge(self, other: Bivariate) -> Bivariate:
        """Return the moments of the pairs of both."""
        n = self.n + other.n
        if not self.n or not other.n:
            return other if not self.n else self
        dx, dy = other.mx - self.mx, other.my - self.my
        share = self.n * other.n / n
        return Bivariate(
            n,
            self.mx + dx * other.n / n,
            self.my + dy * other.n / n,
            self.Mxx + other.Mxx + dx * dx * share,
            self.Myy + other.Myy + dy * dy * share,
            self.Cxy + other.Cxy + dx * dy * share,
        )
