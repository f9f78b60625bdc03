"""Validity: whether the p-values of A/A tests are what they claim to be."""

from __future__ import annotations

from math import exp, pi, sqrt
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._numbers import fraction, number
from habitkit.experiments.domain.stats.distributions import normal_isf

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AaResult", "aa_check"]

_SERIES = 1.18
"""Above it the series of the upper tail of Kolmogorov's distribution is used, below the other."""


@frozen
class AaResult:
    """How the p-values of A/A tests are distributed.

    Attributes:
        n: How many there are.
        distance: The largest distance of their distribution from the uniform one.
        p_value: How probable such a distance, or a larger one, is of uniform p-values.
        alpha: The error level that was asked for.
        share: The share of p-values at or below alpha: the false positives.
        low: The lower confidence limit of that share in the long run.
        high: The upper one.
        level: The error level of these limits and of ``plausible``.
    """

    n: int
    distance: float
    p_value: float
    alpha: float
    share: float
    low: float
    high: float
    level: float

    @property
    def plausible(self) -> bool:
        """Whether neither the distance nor the share speaks against uniform p-values."""
        return self.p_value >= self.level and self.low <= self.alpha <= self.high

    @property
    def too_many(self) -> bool:
        """Whether there are more false positives than alpha, by more than chance."""
        return self.low > self.alpha


def aa_check(p_values: Iterable[float], alpha: float = 0.05, *, level: float = 0.01) -> AaResult:
    """Check the p-values of tests between arms that were treated alike.

    A host splits its units at random many times, tests each split, and gives the p-values. If the
    test is right for its metric they are uniform: the distance is that of Kolmogorov and Smirnov,
    its p-value asymptotic with Stephens' correction, and the limits of the share are Wilson's.
    P-values that are valid at any time are larger than uniform ones; of them ``too_many`` alone
    says something.

    Sources: M. A. Stephens (1970), "Use of the Kolmogorov-Smirnov, Cramér-von Mises and related
    statistics without extensive tables"; E. B. Wilson (1927), "Probable inference, the law of
    succession, and statistical inference".

    Args:
        p_values: The p-values of independent splits.
        alpha: The error level whose false positives are counted.
        level: The error level of the check itself.

    Returns:
        The distance from the uniform distribution and the share of false positives.

    Raises:
        InvalidInput: There is no p-value, one is not from 0 to 1, or a level is not between 0 and
            1.

    Example:
        >>> aa_check([(i + 0.5) / 1000 for i in range(1000)]).plausible
        True
    """
    fraction("alpha", alpha)
    ordered = list(p_values)
    for index, p in enumerate(ordered):
        what = f"p_values[{index}]"
        if not 0 <= number(what, p) <= 1:
            raise InvalidInput(what, given=p, expected="a number from 0 to 1")
    n = len(ordered)
    if not n:
        raise InvalidInput("p_values", given=ordered, expected="one p-value at least")
    ordered.sort()
    distance = max(max((i + 1) / n - p, p - i / n) for i, p in enumerate(ordered))
    root = sqrt(n)
    p_value = _kolmogorov_above((root + 0.12 + 0.11 / root) * distance)
    share = sum(p <= alpha for p in ordered) / n
    z = normal_isf(fraction("level", level) / 2)
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) / (1 + z * z / n)
    low = max(center - half, 0.0) if share else 0.0
    high = min(center + half, 1.0) if share < 1 else 1.0
    return AaResult(n, distance, p_value, alpha, share, low, high, level)


def _kolmogorov_above(x: float) -> float:
    """Return the probability that Kolmogorov's statistic is above x.

    Source: G. Marsaglia, W. W. Tsang, J. Wang (2003), "Evaluating Kolmogorov's distribution".
    """
    if x <= 0:
        return 1.0
    if x < _SERIES:
        terms = (exp(-(((2 * k - 1) * pi / x) ** 2) / 8) for k in range(1, 8))
        return 1 - sqrt(2 * pi) / x * sum(terms)
    return 2 * sum((1 if k % 2 else -1) * exp(-2 * (k * x) ** 2) for k in range(1, 8))
