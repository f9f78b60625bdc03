"""The distributions that inference uses, exact also far out in their tails.

A survival function is computed as itself, never as 1 less the distribution function, so a p-value
of 1e-100 is 1e-100. Relative errors stay below 1e-12 in the body and 1e-10 in the tails.
"""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, expm1, inf, isinf, log, log1p, nan, pi, sqrt, tan
from typing import Final

from habitkit.experiments.domain.stats.special import (
    beta_fraction,
    gamma_ratio,
    incomplete_beta,
    incomplete_gamma_upper,
)

__all__ = [
    "chi_square_sf",
    "normal_cdf",
    "normal_isf",
    "normal_log_sf",
    "normal_pdf",
    "normal_ppf",
    "normal_sf",
    "student_t_isf",
    "student_t_pdf",
    "student_t_ppf",
    "student_t_sf",
]

_EPSILON: Final = 2.0**-53
_ROOT_2: Final = sqrt(2.0)
_ROOT_TAU: Final = sqrt(2 * pi)
_HALF_LOG_TAU: Final = log(2 * pi) / 2
_LARGE_DF: Final = 50.0
_STEPS: Final = 100

_SINH: Final = (
    1.0,
    -1 / 48,
    1 / 2560,
    -61 / 7741440,
    1261 / 7431782400,
    -79 / 20761804800,
    66643 / 761775532277760,
    -16820653 / 8227175748599808000,
    3745813 / 77499283242221568000,
)
"""The series of ``sqrt((x/2) / sinh(x/2))`` in powers of ``x**2``."""


# -- the normal distribution -------------------------------------------------------------------


def normal_pdf(z: float) -> float:
    """Return the density of the standard normal distribution."""
    return exp(-z * z / 2) / _ROOT_TAU


def normal_cdf(z: float) -> float:
    """Return how probable a standard normal value of at most z is: ``erfc(-z / sqrt 2) / 2``."""
    return erfc(-z / _ROOT_2) / 2


def normal_sf(z: float) -> float:
    """Return how probable a standard normal value above z is: ``erfc(z / sqrt 2) / 2``."""
    return erfc(z / _ROOT_2) / 2


def normal_log_sf(z: float) -> float:
    """Return the logarithm of ``normal_sf``, also where that is below the least float.

    Beyond z = 30 by the asymptotic series ``phi(z)/z (1 - 1/z**2 + 3/z**4 - 15/z**6 + ...)``.

    Source: Abramowitz and Stegun (1964), 26.2.12.
    """
    if z < -1:
        return log1p(-normal_sf(-z))
    if z < 30:  # noqa: PLR2004
        return log(normal_sf(z))
    u = 1 / (z * z)
    series = u * (-1 + u * (3 + u * (-15 + u * (105 - 945 * u))))
    return -z * z / 2 - log(z) - _HALF_LOG_TAU + log1p(series)


def normal_ppf(p: float) -> float:
    """Return the value that a standard normal one is at most with probability p.

    Args:
        p: A probability from 0 to 1; the ends give minus infinity and infinity.

    Source: M. J. Wichura (1988), algorithm AS 241, as in the standard library.
    """
    return -normal_isf(p)


@lru_cache(maxsize=256)
def normal_isf(q: float) -> float:
    """Return the value that a standard normal one exceeds with probability q.

    Args:
        q: A probability from 0 to 1; the ends give infinity and minus infinity.
    """
    if not 0 < q < 1:
        return inf if q == 0 else -inf if q == 1 else nan
    from statistics import NormalDist  # noqa: PLC0415 - takes milliseconds to import

    return -NormalDist().inv_cdf(q)


# -- chi-square --------------------------------------------------------------------------------


def chi_square_sf(statistic: float, df: float) -> float:
    """Return how probable a chi-square value above the statistic is: ``Q(df / 2, x / 2)``."""
    return (
        erfc(sqrt(max(statistic, 0.0) / 2))
        if df == 1
        else incomplete_gamma_upper(df / 2, statistic / 2)
    )


# -- Student's t -------------------------------------------------------------------------------


