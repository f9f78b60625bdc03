"""Effects: how much a treatment changed a metric, with its standard error.

Each function takes the control first and the treatment second. All but ``proportion`` estimate the
variances, and so give the degrees of freedom of Welch and Satterthwaite:
``(s_a + s_b)**2 / (s_a**2/(n_a - 1) + s_b**2/(n_b - 1))`` where the squared standard error is
``s_a + s_b``, one part an arm. If neither arm varies the standard error is 0.

Source: B. L. Welch (1947), "The generalization of Student's problem when several different
population variances are involved".
"""

from __future__ import annotations

from math import inf, isfinite, sqrt

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Bivariate, Moments

__all__ = ["cuped", "mean", "proportion", "ratio", "successes"]

_ROUNDING = 1e-9
"""A variance below 0 by this share of its terms comes from rounding; more is no variance."""


def mean(a: Moments, b: Moments, *, relative: bool = False) -> Effect:
    """Return the difference of two means.

    ``m_b - m_a`` with ``Var = v_a/n_a + v_b/n_b``; relative ``m_b/m_a - 1`` with, by the delta
    method, ``Var = v_b/(n_b m_a**2) + v_a m_b**2/(n_a m_a**4)``.

    Args:
        a: The moments of the control, of at least two units.
        b: The moments of the treatment, of at least two units.
        relative: Divide by the mean of the control.

    Returns:
        The effect, with Welch's degrees of freedom.

    Raises:
        InvalidInput: If an arm has fewer than two units, a number is not finite, squared deviations
            are negative, or the effect is relative to a mean of 0.
    """
    _check(a, "control")
    _check(b, "treatment")
    return _difference(
        (a.n, a.mean, a.M2 / (a.n - 1)), (b.n, b.mean, b.M2 / (b.n - 1)), relative=relative
    )


def proportion(a: Moments, b: Moments, *, relative: bool = False) -> Effect:
    """Return the difference of two proportions.

    As ``mean``, with the variance ``p (1 - p)`` of an arm (not pooled) and the normal distribution.

    Args:
        a: The moments of the control's values, each 0 or 1, as ``successes`` makes them.
        b: The moments of the treatment's.
        relative: Divide by the proportion of the control.

    Returns:
        The effect; its ``df`` is None.

    Raises:
        InvalidInput: As ``mean``, or if the moments are not those of zeros and ones.
    """
    for moments, arm in ((a, "control"), (b, "treatment")):
        _check(moments, arm)
        expected = moments.n * moments.mean * (1 - moments.mean)
        if not 0 <= moments.mean <= 1 or abs(moments.M2 - expected) > 1e-6 * (1 + expected):
            msg = f"moments of the {arm}"
            raise InvalidInput(
                msg,
                given=moments,
                expected="those of values that are 0 or 1; make them with effect.successes, or use "
                "effect.mean",
            )
    found = _difference((a.n, a.mean, a.M2 / a.n), (b.n, b.mean, b.M2 / b.n), relative=relative)
    return Effect(found.estimate, found.se)


def successes(count: int, n: int) -> Moments:
    """Return the moments of n values of which ``count`` are 1 and the others 0.

    Args:
        count: How many are 1.
        n: How many there are.

    Raises:
        InvalidInput: If the count is not from 0 to n.
    """
    if not 0 <= count <= n:
        raise InvalidInput("count of successes", given=count, expected=f"from 0 to n, which is {n}")
    return Moments(n, count / n, count * (n - count) / n) if n else Moments()


def ratio(a: Bivariate, b: Bivariate, *, relative: bool = False) -> Effect:
    """Return the difference of two ratios of means, such as revenue an order.

    The ratio of an arm is ``r = m_x/m_y``; by the delta method its variance is
    ``(v_x - 2 r c_xy + r**2 v_y) / (n m_y**2)``.

    Args:
        a: The moments of the control's pairs of numerator (x) and denominator (y), one a unit.
        b: The moments of the treatment's.
        relative: Divide by the ratio of the control.

    Returns:
        The effect, with Welch's degrees of freedom.

    Raises:
        InvalidInput: As ``mean``, if the mean of a denominator is 0, or if the covariance is larger
            than the variances allow.

    Source: A. Deng, U. Knoblich, J. Lu (2018), "Applying the delta method in metric analytics".
    """
    return _difference(_ratio(a, "control"), _ratio(b, "treatment"), relative=relative)


