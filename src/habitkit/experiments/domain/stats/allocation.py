"""Allocation: by which weights a bandit assigns the next batch of units.

Each function returns the weight of each arm for a whole batch. With the floor f and K arms a weight
is ``f + (1 - K f) p``, where p is the arm's share by the rule: no arm starves, and every propensity
that is logged stays above 0. Before each arm has some data, assign by equal weights.
"""

from __future__ import annotations

from itertools import pairwise
from math import fsum, hypot, inf, isfinite, log, prod, sqrt
from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._numbers import moments_of, number
from habitkit.experiments.domain.stats._quadrature import nodes_of
from habitkit.experiments.domain.stats.bayes import beta_best
from habitkit.experiments.domain.stats.distributions import normal_pdf, normal_sf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.experiments.domain.stats.moments import Moments

__all__ = ["FLOOR", "epsilon_greedy", "thompson_beta", "thompson_normal", "ucb1"]

FLOOR = 0.05
"""The least weight of an arm."""

_EDGES = (0.0, 1.0, 2.0, 3.0, 4.5, 6.0, 8.5)
"""Where panels end, in standard deviations from a posterior's mean; beyond there is nothing."""

_LEAST_SPREAD = 1e-9
"""An arm whose values are all the same gets this share of the largest standard deviation."""


def thompson_beta(arms: Sequence[tuple[int, int]], floor: float = FLOOR) -> list[float]:
    """Return the weights by which Thompson sampling of conversion rates assigns on average.

    An arm's share is the probability that its rate is the highest, with the posterior
    ``Beta(1 + successes, 1 + failures)`` of each; see ``beta_best``. An arm without data has the
    uniform prior.

    Source: W. R. Thompson (1933), "On the likelihood that one unknown probability exceeds another
    in view of the evidence of two samples".

    Args:
        arms: The successes and failures of each arm.
        floor: The least weight.

    Returns:
        The weights in the order of the arms; their sum is 1.

    Raises:
        InvalidInput: There are fewer than two arms, a number is no count, or the floor is negative
            or more than an equal share.

    Example:
        >>> [round(weight, 3) for weight in thompson_beta([(90, 910), (120, 880)])]
        [0.063, 0.937]
    """
    _check_floor(floor, len(arms))
    return _floored(beta_best(arms), floor)


def thompson_normal(arms: Sequence[Moments], floor: float = FLOOR) -> list[float]:
    """Return the weights by which Thompson sampling of means assigns on average.

    The mean of an arm has the posterior ``N(mean, variance / n)``, from a flat prior and with the
    variance as estimated. An arm's share is the probability that its mean is the highest: the
    integral of its density times the distribution functions of all others, by Gauss-Legendre
    quadrature in panels that follow each posterior's spread. Of an arm whose values are all the
    same the mean counts as known.

    Source: D. Russo et al. (2018), "A Tutorial on Thompson Sampling".

    Args:
        arms: The moments of each arm, of 2 values or more.
        floor: The least weight.

    Returns:
        The weights in the order of the arms; their sum is 1.

    Raises:
        InvalidInput: There are fewer than two arms, an arm has fewer than 2 values, a moment is not
            finite, or the floor is negative or more than an equal share.
    """
    _check_floor(floor, len(arms))
    posteriors = []
    for index, arm in enumerate(arms):
        moments_of(f"arms[{index}]", arm, least=2)
        posteriors.append((arm.mean, sqrt(arm.variance / arm.n)))
    widest = max(sd for _, sd in posteriors)
    if not widest:
        return _floored(_best_share([mean for mean, _ in posteriors]), floor)
    return _floored(
        _normal_best([(mean, max(sd, widest * _LEAST_SPREAD)) for mean, sd in posteriors]), floor
    )


