"""The test of one analysis, planned beforehand: Welch's t or z."""

from __future__ import annotations

from math import inf, isfinite
from typing import Literal, TypeAlias

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.distributions import (
    normal_isf,
    normal_sf,
    student_t_isf,
    student_t_sf,
)
from habitkit.experiments.domain.stats.inference import Effect, Inference

__all__ = ["Side", "check_alpha", "check_effect", "fixed", "interval"]

Side: TypeAlias = Literal["two", "greater", "less"]
"""The alternative: the treatment differs from the control, is greater, or is less."""


def fixed(effect: Effect, alpha: float = 0.05, *, side: Side = "two") -> Inference:
    """Return what a single analysis says of an effect.

    ``t = estimate / se`` against Student's t with the effect's degrees of freedom, or against the
    normal distribution if it has none. The interval is ``estimate -+ c se`` with the quantile c of
    ``1 - alpha/2``, or of ``1 - alpha`` on one side. It holds for one look, at a time fixed
    beforehand: with more looks use ``always_valid``.

    An effect with a standard error of 0 is certain: the interval is the estimate itself, and the
    p-value 0 if the estimate lies on the asked side of 0, else 1.

    Args:
        effect: The effect.
        alpha: The error level, between 0 and 1.
        side: ``two``, ``greater`` (the treatment is above the control) or ``less``.

    Raises:
        InvalidInput: If alpha, the side or the effect is not as described.

    Source: B. L. Welch (1947), "The generalization of Student's problem when several different
    population variances are involved".
    """
    check_alpha(alpha)
    check_effect(effect)
    tail = alpha / 2 if side == "two" else alpha
    df = effect.df
    critical = normal_isf(tail) if df is None else student_t_isf(tail, df)
    low, high = interval(effect, critical * effect.se, side)
    return Inference(effect.estimate, low, high, _p_value(effect, side), alpha, "fixed")


def interval(effect: Effect, half: float, side: Side) -> tuple[float, float]:
    """Return the ends of an interval of half a width around an effect.

    Args:
        effect: The effect.
        half: Half the width of the interval.
        side: The alternative: ``greater`` has no upper end, ``less`` no lower one.

    Raises:
        InvalidInput: If there is no such side.
    """
    match side:
        case "two":
            return effect.estimate - half, effect.estimate + half
        case "greater":
            return effect.estimate - half, inf
        case "less":
            return -inf, effect.estimate + half
        case _:
            raise InvalidInput("side", given=side, expected="'two', 'greater' or 'less'")


def check_alpha(alpha: float, below: float = 1) -> None:
    """Refuse what is no error level.

    Args:
        alpha: The error level.
        below: What it has to be less than.

    Raises:
        InvalidInput: If it is not between 0 and that.
    """
    if not 0 < alpha < below:
        raise InvalidInput("alpha", given=alpha, expected=f"a number between 0 and {below}")


def check_effect(effect: Effect) -> None:
    """Refuse an effect that has no finite numbers.

    Args:
        effect: The effect.

    Raises:
        InvalidInput: If its estimate is not finite, its standard error negative or not finite, or
            its degrees of freedom not above 0.
    """
    if not isfinite(effect.estimate) or not 0 <= effect.se < inf:
        raise InvalidInput(
            "effect", given=effect, expected="a finite estimate and a finite se of at least 0"
        )
    if effect.df is not None and not effect.df > 0:
        raise InvalidInput("degrees of freedom", given=effect.df, expected="above 0, or None")


def _p_value(effect: Effect, side: Side) -> float:
    """Return the probability of an effect like this or a larger one, by the survival function."""
    distance = abs(effect.estimate) if side == "two" else effect.estimate
    if side == "less":
        distance = -distance
    if effect.se == 0:
        return 0.0 if distance > 0 else 1.0
    t = distance / effect.se
    tail = normal_sf(t) if effect.df is None else student_t_sf(t, effect.df)
    return min(2 * tail, 1.0) if side == "two" else tail
