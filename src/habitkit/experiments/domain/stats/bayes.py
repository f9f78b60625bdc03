"""Bayesian inference: the posterior of an effect, and which of several conversion rates is best.

Both depend on nothing but the data and the prior, so that they may be read at any time; neither
bounds how often a null effect is called a win over many looks, as ``always_valid`` does.
"""

from __future__ import annotations

from itertools import pairwise
from math import copysign, exp, fsum, hypot, inf, isnan, log1p, prod, sqrt
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._numbers import count, number
from habitkit.experiments.domain.stats._quadrature import cumulative, nodes_of
from habitkit.experiments.domain.stats.distributions import normal_isf, normal_pdf, normal_sf
from habitkit.experiments.domain.stats.fixed import check_alpha, check_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.experiments.domain.stats.inference import Effect

__all__ = ["NormalPrior", "Posterior", "bayes", "beta_best", "beta_loss"]

_EDGES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.5, 7.0, 9.0, 12.0, 16.0, 22.0, 30.0, 40.0)
"""Where panels end, in standard deviations from a posterior's mean, to where tails are empty."""

_LEAST_EXPONENT = -745.0
"""``exp`` of less is 0."""

_CERTAIN = 38.0
"""A mean that is so many standard deviations from 0 has its sign for certain."""


@frozen
class NormalPrior:
    """What is believed of an effect before the data: a normal distribution.

    Attributes:
        mean: Its mean.
        sd: Its standard deviation, above 0; infinity for a flat prior.
    """

    mean: float = 0.0
    sd: float = inf


@frozen
class Posterior:
    """What is believed of an effect after the data: a normal distribution.

    Attributes:
        mean: Its mean.
        sd: Its standard deviation.
        chance_to_win: The probability that the effect is above 0.
        expected_loss: What shipping the treatment costs on average: the mean of
            ``max(-effect, 0)``.
        expected_loss_keeping: What keeping the control costs on average: the mean of
            ``max(effect, 0)``.
        low: The lower end of the central credible interval.
        high: The upper end.
        alpha: The probability that the effect is outside it.
    """

    mean: float
    sd: float
    chance_to_win: float
    expected_loss: float
    expected_loss_keeping: float
    low: float
    high: float
    alpha: float


def bayes(effect: Effect, prior: NormalPrior | None = None, alpha: float = 0.05) -> Posterior:
    """Return the posterior of an effect under a normal prior.

    With the precisions ``1/sd^2`` of the prior and ``1/se^2`` of the estimate, the posterior is
    normal; its precision is their sum and its mean is weighted by them. With mean m and standard
    deviation s of the posterior, keeping costs ``m Phi(m/s) + s phi(m/s)`` and shipping the same
    with ``-m``. Degrees of freedom are not used: an estimate is taken as normal, or as certain
    if its standard error is 0.

    Sources: A. Gelman et al. (2013), "Bayesian Data Analysis", section 2.5; for the expected loss
    C. Stucchio (2015), "Bayesian A/B Testing at VWO".

    Args:
        effect: The estimated effect, the more the better.
        prior: What is believed before; a flat prior by default.
        alpha: The probability outside the credible interval.

    Returns:
        The posterior.

    Raises:
        InvalidInput: The estimate or its standard error is not finite, the prior has no finite
            mean or no standard deviation above 0, or alpha is not between 0 and 1.

    Example:
        >>> from habitkit.experiments.domain.stats.inference import Effect
        >>> posterior = bayes(Effect(0.02, 0.01))
        >>> round(posterior.chance_to_win, 4), round(posterior.expected_loss, 6)
        (0.9772, 8.5e-05)
    """
    check_alpha(alpha)
    check_effect(effect)
    estimate, se = effect.estimate, effect.se
    prior = prior or NormalPrior()
    prior_mean = number("prior.mean", prior.mean)
    if isnan(prior.sd) or prior.sd <= 0:
        raise InvalidInput("prior.sd", given=prior.sd, expected="a number above 0, or infinity")
    z = normal_isf(alpha / 2)
    shrink = (se / hypot(se, prior.sd)) ** 2 if prior.sd < inf else 0.0
    mean = estimate + (prior_mean - estimate) * shrink
    sd = se * (prior.sd / hypot(se, prior.sd)) if prior.sd < inf else se
    return Posterior(
        mean=mean,
        sd=sd,
        chance_to_win=normal_sf(-mean / sd) if sd else (1 + (mean > 0) - (mean < 0)) / 2,
        expected_loss=_mean_above_zero(-mean, sd),
        expected_loss_keeping=_mean_above_zero(mean, sd),
        low=mean - z * sd,
        high=mean + z * sd,
        alpha=alpha,
    )


def _mean_above_zero(mean: float, sd: float) -> float:
    """Return the mean of ``max(x, 0)`` of a normal variable."""
    z = mean / sd if sd else copysign(inf, mean)
    if abs(z) > _CERTAIN:
        return max(mean, 0.0)
    return max(sd * (z * normal_sf(-z) + normal_pdf(z)), 0.0)


# -- which arm is best -------------------------------------------------------------------------


