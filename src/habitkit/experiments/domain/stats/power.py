"""Planning: the power of a test, the units it needs, and the least effect it detects.

All by the normal distribution, for means as well: with Student's t the power of small samples is
lower. A plan is for the absolute effect. The variance of the difference of n units of control and
``ratio * n`` of treatment is

    sd**2 (1 - rho**2) (1/n + 1/(ratio n))                            for means
    (p (1 - p)/n + q (1 - q)/(ratio n)) (1 - rho**2)                  for proportions

where ``q = p + effect`` and rho is the correlation with a CUPED covariate; the variances are not
pooled, as in ``effect.proportion``. A test rejects where the estimate is more than c standard
errors from 0: c is the normal quantile, or the boundary of ``always_valid`` at the planned units
with ``tuning_n`` equal to them. The latter is an approximation from below: earlier looks can only
add to the power.

Source: S.-C. Chow, J. Shao, H. Wang (2008), "Sample size calculations in clinical research",
chapters 3 and 4; for rho A. Deng et al. (2013).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf, isfinite, sqrt

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.always_valid import boundary
from habitkit.experiments.domain.stats.distributions import normal_isf, normal_sf
from habitkit.experiments.domain.stats.fixed import Side, check_alpha, check_effect
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Moments

__all__ = ["conditional_power", "mde", "power", "sample_size"]

_HALVINGS = 200
_MOST_UNITS = 2**63


def power(
    effect: float,
    n: float,
    *,
    sd: float | Moments | None = None,
    rate: float | Moments | None = None,
    alpha: float = 0.05,
    side: Side = "two",
    ratio: float = 1.0,
    correlation: float = 0.0,
    always_valid: bool = False,
) -> float:
    """Return how probable it is that a test detects a true effect.

    ``P(Z > c - effect/se)``, on two sides with ``P(Z < -c - effect/se)`` in addition.

    Args:
        effect: The true absolute effect.
        n: The units of the control, above 0.
        sd: The standard deviation of a mean's metric, or its moments; instead of ``rate``.
        rate: The proportion of the control, or its moments; instead of ``sd``.
        alpha: The error level, between 0 and 1.
        side: ``two``, ``greater`` or ``less``.
        ratio: The units of the treatment for each of the control, above 0.
        correlation: Between the metric and a CUPED covariate, from -1 to 1 exclusively.
        always_valid: Whether the test is ``always_valid`` instead of ``fixed``.

    Raises:
        InvalidInput: If an argument is not as described, not exactly one of ``sd`` and ``rate`` is
            given, or a proportion would leave the range from 0 to 1.
    """
    plan = _plan(sd, rate, alpha, side, ratio, correlation, always_valid=always_valid)
    if not 0 < n < inf:
        raise InvalidInput("n", given=n, expected="a finite number above 0")
    return plan.power(effect, n)


def sample_size(
    effect: float,
    *,
    power: float = 0.8,
    sd: float | Moments | None = None,
    rate: float | Moments | None = None,
    alpha: float = 0.05,
    side: Side = "two",
    ratio: float = 1.0,
    correlation: float = 0.0,
    always_valid: bool = False,
) -> int:
    """Return the fewest units of the control with which a test has the power asked for.

    The treatment needs ``ratio`` times as many. The start is ``((c + z) / effect)**2`` times the
    variance at one unit, where z is the normal quantile of the power; the whole number is then the
    least one whose ``power`` suffices.

    Args:
        effect: The true absolute effect; not 0, and on the side that is tested.
        power: The power asked for, above alpha and below 1.
        sd: The standard deviation of a mean's metric, or its moments; instead of ``rate``.
        rate: The proportion of the control, or its moments; instead of ``sd``.
        alpha: The error level, between 0 and 1.
        side: ``two``, ``greater`` or ``less``.
        ratio: The units of the treatment for each of the control, above 0.
        correlation: Between the metric and a CUPED covariate, from -1 to 1 exclusively.
        always_valid: Whether the test is ``always_valid`` instead of ``fixed``.

    Raises:
        InvalidInput: As ``power``, or if no number of units suffices.
    """
    plan = _plan(sd, rate, alpha, side, ratio, correlation, always_valid=always_valid)
    _check_power(power, alpha)
    towards = abs(effect) if side == "two" else -effect if side == "less" else effect
    if not 0 < towards < inf:
        raise InvalidInput(
            "effect", given=effect, expected="one that is not 0, on the side that is tested"
        )
    distance = (plan.critical - normal_isf(power)) / effect
    start = plan.variance(effect) * distance * distance
    if not start < _MOST_UNITS:
        raise InvalidInput("effect", given=effect, expected="one that 2**63 units can detect")
    high = max(1, ceil(start * (1 + 1e-12)))
    while plan.power(effect, high) < power:
        high *= 2
    low = 0  # has no power
    guess = high - max(1, round(high * 1e-9))  # most often the start is the result
    while low < high - 1:
        middle = guess if low < guess < high else (low + high) // 2
        guess = 0
        if plan.power(effect, middle) < power:
            low = middle
        else:
            high = middle
    return high


def mde(
    n: float,
    *,
    power: float = 0.8,
    sd: float | Moments | None = None,
    rate: float | Moments | None = None,
    alpha: float = 0.05,
    side: Side = "two",
    ratio: float = 1.0,
    correlation: float = 0.0,
    always_valid: bool = False,
) -> float:
    """Return the least absolute effect that a test detects with the power asked for.

    Args:
        n: The units of the control, above 0.
        power: The power asked for, above alpha and below 1.
        sd: The standard deviation of a mean's metric, or its moments; instead of ``rate``.
        rate: The proportion of the control, or its moments; instead of ``sd``.
        alpha: The error level, between 0 and 1.
        side: ``two``, ``greater`` or ``less``.
        ratio: The units of the treatment for each of the control, above 0.
        correlation: Between the metric and a CUPED covariate, from -1 to 1 exclusively.
        always_valid: Whether the test is ``always_valid`` instead of ``fixed``.

    Returns:
        The effect: an increase, or for ``less`` a decrease, which is negative.

    Raises:
        InvalidInput: As ``power``, or if no effect on a proportion is large enough.
    """
    plan = _plan(sd, rate, alpha, side, ratio, correlation, always_valid=always_valid)
    _check_power(power, alpha)
    if not 0 < n < inf:
        raise InvalidInput("n", given=n, expected="a finite number above 0")
    sign = -1.0 if side == "less" else 1.0
    if plan.rate is None:
        largest = (plan.critical - normal_isf(power)) * sqrt(plan.variance(0.0) / n)
    else:
        largest = 1 - plan.rate if sign > 0 else plan.rate
        if plan.power(sign * largest, n) < power:
            raise InvalidInput(
                "n", given=n, expected="more units: no change of the rate is detected so often"
            )
    return sign * _least(lambda size: plan.power(sign * size, n) >= power, largest)


def conditional_power(
    effect: Effect,
    fraction: float,
    alpha: float = 0.05,
    trend: float | None = None,
    *,
    side: Side = "two",
) -> float:
    """Return how probable it is, in mid run, that the fixed test at the end rejects.

    With ``z = estimate/se`` at the information fraction t, ``B = z sqrt(t)`` is a Brownian motion
    whose drift is the true effect over the standard error at the end, ``se sqrt(t)``. The final
    statistic is normal with mean ``B + drift (1 - t)`` and variance ``1 - t``.

    Args:
        effect: The effect so far; its standard error is above 0.
        fraction: The share of the planned units that are in, between 0 and 1.
        alpha: The error level of the final test, between 0 and 1.
        trend: The true effect to assume; None for the estimate so far.
        side: ``two``, ``greater`` or ``less``.

    Raises:
        InvalidInput: If an argument is not as described.

    Source: C. Jennison, B. W. Turnbull (2000), "Group sequential methods with applications to
    clinical trials", chapter 10.
    """
    check_effect(effect)
    critical = _normal_critical(alpha, side)
    if effect.se == 0:
        raise InvalidInput("standard error", given=effect.se, expected="above 0")
    if not 0 < fraction < 1:
        raise InvalidInput("fraction", given=fraction, expected="a number between 0 and 1")
    true = effect.estimate if trend is None else trend
    if not isfinite(true):
        raise InvalidInput("trend", given=trend, expected="a finite number, or None")
    root = sqrt(fraction)
    mean = effect.estimate / effect.se * root + true / (effect.se * root) * (1 - fraction)
    return _rejects(mean / sqrt(1 - fraction), critical / sqrt(1 - fraction), side)


# -- parts -------------------------------------------------------------------------------------


@frozen
class _Plan:
    """What is known before an experiment.

    Attributes:
        sd: The standard deviation of a unit; 0 for a rate.
        rate: The proportion of the control; None for a mean.
        critical: How many standard errors from 0 the test rejects.
        side: The alternative.
        ratio: The units of the treatment for each of the control.
        unexplained: The share of the variance that the covariate leaves.
    """

    sd: float
    rate: float | None
    critical: float
    side: Side
    ratio: float
    unexplained: float

    def variance(self, effect: float) -> float:
        """Return the variance of the difference with one unit of control."""
        if self.rate is None:
            return self.sd**2 * (1 + 1 / self.ratio) * self.unexplained
        rate = self.rate + effect
        if not 0 <= rate <= 1:
            raise InvalidInput(
                "rate and effect", given=(self.rate, effect), expected="a sum from 0 to 1"
            )
        one, other = self.rate * (1 - self.rate), rate * (1 - rate)
        return (one + other / self.ratio) * self.unexplained

    def power(self, effect: float, n: float) -> float:
        """Return how probable it is that n units of control detect an effect."""
        if not isfinite(effect):
            raise InvalidInput("effect", given=effect, expected="a finite number")
        se = sqrt(self.variance(effect) / n)
        drift = effect / se if se else effect * inf if effect else 0.0
        return _rejects(drift, self.critical, self.side)


def _plan(
    sd: float | Moments | None,
    rate: float | Moments | None,
    alpha: float,
    side: Side,
    ratio: float,
    correlation: float,
    *,
    always_valid: bool,
) -> _Plan:
    """Check what is known and return it."""
    if (sd is None) == (rate is None):
        raise InvalidInput("sd and rate", given=(sd, rate), expected="exactly one of them")
    deviation = sqrt(sd.variance) if isinstance(sd, Moments) else 0.0 if sd is None else sd
    proportion = rate.mean if isinstance(rate, Moments) else rate
    if sd is not None and not 0 < deviation < inf:
        raise InvalidInput("sd", given=sd, expected="a finite standard deviation above 0")
    if proportion is not None and not 0 <= proportion <= 1:
        raise InvalidInput("rate", given=rate, expected="a proportion from 0 to 1")
    if not 0 < ratio < inf:
        raise InvalidInput("ratio", given=ratio, expected="a finite number above 0")
    if not -1 < correlation < 1:
        raise InvalidInput("correlation", given=correlation, expected="between -1 and 1")
    critical = _normal_critical(alpha, side)
    if always_valid:
        critical = boundary(1, alpha, tuning_n=1, side=side)
    return _Plan(deviation, proportion, critical, side, ratio, 1 - correlation * correlation)


def _normal_critical(alpha: float, side: Side) -> float:
    """Return how many standard errors from 0 the fixed test rejects."""
    check_alpha(alpha)
    if side not in {"two", "greater", "less"}:
        raise InvalidInput("side", given=side, expected="'two', 'greater' or 'less'")
    return normal_isf(alpha / 2 if side == "two" else alpha)


def _rejects(drift: float, critical: float, side: Side) -> float:
    """Return how probable a normal value around a drift is to be beyond the critical one."""
    if side == "less":
        return normal_sf(critical + drift)
    above = normal_sf(critical - drift)
    return above + normal_sf(critical + drift) if side == "two" else above


def _check_power(power: float, alpha: float) -> None:
    """Refuse a power that no effect, or none of finite size, has."""
    if not alpha < power < 1:
        raise InvalidInput("power", given=power, expected=f"between alpha, {alpha}, and 1")


def _least(suffices: Callable[[float], bool], largest: float) -> float:
    """Return the least number up to one that suffices for which a predicate holds."""
    low, high = 0.0, largest
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if suffices(middle):
            high = middle
        else:
            low = middle
    return high