def ucb1(arms: Sequence[Moments], floor: float = FLOOR, *, scale: float = 1.0) -> list[float]:
    """Return the weights of UCB1: all that is above the floor goes to the arm of the highest index.

    The index is ``mean + scale sqrt(2 ln N / n)`` with N values in all and n of the arm; it is
    infinite without values. Arms of the same index share.

    Source: P. Auer, N. Cesa-Bianchi, P. Fischer (2002), "Finite-time analysis of the multiarmed
    bandit problem".

    Args:
        arms: The moments of each arm.
        floor: The least weight.
        scale: The range of the values: 1 where all are between 0 and 1.

    Returns:
        The weights in the order of the arms; their sum is 1.

    Raises:
        InvalidInput: There are fewer than two arms, a moment is not finite, the scale is not above
            0, or the floor is negative or more than an equal share.
    """
    _check_floor(floor, len(arms))
    if not number("scale", scale, low=0):
        raise InvalidInput("scale", given=scale, expected="a finite number above 0")
    total = sum(moments_of(f"arms[{i}]", arm, least=0).n for i, arm in enumerate(arms))
    bonus = [scale * sqrt(2 * log(total) / arm.n) if arm.n else inf for arm in arms]
    return _floored(
        _best_share([arm.mean + more for arm, more in zip(arms, bonus, strict=True)]), floor
    )


def epsilon_greedy(arms: Sequence[Moments], epsilon: float = 0.1) -> list[float]:
    """Return the weights of epsilon-greedy: epsilon in equal shares, the rest to the best mean.

    The floor is ``epsilon / K``. Arms of the same mean share; so do arms without values, as long as
    there are any.

    Source: R. S. Sutton and A. G. Barto (2018), "Reinforcement Learning", section 2.2.

    Args:
        arms: The moments of each arm.
        epsilon: The share that explores, from 0 to 1.

    Returns:
        The weights in the order of the arms; their sum is 1.

    Raises:
        InvalidInput: There are fewer than two arms, a moment is not finite, or epsilon is not from
            0 to 1.
    """
    _check_floor(0.0, len(arms))
    if not 0 <= number("epsilon", epsilon) <= 1:
        raise InvalidInput("epsilon", given=epsilon, expected="a number from 0 to 1")
    means = [
        moments_of(f"arms[{i}]", arm, least=0).mean if arm.n else inf for i, arm in enumerate(arms)
    ]
    return _floored(_best_share(means), epsilon / len(arms))


def _check_floor(floor: float, arms: int) -> None:
    if arms < 2:  # noqa: PLR2004
        raise InvalidInput("arms", given=arms, expected="two arms or more")
    if not (isfinite(floor) and 0 <= floor * arms <= 1):
        expected = f"a weight from 0 to {1 / arms:.4g}, the equal share of {arms} arms"
        raise InvalidInput("floor", given=floor, expected=expected)


def _floored(shares: Sequence[float], floor: float) -> list[float]:
    """Return the weights: the floor for each, and what is left by shares."""
    total = fsum(shares)
    left = max(1 - len(shares) * floor, 0.0)
    return [floor + left * (share / total) for share in shares]


def _best_share(values: Sequence[float]) -> list[float]:
    """Return an equal share for each arm of the highest value, and 0 for the others."""
    best = max(values)
    winners = sum(value == best for value in values)
    return [1 / winners if value == best else 0.0 for value in values]


def _normal_best(posteriors: Sequence[tuple[float, float]]) -> list[float]:
    """Return the probability of each normal variable to be the largest."""
    if len(posteriors) == 2:  # noqa: PLR2004 - the difference of two is normal
        (a, sd_a), (b, sd_b) = posteriors
        z = (b - a) / hypot(sd_a, sd_b)
        return [normal_sf(z), normal_sf(-z)]
    shares = []
    for index, (mean, sd) in enumerate(posteriors):
        others = [*posteriors[:index], *posteriors[index + 1 :]]
        nodes, weights = nodes_of(_edges(mean, sd, others))
        shares.append(
            fsum(
                weight
                * normal_pdf(z)
                * prod(normal_sf((center - mean - sd * z) / spread) for center, spread in others)
                for z, weight in zip(nodes, weights, strict=True)
            )
        )
    return shares


def _edges(mean: float, sd: float, others: Sequence[tuple[float, float]]) -> list[float]:
    """Return where panels end, in standard deviations of one variable from its mean.

    Where the distribution function of another one rises, panels are as narrow as it is.
    """
    ends = {side * at for at in _EDGES for side in (-1, 1)}
    for center, spread in others:
        ends |= {(center - mean + side * at * spread) / sd for at in _EDGES for side in (-1, 1)}
    inside = sorted(end for end in ends if abs(end) <= _EDGES[-1])
    return [inside[0], *(right for left, right in pairwise(inside) if right > left)]