def beta_best(arms: Sequence[tuple[int, int]]) -> list[float]:
    """Return for each arm the probability that its conversion rate is the highest.

    The rate of an arm has the posterior ``Beta(1 + successes, 1 + failures)``, from a uniform
    prior. The probability is the integral of the arm's density times the distribution functions of
    all others, by Gauss-Legendre quadrature in panels that follow each posterior's spread; its
    error is below 1e-9, also of arms with many millions of units.

    Source: C. Stucchio (2015), "Bayesian A/B Testing at VWO"; E. Miller (2015), "Formulas for
    Bayesian A/B Testing" has the sum for two arms, which the tests compare with.

    Args:
        arms: The successes and failures of each arm, two arms or more.

    Returns:
        The probabilities in the order of the arms; their sum is 1.

    Raises:
        InvalidInput: There are fewer than two arms, or a number is no count.

    Example:
        >>> [round(chance, 4) for chance in beta_best([(90, 910), (120, 880)])]
        [0.0144, 0.9856]
    """
    shares = _Posteriors.of(arms).best()
    total = fsum(shares)
    return [share / total for share in shares]


def beta_loss(arms: Sequence[tuple[int, int]]) -> list[float]:
    """Return for each arm the expected loss of choosing it.

    The loss is by how much the highest conversion rate of all arms exceeds that of the arm; its
    mean is the integral of ``F[arm] (1 - prod of the other F)``. The posteriors are those of
    ``beta_best``.

    Args:
        arms: The successes and failures of each arm, two arms or more.

    Returns:
        The expected losses, in conversions a unit, in the order of the arms.

    Raises:
        InvalidInput: There are fewer than two arms, or a number is no count.
    """
    return _Posteriors.of(arms).losses()


@frozen
class _Posteriors:
    """The densities and distribution functions of Beta posteriors at common nodes."""

    weights: list[float]
    densities: list[list[float]]
    below: list[list[float]]

    @classmethod
    def of(cls, arms: Sequence[tuple[int, int]]) -> _Posteriors:
        if len(arms) < 2:  # noqa: PLR2004
            raise InvalidInput("arms", given=arms, expected="two arms or more")
        for number_, (successes, failures) in enumerate(arms):
            count(f"arms[{number_}] successes", successes)
            count(f"arms[{number_}] failures", failures)
        # Floats are close together near 0, and not near 1: there nodes are rates of failures.
        failing = sum(failures for _, failures in arms) < sum(successes for successes, _ in arms)
        rates = [(failures, successes) for successes, failures in arms] if failing else arms
        edges = _edges(rates)
        nodes, weights = nodes_of(edges)
        densities, below = [], []
        for arm in rates:
            shape = _shape(arm, nodes)
            *integrals, total = cumulative(edges, shape)
            densities.append([value / total for value in shape])
            under = [min(value / total, 1.0) for value in integrals]
            below.append([1 - value for value in under] if failing else under)
        return cls(weights, densities, below)

    def best(self) -> list[float]:
        return [
            fsum(
                weight * at[arm] * prod(functions[:arm] + functions[arm + 1 :])
                for weight, at, *functions in self._rows()
                if at[arm]
            )
            for arm in range(len(self.below))
        ]

    def _rows(self) -> list[tuple[float, tuple[float, ...], *tuple[float, ...]]]:
        return [
            (weight, at, *functions)
            for weight, at, functions in zip(
                self.weights,
                zip(*self.densities, strict=True),
                zip(*self.below, strict=True),
                strict=True,
            )
        ]

    def losses(self) -> list[float]:
        return [
            fsum(
                weight * functions[arm] * (1 - prod(functions[:arm] + functions[arm + 1 :]))
                for weight, _, *functions in self._rows()
            )
            for arm in range(len(self.below))
        ]


def _edges(arms: Sequence[tuple[int, int]]) -> list[float]:
    """Return where panels end: close together where a posterior has its mass."""
    edges = {0.0, 1.0}
    for successes, failures in arms:
        a, b = successes + 1, failures + 1
        mean = a / (a + b)
        sd = sqrt(mean * (b / (a + b)) / (a + b + 1))
        edges |= {mean + side * at * sd for at in _EDGES for side in (-1, 1)}
    inside = sorted(edge for edge in edges if 0 <= edge <= 1)
    return [0.0, *(right for left, right in pairwise(inside) if right > left)]


def _shape(arm: tuple[int, int], nodes: Sequence[float]) -> list[float]:
    """Return the density of the rate of an arm at the nodes, divided by that at its mode.

    From the mode on, logarithms do not cancel, however many units there are.
    """
    successes, failures = arm
    mode = successes / ((successes + failures) or 1)
    rest = failures / ((successes + failures) or 1)
    values = []
    for x in nodes:
        rise = successes * _log_ratio(mode, x - mode) if successes else 0.0
        fall = failures * _log_ratio(rest, mode - x) if failures else 0.0
        values.append(exp(rise + fall) if rise + fall > _LEAST_EXPONENT else 0.0)
    return values


def _log_ratio(start: float, step: float) -> float:
    """Return ``log((start + step) / start)``, precise for small steps."""
    share = step / start
    return log1p(share) if share > -1 else -inf