def cuped(a: Bivariate, b: Bivariate, *, relative: bool = False) -> Effect:
    """Return the difference of two means, less what a covariate explains.

    ``theta = c_xy / v_y`` of all units of both arms; the mean of an arm becomes
    ``m_x - theta (m_y - m)``, where m is the covariate's mean over both arms, and its variance
    ``v_x - 2 theta c_xy + theta**2 v_y``. Without variance of the covariate, theta is 0.

    Args:
        a: The moments of the control's pairs of metric (x) and covariate (y), which is from before
            the exposure, one a unit.
        b: The moments of the treatment's.
        relative: Divide by the adjusted mean of the control.

    Returns:
        The effect, with Welch's degrees of freedom.

    Raises:
        InvalidInput: As ``mean``, or if the covariance is larger than the variances allow.

    Source: A. Deng, Y. Xu, R. Kohavi, T. Walker (2013), "Improving the sensitivity of online
    controlled experiments by utilizing pre-experiment data"; theta and the adjusted means are those
    of tea-tasting.
    """
    _expect_pairs(a, "control")
    _expect_pairs(b, "treatment")
    _check(a.x, "control's metric")
    _check(a.y, "control's covariate")
    _check(b.x, "treatment's metric")
    _check(b.y, "treatment's covariate")
    both = a.merge(b)
    theta = both.Cxy / both.Myy if both.Myy else 0.0
    return _difference(
        (a.n, a.mx - theta * (a.my - both.my), _residual(a, theta, "control")),
        (b.n, b.mx - theta * (b.my - both.my), _residual(b, theta, "treatment")),
        relative=relative,
    )


# -- parts -------------------------------------------------------------------------------------


def _difference(
    a: tuple[int, float, float], b: tuple[int, float, float], *, relative: bool
) -> Effect:
    """Return the effect between two arms, each a count, a mean and a variance of one unit."""
    n_a, mean_a, variance_a = a
    n_b, mean_b, variance_b = b
    part_a, part_b = variance_a / n_a, variance_b / n_b
    estimate = mean_b - mean_a
    if relative:
        if mean_a == 0:
            raise InvalidInput(
                "mean of the control",
                given=mean_a,
                expected="not 0 for a relative effect; use the absolute one",
            )
        estimate /= mean_a
        growth = mean_b / mean_a
        part_a, part_b = part_a * growth * growth / mean_a / mean_a, part_b / mean_a / mean_a
    squared = part_a + part_b
    if not isfinite(squared) or not isfinite(estimate):
        raise InvalidInput("effect", given=estimate, expected="moments whose effect is finite")
    if squared == 0:
        return Effect(estimate, 0.0, float(n_a + n_b - 2))
    share_a, share_b = part_a / squared, part_b / squared
    df = 1 / (share_a * share_a / (n_a - 1) + share_b * share_b / (n_b - 1))
    return Effect(estimate, sqrt(squared), df)


def _ratio(arm: Bivariate, name: str) -> tuple[int, float, float]:
    """Return the count, the ratio, and its variance times the count, of an arm."""
    _expect_pairs(arm, name)
    _check(arm.x, f"{name}'s numerator")
    _check(arm.y, f"{name}'s denominator")
    if arm.my == 0:
        msg = f"mean of the {name}'s denominator"
        raise InvalidInput(msg, given=arm.my, expected="not 0")
    value = arm.mx / arm.my
    return arm.n, value, _residual(arm, value, name) / arm.my / arm.my


def _expect_pairs(arm: object, name: str) -> None:
    """Refuse what is no moments of pairs."""
    if not isinstance(arm, Bivariate):
        msg = f"moments of the {name}"
        raise InvalidInput(msg, given=arm, expected="Bivariate, such as Bivariate.of(pairs)")


def _residual(arm: Bivariate, slope: float, name: str) -> float:
    """Return the variance of ``x - slope * y``."""
    explained, spread = 2 * slope * arm.Cxy, slope * slope * arm.Myy
    squares = arm.Mxx - explained + spread
    if not squares >= -_ROUNDING * (arm.Mxx + spread):
        msg = f"covariance of the {name}"
        raise InvalidInput(
            msg,
            given=arm.Cxy,
            expected="a number whose square is at most Mxx * Myy",
        )
    return max(squares, 0.0) / (arm.n - 1)


def _check(moments: Moments, arm: str) -> None:
    """Refuse moments that no two values can have."""
    if type(moments) is not Moments:
        msg = f"moments of the {arm}"
        raise InvalidInput(msg, given=moments, expected="Moments, such as successes(120, 1500)")
    if not 2 <= moments.n < inf:  # noqa: PLR2004
        msg = f"units of the {arm}"
        raise InvalidInput(msg, given=moments.n, expected="at least 2")
    if not isfinite(moments.mean) or not isfinite(moments.M2) or moments.M2 < 0:
        msg = f"moments of the {arm}"
        raise InvalidInput(
            msg,
            given=moments,
            expected="a finite mean and finite squared deviations of at least 0",
        )