def student_t_pdf(t: float, df: float) -> float:
    """Return the density of Student's t distribution.

    ``Gamma((v+1)/2) / (Gamma(v/2) sqrt(v pi)) (1 + t**2/v)**(-(v+1)/2)``
    """
    half = df / 2
    log_power = _log_1_plus_square(t, df)
    return gamma_ratio(half) / sqrt(half * 2 * pi) * exp(-(half + 0.5) * log_power)


def student_t_sf(t: float, df: float) -> float:
    """Return how probable a value above t of Student's t distribution is.

    Up to 50 degrees of freedom and far out it is ``I_x(df/2, 1/2) / 2`` with
    ``x = df / (df + t**2)``. Elsewhere substitute ``z = sqrt(k ln(1 + t**2/df))`` with
    ``k = df - 1/2``: the density becomes that of the normal distribution times
    ``sqrt(w / sinh w)``, ``w = z**2 / (2 k)``, whose series is integrated term by term.

    Args:
        t: The value; infinities give 0 and 1.
        df: The degrees of freedom, above 0; infinity gives the normal distribution.

    Source: Abramowitz and Stegun (1964), 26.7.1; for the substitution D. L. Wallace (1959), "Bounds
    on normal approximations to Student's and the chi-square distributions".
    """
    if t < 0:
        return 1 - student_t_sf(-t, df)
    if isinf(df):
        return normal_sf(t)
    log_power = _log_1_plus_square(t, df)
    if df >= _LARGE_DF and log_power <= 1:
        return _student_t_series(log_power, df)
    if t * t < df:  # the smaller of x and y is exact
        y = t * t / (df + t * t)
        return incomplete_beta(df / 2, 0.5, 1 - y, y) / 2
    x = exp(-log_power)
    y = -expm1(-log_power)
    factor = gamma_ratio(df / 2) / sqrt(pi) * sqrt(y) * exp(-df / 2 * log_power)
    return factor / beta_fraction(df / 2, 0.5, x, y) / 2


def student_t_isf(q: float, df: float) -> float:
    """Return the value that one of Student's t distribution exceeds with probability q.

    By Newton's method on the logarithms, from the normal quantile with the substitution of
    ``student_t_sf`` undone.

    Args:
        q: A probability from 0 to 1; the ends give infinity and minus infinity.
        df: The degrees of freedom, above 0; infinity gives the normal distribution.
    """
    if not 0 < q < 1 or isinf(df):
        return normal_isf(q)
    if q > 0.5:  # noqa: PLR2004
        return -student_t_isf(1 - q, df)
    if q == 0.5:  # noqa: PLR2004
        return 0.0
    if df == 1:
        return 1 / tan(pi * q)
    z = normal_isf(q)
    t = sqrt(df * expm1(min(z * z / max(df - 0.5, df / 2), 600.0)))
    for _ in range(_STEPS):
        tail = student_t_sf(t, df)
        step = log(tail / q) * tail / (t * student_t_pdf(t, df))
        t *= exp(max(-50.0, min(50.0, step)))
        if abs(step) < 1e-8:  # noqa: PLR2004 - the next one would be about its square
            break
    return t


def student_t_ppf(p: float, df: float) -> float:
    """Return the value that one of Student's t distribution is at most with probability p."""
    return -student_t_isf(p, df)


# -- parts of Student's t ----------------------------------------------------------------------


def _log_1_plus_square(t: float, df: float) -> float:
    """Return ``ln(1 + t**2 / df)``, also where the square is above the largest float."""
    ratio = abs(t) / sqrt(df)
    return log1p(ratio * ratio) if ratio < 1e150 else 2 * log(ratio)  # noqa: PLR2004


def _student_t_series(log_power: float, df: float) -> float:
    """Integrate the series of ``student_t_sf`` from z on."""
    k = df - 0.5
    squared = k * log_power
    z = sqrt(squared)
    power = z * normal_pdf(z)  # z**(2m-1) phi(z)
    moment = total = normal_sf(z)  # the integral of s**(2m) phi(s)
    scale, m = 1.0, 1
    for coefficient in _SINH[1:]:
        for _ in range(2):
            moment = power + (2 * m - 1) * moment
            power *= squared
            m += 1
        scale /= k * k
        term = coefficient * scale * moment
        total += term
        if abs(term) <= _EPSILON * total:
            break
    half = df / 2
    return gamma_ratio(half) / sqrt(half - 0.25) * total
