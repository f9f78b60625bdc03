"""What a method of analysis says of an effect, in the form that a report has."""

from __future__ import annotations

from collections.abc import Iterable
from math import expm1, isfinite

from attrs import frozen

from habitkit.experiments.domain.plans import Analysis
from habitkit.experiments.domain.stats.always_valid import always_valid
from habitkit.experiments.domain.stats.bayes import NormalPrior, bayes
from habitkit.experiments.domain.stats.e_process import Batch, e_interval, e_process
from habitkit.experiments.domain.stats.fixed import fixed
from habitkit.experiments.domain.stats.group_sequential import group_sequential
from habitkit.experiments.domain.stats.inference import Effect, Inference

__all__ = ["Judged", "finite", "judge", "judge_conversions", "look_at"]


@frozen
class Judged:
    """What a method says.

    Attributes:
        method: The method.
        estimate: The effect; None if it is not finite.
        low: The lower end of the interval; None if it is open, or there is none.
        high: The upper end.
        p_value: The p-value; None for ``bayes``, and before the first look.
        chance_to_win: For ``bayes``: the probability that the treatment is better.
        expected_loss: For ``bayes``: what shipping the treatment costs on average.
        significant: Whether there is an effect, at the error level.
        rises: Whether the effect is above 0.
        look: For ``group_sequential``: which look it is, 0 before the first.
    """

    method: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    chance_to_win: float | None = None
    expected_loss: float | None = None
    significant: bool = False
    rises: bool = False
    look: int | None = None


def judge(effect: Effect, units: int, analysis: Analysis, *, lower_is_better: bool) -> Judged:
    """Return what the method of an analysis says of an effect.

    Args:
        effect: The effect.
        units: The units of both variants.
        analysis: The method and its parameters.
        lower_is_better: Whether a fall is what is wanted, for ``bayes``.

    Raises:
        InvalidInput: If the method has nothing to say of it.
    """
    match analysis.method:
        case "always_valid":
            found = always_valid(effect, units, analysis.alpha, tuning_n=analysis.tuning_n)
            return _of(found)
        case "group_sequential":
            return _at_look(effect, units, analysis)
        case "bayes":
            return _bayes(effect, analysis, lower_is_better=lower_is_better)
        case _:  # an e-process judges conversions alone, which come by judge_conversions
            return _of(fixed(effect, analysis.alpha))


def judge_conversions(batches: Iterable[Batch], alpha: float) -> Judged:
    """Return what an e-process says of two conversion rates: the relative change of the rate.

    It is significant if the e-value is at least ``1/alpha``. The interval is wider than what the
    e-value refutes, so that near that limit it may include 0.

    Args:
        batches: The conversions.
        alpha: The error level.

    Raises:
        InvalidInput: If there is no conversion.
    """
    batches = list(batches)
    found = e_interval(batches, alpha)
    p_value = e_process(batches).p_value
    return Judged(
        "e_process",
        finite(expm1(found.estimate)),
        finite(expm1(found.low)),
        finite(expm1(found.high)),
        p_value,
        significant=p_value <= alpha,
        rises=found.estimate > 0,
    )


def look_at(units: int, analysis: Analysis) -> int:
    """Return the last planned look that so many units of both variants have reached; 0 for none."""
    planned = analysis.planned_n or 1
    return min(units * analysis.looks // planned, analysis.looks)


def _of(found: Inference, look: int | None = None) -> Judged:
    return Judged(
        found.method,
        found.estimate,
        finite(found.low),
        finite(found.high),
        found.p_value,
        significant=found.significant,
        rises=found.estimate > 0,
        look=look,
    )


def _at_look(effect: Effect, units: int, analysis: Analysis) -> Judged:
    look = look_at(units, analysis)
    if not look:
        return Judged(analysis.method, effect.estimate, rises=effect.estimate > 0, look=0)
    boundaries = group_sequential(analysis.looks, analysis.alpha, spending=analysis.spending)
    return _of(boundaries.at(effect, look), look)


def _bayes(effect: Effect, analysis: Analysis, *, lower_is_better: bool) -> Judged:
    """Return the posterior; chance and loss are those of what is wanted, up or down."""
    prior = NormalPrior(analysis.prior_mean)
    if analysis.prior_sd is not None:
        prior = NormalPrior(analysis.prior_mean, analysis.prior_sd)
    found = bayes(effect, prior, analysis.alpha)
    chance, loss = found.chance_to_win, found.expected_loss
    if lower_is_better:
        chance, loss = 1 - chance, found.expected_loss_keeping
    return Judged(
        "bayes",
        found.mean,
        found.low,
        found.high,
        chance_to_win=chance,
        expected_loss=loss,
        significant=not found.low <= 0 <= found.high,
        rises=found.mean > 0,
    )


def finite(value: float) -> float | None:
    """Return a number, or None if it is infinite or none."""
    return value if isfinite(value) else None
