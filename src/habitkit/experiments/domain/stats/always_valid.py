"""Inference that is valid at every look: confidence sequences and the mixture SPRT."""

from __future__ import annotations

from functools import lru_cache
from math import exp, expm1, log, log1p, sqrt

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.fixed import Side, check_alpha, check_effect, interval
from habitkit.experiments.domain.stats.inference import Effect, Inference

__all__ = ["always_valid", "boundary", "msprt", "tuned"]


def always_valid(
    effect: Effect, n: float, alpha: float = 0.05, tuning_n: float = 5_000, *, side: Side = "two"
) -> Inference:
    """Return what an asymptotic confidence sequence says of an effect, at any look.

    The intervals of all looks together cover the true effect with ``1 - alpha``, however often one
    looks and whenever one stops. With ``u = n rho**2``, half an interval is

        se sqrt(2 (u + 1)/u ln(sqrt(u + 1)/alpha))
        se sqrt(2 (u + 1)/u ln(1 + sqrt(u + 1)/(2 alpha)))     on one side

    and ``rho**2 = (-2 ln alpha + ln(1 - 2 ln alpha)) / tuning_n`` (on one side with ``2 alpha`` in
    place of alpha) makes it about the narrowest when n is ``tuning_n``. The p-value is the smallest
    alpha whose interval excludes 0, with the rho of the given alpha throughout, so that it too is
    valid at every look: with ``x = u/(u + 1) (estimate/se)**2 / 2`` it is ``sqrt(u + 1) e**-x``,
    and ``sqrt(u + 1) / (2 (e**x - 1))`` on one side.

    With a standard error of 0 the interval is the estimate itself, as for ``fixed``.

    Args:
        effect: The effect at this look.
        n: The units of both arms at this look, above 0.
        alpha: The error level, between 0 and 1; below 0.5 on one side.
        tuning_n: The units of both arms at which the interval shall be narrowest. It must be the
            same at all looks.
        side: ``two``, ``greater`` (the treatment is above the control) or ``less``.

    Raises:
        InvalidInput: If an argument is not as described.

    Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas (2021), "Time-uniform
    central limit theory and asymptotic confidence sequences", arXiv 2103.06476 version 7: equations
    9, 134 (one side), 155 (p-value) and 161 (rho); as in GrowthBook.
    """
    check_effect(effect)
    u = _information(n, alpha, tuning_n, side)
    return _inference(effect, u, alpha, side, "always_valid")


def msprt(effect: Effect, n: float, alpha: float = 0.05, *, tau: float) -> Inference:
    """Return what a mixture sequential probability ratio test says of an effect, at any look.

    Against the hypothesis of no effect stands a normal one around 0. The likelihood ratio is
    ``L = sqrt(V/(V + n s)) exp(n**2 s estimate**2 / (2 V (V + n s)))`` with ``V = n se**2``, the
    variance of one unit's contribution, and the variance ``s = tau**2 V`` of the mixing
    distribution; the p-value is ``1/L``, and the interval has the effects whose likelihood ratio is
    below ``1/alpha``. It equals ``always_valid`` on two sides with ``rho = tau``, and holds for
    looks with ever more units.

    Args:
        effect: The effect at this look.
        n: The units of both arms at this look, above 0.
        alpha: The error level, between 0 and 1.
        tau: The standard deviation of the mixing distribution, in units of ``sqrt(n) se``; it must
            be the same at all looks. With two arms of n/2 units, ``sqrt(n) se`` is twice the
            standard deviation of the metric: divide an effect that is typical of past experiments
            by that.

    Raises:
        InvalidInput: If an argument is not as described.

    Source: R. Johari, P. Koomen, L. Pekelis, D. Walsh (2022), "Always valid inference: continuous
    monitoring of A/B tests".
    """
    check_effect(effect)
    check_alpha(alpha)
    _check_positive(n, "n")
    _check_positive(tau, "tau")
    return _inference(effect, n * tau * tau, alpha, "two", "msprt")


def boundary(n: float, alpha: float = 0.05, *, tuning_n: float, side: Side = "two") -> float:
    """Return how many standard errors half an interval of ``always_valid`` has.

    Args:
        n: The units of both arms, above 0.
        alpha: The error level, between 0 and 1; below 0.5 on one side.
        tuning_n: The units of both arms at which the interval is narrowest.
        side: ``two``, ``greater`` or ``less``.

    Raises:
        InvalidInput: If an argument is not as described.
    """
    return _critical(_information(n, alpha, tuning_n, side), alpha, side)


@lru_cache(maxsize=64)
def tuned(alpha: float, side: Side = "two") -> float:
    """Return ``rho**2 * tuning_n``: how ``always_valid`` is tuned, whatever the units.

    Args:
        alpha: The error level, between 0 and 1; below 0.5 on one side.
        side: ``two``, ``greater`` or ``less``.

    Raises:
        InvalidInput: If alpha is out of this range.
    """
    check_alpha(alpha, 1 if side == "two" else 0.5)
    doubled = -2 * log(alpha if side == "two" else 2 * alpha)
    return doubled + log1p(doubled)


# -- parts -------------------------------------------------------------------------------------


def _information(n: float, alpha: float, tuning_n: float, side: Side) -> float:
    """Return ``n rho**2``."""
    _check_positive(n, "n")
    _check_positive(tuning_n, "tuning_n")
    return n / tuning_n * tuned(alpha, side)


def _inference(effect: Effect, u: float, alpha: float, side: Side, method: str) -> Inference:
    """Return the interval and the p-value of a normal mixture with information u."""
    low, high = interval(effect, _critical(u, alpha, side) * effect.se, side)
    p_value = _p_value(effect, u, side)
    return Inference(effect.estimate, low, high, p_value, alpha, method)


def _critical(u: float, alpha: float, side: Side) -> float:
    """Return how many standard errors half an interval has."""
    root = sqrt(u + 1)
    bound = log(root / alpha) if side == "two" else log1p(root / (2 * alpha))
    return sqrt(2 * (u + 1) / u * bound)


def _p_value(effect: Effect, u: float, side: Side) -> float:
    """Return the smallest alpha whose interval excludes 0."""
    distance = abs(effect.estimate) if side == "two" else effect.estimate
    if side == "less":
        distance = -distance
    if distance <= 0 or effect.se == 0:
        return 0.0 if distance > 0 else 1.0
    z = distance / effect.se
    x = u / (u + 1) * z * z / 2
    root = sqrt(u + 1)
    if side == "two":
        return min(root * exp(-x), 1.0)
    return min(root / 2 * exp(-x) / -expm1(-x), 1.0) if x else 1.0


def _check_positive(value: float, name: str) -> None:
    """Refuse what is not above 0 and finite."""
    if not 0 < value < float("inf"):
        raise InvalidInput(name, given=value, expected="a finite number above 0")
