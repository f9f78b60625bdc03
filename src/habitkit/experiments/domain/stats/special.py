"""Gamma and beta functions, without cancellation where their parameters are large."""

from __future__ import annotations

from math import copysign, exp, gamma, lgamma, log, pi, sqrt
from typing import Final

__all__ = [
    "beta_fraction",
    "deviance",
    "gamma_ratio",
    "incomplete_beta",
    "incomplete_gamma",
    "incomplete_gamma_upper",
    "stirling_error",
]

_EPSILON: Final = 2.0**-53
_TINY: Final = 1e-300
_ROOT_TAU: Final = sqrt(2 * pi)
_HALF_LOG_TAU: Final = log(2 * pi) / 2
_STEPS: Final = 500
"""Steps that a series or fraction may take, besides those that its parameters ask for."""


def stirling_error(a: float) -> float:
    """Return ``ln Gamma(a + 1) - ((a + 1/2) ln a - a + ln(2 pi) / 2)``, for a above 0.

    Source: C. Loader (2000), "Fast and accurate computation of binomial probabilities".
    """
    if a < 16:  # noqa: PLR2004
        return lgamma(a + 1) - (a + 0.5) * log(a) + a - _HALF_LOG_TAU
    u = 1 / (a * a)
    series = 1 / 1260 - u * (1 / 1680 - u * (1 / 1188 - u * (691 / 360360 - u / 156)))
    return (1 / 12 - u * (1 / 360 - u * series)) / a


def deviance(x: float, expected: float) -> float:
    """Return ``x ln(x / expected) + expected - x`` without cancellation.

    Source: C. Loader (2000), "Fast and accurate computation of binomial probabilities".
    """
    difference = x - expected
    if x <= 0:
        return expected
    if abs(difference) >= 0.1 * (x + expected):
        return x * log(x / expected) - difference
    v = difference / (x + expected)
    total, term, squared = difference * v, 2 * x * v, v * v
    for odd in range(3, 60, 2):
        term *= squared
        before, total = total, total + term / odd
        if total == before:
            break
    return total


def incomplete_gamma(a: float, x: float) -> float:
    """Return the regularized lower incomplete gamma function P(a, x), for a above 0.

    By its series ``x**a e**-x / Gamma(a+1) (1 + x/(a+1) + x**2/((a+1)(a+2)) + ...)`` where x is
    below a + 1.

    Source: Abramowitz and Stegun (1964), 6.5.29; Press et al. (2007), "Numerical Recipes", 6.2.
    """
    if x <= 0:
        return 0.0
    return _gamma_series(a, x) if x < a + 1 else 1 - _gamma_fraction(a, x)


def incomplete_gamma_upper(a: float, x: float) -> float:
    """Return the regularized upper incomplete gamma function Q(a, x), for a above 0.

    By its continued fraction where x is above a + 1.

    Source: Abramowitz and Stegun (1964), 6.5.31; Press et al. (2007), "Numerical Recipes", 6.2.
    """
    if x <= 0:
        return 1.0
    return 1 - _gamma_series(a, x) if x < a + 1 else _gamma_fraction(a, x)


def gamma_ratio(a: float) -> float:
    """Return ``Gamma(a + 1/2) / Gamma(a)``.

    Source: the asymptotic series of its logarithm, NIST Handbook (2010), 5.11.8.
    """
    if a < 20:  # noqa: PLR2004
        return gamma(a + 0.5) / gamma(a)
    u = 1 / (a * a)
    series = 1 / 192 - u * (1 / 640 - u * (17 / 14336 - u * (31 / 18432 - u * 691 / 180224)))
    return sqrt(a) * exp((-1 / 8 + u * series) / a)


def incomplete_beta(a: float, b: float, x: float, y: float | None = None) -> float:
    """Return the regularized incomplete beta function I_x(a, b), for a and b above 0.

    By its continued fraction, of which some ``sqrt(max(a, b))`` steps are needed near the mean.

    Args:
        a: The first parameter.
        b: The second parameter.
        x: From 0 to 1.
        y: What is left of 1, where the caller has it more exactly than ``1 - x``. The upper tail is
            ``incomplete_beta(b, a, y, x)``.

    Source: Abramowitz and Stegun (1964), 26.5.8; Press et al. (2007), "Numerical Recipes", 6.4; the
    factor before it as Loader (2000).
    """
    y = 1 - x if y is None else y
    if x <= 0 or y <= 0:
        return 0.0 if x <= 0 else 1.0
    n = a + b
    log_factor = stirling_error(n) - stirling_error(a) - stirling_error(b)
    log_factor -= deviance(a, n * x) + deviance(b, n * y)
    factor = sqrt(a) * sqrt(b / n) * exp(log_factor) / _ROOT_TAU  # x**a y**b / B(a, b)
    if x * (n + 2) <= a + 1:
        return factor / beta_fraction(a, b, x, y)
    return 1 - factor / beta_fraction(b, a, y, x)


def beta_fraction(a: float, b: float, x: float, y: float) -> float:
    """Return what ``x**a y**b / B(a, b)`` is divided by to get I_x(a, b), where y is ``1 - x``.

    The even part of the continued fraction 26.5.8, of terms that do not cancel, with Lentz's
    algorithm.

    Source: A. R. DiDonato, A. H. Morris (1992), "Algorithm 708: significant digit computation of
    the incomplete beta function ratios".
    """
    lead = a * y - b * x + 1
    total = c = _not_0(a * lead / (a + 1))
    d = 0.0
    for m in range(1, _steps(max(a, b))):
        k = a + 2 * m
        step = m * (b - m) * x / (k - 1)
        numerator = step * x * (a + m - 1) * (a + b + m - 1) / (k - 1)
        denominator = m + step + (a + m) * (lead + m * (2 - x)) / (k + 1)
        d = 1 / _not_0(denominator + numerator * d)
        c = _not_0(denominator + numerator / c)
        total *= c * d
        if abs(c * d - 1) <= _EPSILON * 2:
            break
    return total


# -- series and continued fractions ---


def _gamma_series(a: float, x: float) -> float:
    """Return P(a, x) by its series."""
    term = total = 1.0
    for n in range(1, _steps(a)):
        term *= x / (a + n)
        total += term
        if term <= _EPSILON * total:
            break
    return total * _gamma_factor(a, x)


def _gamma_fraction(a: float, x: float) -> float:
    """Return Q(a, x) by its continued fraction, with Lentz's algorithm."""
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    total = d
    for n in range(1, _steps(a)):
        numerator = -n * (n - a)
        b += 2
        d = 1 / _not_0(numerator * d + b)
        c = _not_0(b + numerator / c)
        total *= c * d
        if abs(c * d - 1) <= _EPSILON * 2:
            break
    return total * a * _gamma_factor(a, x)


def _gamma_factor(a: float, x: float) -> float:
    """Return ``x**a e**-x / Gamma(a + 1)``."""
    return exp(-stirling_error(a) - deviance(a, x)) / (sqrt(a) * _ROOT_TAU)


def _steps(parameter: float) -> int:
    """Return how many steps a series or fraction may take: it needs some root of its parameter."""
    return _STEPS + int(20 * sqrt(parameter))


def _not_0(value: float) -> float:
    """Return a value that may be divided by."""
    return value if abs(value) > _TINY else copysign(_TINY, value)
