"""Comparisons: what a metric says of one treatment against the control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.definition import StoredExperiment
from habitkit.experiments.domain.judging import finite, judge, judge_conversions
from habitkit.experiments.domain.measures import GroupMoments
from habitkit.experiments.domain.metric_effects import (
    BINARY,
    FEWEST,
    Estimate,
    batches_of,
    estimate,
    merged,
    pairs_of,
    value_of,
    weights_differ,
)
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Analysis
from habitkit.experiments.domain.stats.multiple_testing import adjust
from habitkit.experiments.domain.stats.quantiles import OrderStatistics, quantile_effect

if TYPE_CHECKING:
    from habitkit.experiments.domain.judging import Judged

__all__ = ["Comparison", "adjusted", "compare"]


@frozen
class Comparison:
    """What a metric says of a treatment against the control.

    Attributes:
        metric: The name of the metric.
        kind: Its kind.
        variant: The treatment.
        control: The control.
        control_units: How many units of the control were measured.
        units: How many of the treatment.
        control_value: The metric over the control's units; None if it has no value.
        value: The metric over the treatment's units.
        effect: How much larger the treatment's is; None if it could not be judged.
        low: The lower end of the interval; None if it is open, or there is none.
        high: The upper end.
        relative: Whether effect and interval are shares of the control's.
        p_value: The p-value of the method; None for ``bayes`` and before the first look.
        adjusted_p_value: The same, adjusted for the number of metrics and treatments; None if the
            analysis does not adjust.
        chance_to_win: For ``bayes``: the probability that the treatment is better.
        expected_loss: For ``bayes``: what shipping the treatment costs on average.
        method: How it was judged; empty if it could not be.
        is_naive: Whether the method does not hold, as the data have moved the weights.
        significant: Whether there is an effect, at the error level.
        verdict: ``better`` or ``worse`` if there is a significant effect, by which direction is
            wanted; else ``undecided``.
        look: For ``group_sequential``: which look it is, 0 before the first.
        lower_is_better: Whether a fall is what is wanted.
        margin: For a guardrail: how much worse it may become, as a share of the control's.
        guardrail: For a guardrail: ``inferior`` if the whole interval is worse than the margin,
            ``non_inferior`` if none of it is, else ``undecided``.
        immature: How many units of both were left out, as their time is not over.
        not_numbers: How many values of both were left out, as they are no numbers.
        warnings: What has to be known to read it.
        problem: Why it could not be judged; empty if it was.
    """

    metric: str
    kind: str
    variant: str
    control: str
    control_units: int
    units: int
    control_value: float | None = None
    value: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    relative: bool = False
    p_value: float | None = None
    adjusted_p_value: float | None = None
    chance_to_win: float | None = None
    expected_loss: float | None = None
    method: str = ""
    is_naive: bool = False
    significant: bool = False
    verdict: Literal["better", "worse", "undecided"] = "undecided"
    look: int | None = None
    lower_is_better: bool = False
    margin: float | None = None
    guardrail: Literal["non_inferior", "inferior", "undecided"] | None = None
    immature: int = 0
    not_numbers: int = 0
    warnings: tuple[str, ...] = ()
    problem: str = ""


def compare(
    stored: StoredExperiment,
    measured: Metric | Guardrail,
    treatment: str,
    groups: Sequence[GroupMoments],
    quantiles: Mapping[str, OrderStatistics] | None = None,
) -> Comparison:
    """Return what a metric or a guardrail says of a treatment; never an exception for its numbers.

    Conversions are judged by an e-process where the weights changed or a bandit moves them, other
    metrics by each version of the weights for itself. A guardrail is judged by its relative effect,
    or the absolute one if the control's value is not above 0; by ``bayes`` with a flat prior.

    Args:
        stored: The experiment.
        measured: The metric or the guardrail.
        treatment: The treatment.
        groups: What the store measured for it.
        quantiles: For a quantile: the order statistics of each variant.
    """
    guardrail = measured if isinstance(measured, Guardrail) else None
    metric = measured if isinstance(measured, Metric) else measured.metric
    row = _measured(stored, metric, treatment, groups, quantiles or {})
    if guardrail is not None:
        row = evolve(row, margin=guardrail.margin, guardrail="undecided")
    for variant, units in ((row.control, row.control_units), (row.variant, row.units)):
        if units < FEWEST:
            few = f"no units in {variant!r}" if not units else f"one unit alone in {variant!r}"
            return evolve(row, problem=few)
    try:
        return _judged(stored, metric, row, groups, quantiles or {}, guardrail)
    except InvalidInput as error:
        return evolve(row, problem=str(error))


def adjusted(rows: Sequence[Comparison], analysis: Analysis) -> list[Comparison]:
    """Return comparisons with p-values that are adjusted for their number, if the analysis says so.

    Args:
        rows: All comparisons that count together.
        analysis: The analysis, whose error level they are compared with.
    """
    judged = [row for row in rows if row.p_value is not None and not row.problem]
    if analysis.adjust is None or not judged:
        return list(rows)
    values = adjust([row.p_value or 0.0 for row in judged], analysis.adjust)
    by_row = {id(row): value for row, value in zip(judged, values, strict=True)}
    return [
        row if id(row) not in by_row else _with_p_value(row, by_row[id(row)], analysis.alpha)
        for row in rows
    ]


def _with_p_value(row: Comparison, p_value: float, alpha: float) -> Comparison:
    """Return a comparison with an adjusted p-value, by which it may be significant no more."""
    significant = row.significant and p_value <= alpha
    verdict = row.verdict if significant else "undecided"
    return evolve(row, adjusted_p_value=p_value, significant=significant, verdict=verdict)


def _measured(
    stored: StoredExperiment,
    metric: Metric,
    treatment: str,
    groups: Sequence[GroupMoments],
    quantiles: Mapping[str, OrderStatistics],
) -> Comparison:
    """Return a comparison with what was measured, before it is judged."""
    name = stored.experiment.control
    control, other = merged(groups, name), merged(groups, treatment)
    values = value_of(metric, control), value_of(metric, other)
    if metric.kind == "quantile":
        found = [quantiles.get(variant) for variant in (name, treatment)]
        values = (
            finite(found[0].value) if found[0] else None,
            finite(found[1].value) if found[1] else None,
        )
    both = [group for group in groups if group.variant in {name, treatment}]
    return Comparison(
        metric.name,
        metric.kind,
        treatment,
        name,
        control.n,
        other.n,
        *values,
        immature=sum(group.immature for group in both),
        lower_is_better=metric.lower_is_better,
        not_numbers=sum(group.not_numbers for group in both),
    )


def _judged(
    stored: StoredExperiment,
    metric: Metric,
    row: Comparison,
    groups: Sequence[GroupMoments],
    quantiles: Mapping[str, OrderStatistics],
    guardrail: Guardrail | None,
) -> Comparison:
    """Return a comparison with its effect, or refuse what has none.

    Raises:
        InvalidInput: If it cannot be judged.
    """
    analysis = stored.experiment.analysis
    pairs = pairs_of(stored, groups, row.variant)
    has_bandit, differ = stored.experiment.allocation is not None, weights_differ(pairs)
    if metric.kind in BINARY and (has_bandit or differ or analysis.method == "e_process"):
        judged = judge_conversions(batches_of(pairs), analysis.alpha)
        why = "" if analysis.method == "e_process" else "judged by an e-process, as weights changed"
        return _with_effect(row, judged, relative=True, warnings=[why] if why else [])
    relative, is_above_0 = analysis.relative, row.control_value is None or row.control_value > 0
    if guardrail is not None:
        relative = is_above_0
    elif relative and not is_above_0:  # the sign would say the opposite
        expected = "a number above 0 for a relative effect; judge the absolute one"
        raise InvalidInput("value of the control", given=row.control_value, expected=expected)
    if guardrail is not None and analysis.method == "bayes":
        analysis = evolve(analysis, prior_mean=0.0, prior_sd=None)
    if metric.kind == "quantile":
        found = _quantile(metric, row, quantiles, analysis, relative=relative)
    else:
        found = estimate(metric, pairs, relative=relative, stratified=differ)
    if not found.effect.se:
        return evolve(row, problem=_without_variance(metric, row))
    judged = judge(found.effect, found.units, analysis, lower_is_better=metric.lower_is_better)
    warnings = _warnings(found, row, has_bandit=has_bandit, differ=differ)
    if judged.look is not None:
        warnings += _about_looks(judged.look, found.units, analysis)
    row = evolve(row, is_naive=has_bandit)
    return _with_effect(row, judged, relative=relative, warnings=warnings)


def _without_variance(metric: Metric, row: Comparison) -> str:
    """Return why values that do not differ cannot be judged."""
    if not row.value and not row.control_value and metric.event:
        return (
            f"every unit has the value 0: none has a counted event {metric.event!r} in its window; "
            "check the name of the event and the field"
        )
    return "all units of each variant have the same value: a variance is needed"


def _quantile(
    metric: Metric,
    row: Comparison,
    quantiles: Mapping[str, OrderStatistics],
    analysis: Analysis,
    *,
    relative: bool,
) -> Estimate:
    """Return the effect on a quantile.

    Raises:
        InvalidInput: If there are too few values.
    """
    control, treatment = quantiles.get(row.control), quantiles.get(row.variant)
    if control is None or treatment is None or metric.q is None:
        few = row.control if control is None else row.variant
        expected = f"enough units in {few!r} to bound the quantile {metric.q}"
        raise InvalidInput("units", given=min(row.units, row.control_units), expected=expected)
    found = quantile_effect(control, treatment, metric.q, analysis.alpha, relative=relative)
    return Estimate(found, control.n + treatment.n)


def _warnings(found: Estimate, row: Comparison, *, has_bandit: bool, differ: bool) -> list[str]:
    """Return what has to be known to read an effect."""
    warnings = []
    if has_bandit:
        warnings.append("analysis is naive under a bandit: it holds at fixed weights alone")
    if found.is_stratified:
        warnings.append(
            "weights changed: each version was compared for itself, and the effects weighted by "
            "units; this holds if the changes did not depend on the data"
        )
    elif differ:
        warnings.append("weights changed: a trend in time may look like an effect")
    if left_out := row.units + row.control_units - found.units:
        warnings.append(f"{left_out} units were left out, of versions without both variants")
    if found.reduction is not None:
        share = round(found.reduction * 100)
        done = f"reduced the variance by {share} %" if share >= 0 else "did not reduce the variance"
        warnings.append(f"CUPED {done}")
    return warnings


def _about_looks(look: int, units: int, analysis: Analysis) -> list[str]:
    """Return what has to be known of a report before the first look, or between two."""
    planned = analysis.planned_n or 0
    due, after = (-(-planned * number // analysis.looks) for number in (look, look + 1))
    if not look:
        return [f"before the first look, at {after} units of both variants"]
    if units <= due:
        return []
    more = f"the next is at {after}" if look < analysis.looks else "the last one"
    said = f"look {look} was due at {due} units, {more}"
    return [f"{said}: decide once a look, as further readings spend error that is not planned"]


def _with_effect(
    row: Comparison, judged: Judged, *, relative: bool, warnings: list[str]
) -> Comparison:
    """Return a comparison with what a method says."""
    verdict: Literal["better", "worse", "undecided"] = "undecided"
    if judged.significant:
        verdict = "worse" if judged.rises is row.lower_is_better else "better"
    found = evolve(
        row,
        effect=judged.estimate,
        low=judged.low,
        high=judged.high,
        relative=relative,
        p_value=judged.p_value,
        chance_to_win=judged.chance_to_win,
        expected_loss=judged.expected_loss,
        method=judged.method,
        significant=judged.significant,
        verdict=verdict,
        look=judged.look,
        warnings=tuple(warnings),
    )
    if row.margin is None or judged.look == 0:
        return found
    margin = row.margin if relative else row.margin * abs(row.control_value or 0.0)
    return evolve(found, guardrail=_against_margin(found, margin))


def _against_margin(
    row: Comparison, margin: float
) -> Literal["non_inferior", "inferior", "undecided"]:
    """Return where the interval of an effect is, seen from the margin."""
    low = -inf if row.low is None else row.low
    high = inf if row.high is None else row.high
    if row.lower_is_better:
        low, high = -high, -low
    if high < -margin:
        return "inferior"
    return "non_inferior" if low > -margin else "undecided"
