"""Quantiles: their confidence limits by order statistics, and the difference of two arms.

No density has to be estimated: the ranks of the limits follow from the binomial distribution of how
many values lie below the quantile. The values must be independent: one a unit.
"""

from __future__ import annotations

from math import ceil, exp, floor, hypot, lgamma, log, log1p, sqrt

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._numbers import count, fraction, number
from habitkit.experiments.domain.stats.distributions import normal_isf
from habitkit.experiments.domain.stats.inference import Effect

__all__ = ["OrderStatistics", "QuantileRanks", "quantile_effect", "quantile_ranks"]

_EXACT_VARIANCE = 1e6
"""Up to this variance of the count the binomial tails are summed."""


@frozen
class QuantileRanks:
    """Which of n values in ascending order estimate a quantile and bound it.

    Attributes:
        rank: The rank of the sample quantile, from 1 on: ``ceil(n q)``.
        low_rank: The rank of the lower confidence limit.
        high_rank: The rank of the upper confidence limit.
        coverage: The probability that the interval from the lower limit to the upper one holds the
            quantile of a continuous distribution; of others it is at least this.
    """

    rank: int
    low_rank: int
    high_rank: int
    coverage: float


@frozen
class OrderStatistics:
    """The values of one arm at the ranks of a quantile.

    Attributes:
        n: How many values the arm has.
        value: The value at the rank of the quantile.
        low: The value at the rank of the lower limit.
        high: The value at the rank of the upper limit.
    """

    n: int
    value: float
    low: float
    high: float


def quantile_ranks(n: int, q: float, alpha: float = 0.05) -> QuantileRanks:
    """Return the ranks of a sample quantile and of its distribution-free confidence limits.

    With B values below the quantile, binomial of n and q, the limit of the rank l is too high with
    ``P(B < l)`` and that of the rank u too low with ``P(B >= u)``; l is the largest and u the
    smallest rank for which this is at most alpha / 2. Where n q (1 - q) exceeds a million, the
    Cornish-Fisher expansion is used and rounded outwards.

    Source: H. A. David and H. N. Nagaraja (2003), "Order Statistics", section 7.1.

    Args:
        n: How many values there are.
        q: The quantile, between 0 and 1: 0.5 for the median.
        alpha: The error level of the limits.

    Returns:
        The ranks, and how often the limits hold the quantile.

    Raises:
        InvalidInput: n is no count, q or alpha is not between 0 and 1, or there are too few values
            to bound this quantile.

    Example:
        >>> ranks = quantile_ranks(100, 0.5)
        >>> ranks.rank, ranks.low_rank, ranks.high_rank, round(ranks.coverage, 4)
        (50, 40, 61, 0.9648)
    """
    count("n", n, low=1)
    fraction("q", q)
    tail = fraction("alpha", alpha) / 2
    # The upper tail is the lower one of the values in descending order.
    low, below = _low_rank(n, q, tail)
    mirrored, above = _low_rank(n, 1 - q, tail)
    if not low or not mirrored:
        least = ceil(log(tail) / log(max(q, 1 - q)))
        expected = f"at least {least} values to bound the quantile {q} at alpha {alpha}"
        raise InvalidInput("n", given=n, expected=expected)
    # One less where the product exceeds a whole number by its rounding only
    rank = max(ceil(n * q * (1 - 2**-52)), 1)
    return QuantileRanks(rank, low, n + 1 - mirrored, 1 - below - above)


def _low_rank(n: int, q: float, tail: float) -> tuple[int, float]:
    """Return the largest rank l with P(B < l) <= tail, and that probability; 0 if there is none."""
    variance = n * q * (1 - q)
    z = normal_isf(tail)
    guess = n * q - z * sqrt(variance) + (z * z - 1) * (1 - 2 * q) / 6
    if variance > _EXACT_VARIANCE:
        return floor(guess - 0.5), tail
    at = min(max(floor(guess), 0), n)  # P(B <= at) is brought to the tail
    log_mass = (
        lgamma(n + 1) - lgamma(at + 1) - lgamma(n - at + 1) + at * log(q) + (n - at) * log1p(-q)
    )
    mass = exp(log_mass)
    below = _sum_down(n, q, at, mass)
    odds = q / (1 - q)
    while below > tail and at >= 0:
        below -= mass
        mass *= at / ((n - at + 1) * odds)
        at -= 1
        if below <= tail:  # differences cancel
            below = _sum_down(n, q, at, mass) if at >= 0 else 0.0
    while at < n:
        after = mass * (n - at) / (at + 1) * odds if at >= 0 else exp(n * log1p(-q))
        if below + after > tail:
            break
        at, mass, below = at + 1, after, below + after
    return at + 1, below


def _sum_down(n: int, q: float, at: int, mass: float) -> float:
    """Return P(B <= at) from P(B = at)."""
    odds, total = q / (1 - q), 0.0
    while at >= 0 and mass > total * 1e-18:
        total += mass
        mass *= at / ((n - at + 1) * odds)
        at -= 1
    return total


def quantile_effect(
    control: OrderStatistics,
    treatment: OrderStatistics,
    q: float,
    alpha: float = 0.05,
    *,
    relative: bool = False,
) -> Effect:
    """Return the difference of a quantile between two arms, from order statistics.

    The standard error of a quantile is the distance of its limits divided by ``2 z``, where z is
    the normal quantile of their coverage; that of the difference is the root of the sum of squares.
    A relative effect is divided by the control's quantile, with its standard error by the delta
    method. It assumes independent values, one a unit, a continuous distribution with a density
    above 0 at the quantile, and enough values that the sample quantile is nearly normal.

    Sources: R. M. Price and D. G. Bonett (2002), "Distribution-free confidence intervals for
    difference and ratio of medians"; A. Deng, U. Knoblich, J. Lu (2018), "Applying the delta method
    in metric analytics", section 4.

    Args:
        control: The order statistics of the control at the ranks of ``quantile_ranks``.
        treatment: Those of the treatment.
        q: The quantile.
        alpha: The error level that the ranks were computed with.
        relative: Whether the effect is divided by the control's quantile.

    Returns:
        The treatment's quantile less the control's.

    Raises:
        InvalidInput: The values are not finite or not in order, there are too few, both arms have
            limits that are equal to each other, or the effect is relative to 0.
    """
    errors = [_se("control", control, q, alpha), _se("treatment", treatment, q, alpha)]
    if not any(errors):
        raise InvalidInput(
            "control and treatment",
            given=(control, treatment),
            expected="limits that differ; where many values are equal, compare proportions",
        )
    difference = treatment.value - control.value
    if not relative:
        return Effect(difference, hypot(*errors))
    if not control.value:
        raise InvalidInput("control.value", given=control.value, expected="not 0, to divide by it")
    ratio = treatment.value / control.value
    return Effect(
        difference / control.value, hypot(errors[1], ratio * errors[0]) / abs(control.value)
    )


def _se(what: str, arm: OrderStatistics, q: float, alpha: float) -> float:
    """Return the standard error of an arm's quantile."""
    ranks = quantile_ranks(arm.n, q, alpha)
    low, value, high = (
        number(f"{what}.{name}", given)
        for name, given in (("low", arm.low), ("value", arm.value), ("high", arm.high))
    )
    if not low <= value <= high:
        raise InvalidInput(what, given=arm, expected="low <= value <= high")
    return (high - low) / (2 * normal_isf((1 - ranks.coverage) / 2))
