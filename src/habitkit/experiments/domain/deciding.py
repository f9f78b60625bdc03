"""Decide by a report: ship, stop, or keep the experiment running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import frozen

from habitkit.experiments.domain.plans import Rules

if TYPE_CHECKING:
    from habitkit.experiments.domain.comparisons import Comparison
    from habitkit.experiments.domain.report import ExperimentReport

__all__ = ["ExperimentDecision", "decide"]


@frozen
class ExperimentDecision:
    """What a report says is to be done.

    Attributes:
        action: ``ship`` a variant, ``stop`` the experiment, or ``keep`` it running.
        variant: Which variant is to be shipped; None for other actions.
        why: The reasons.
    """

    action: Literal["ship", "stop", "keep"]
    variant: str | None = None
    why: tuple[str, ...] = ()


def decide(report: ExperimentReport, rules: Rules | None = None) -> ExperimentDecision:
    """Return what is to be done, by the first metric and the guardrails of a report.

    The first of these that holds decides:

    1. stop if the sample ratio is mismatched, or too many units have seen several variants;
    2. stop if a guardrail of every treatment is inferior;
    3. before ``min_units``, ``min_days`` and the units that a fixed analysis has planned: stop if
       any guardrail is inferior, else keep;
    4. ship the best of the treatments that are better and whose guardrails are non-inferior;
    5. stop if a guardrail is inferior;
    6. stop if every treatment is worse;
    7. stop after ``max_days``;
    8. keep.

    An effect whose method does not hold, as the data have moved the weights, decides nothing. A
    guardrail with such an effect is not known to be non-inferior.

    Under ``bayes`` a treatment is better if its chance to win is at least ``min_chance`` and its
    expected loss at most ``max_loss``, and worse if its chance is at most ``1 - min_chance``.

    Args:
        report: The report.
        rules: When to decide; those of the experiment by default.
    """
    rules = rules or report.rules
    invalid = _invalid(report, rules)
    if invalid:
        return ExperimentDecision("stop", why=invalid)
    violated = [
        row for row in report.guardrails if row.guardrail == "inferior" and not row.is_naive
    ]
    harmed = {row.variant for row in violated}
    harm = tuple(
        f"{row.variant}: {row.metric} is worse by more than the margin of "
        f"{100 * (row.margin or 0):.3g} %"
        for row in violated
    )
    treatments = [arm.variant for arm in report.arms if arm.variant != report.control]
    if harm and harmed.issuperset(treatments):
        return ExperimentDecision("stop", why=harm)
    early = _early(report, rules)
    if early:
        return (
            ExperimentDecision("stop", why=harm) if harm else ExperimentDecision("keep", why=early)
        )
    return _by_effects(report, rules, harmed, harm)


def _invalid(report: ExperimentReport, rules: Rules) -> tuple[str, ...]:
    """Return why nothing in the report can be relied on."""
    why = []
    if report.sample_ratio.p_value < rules.srm_alpha:
        why.append(
            f"sample ratio mismatch: p = {report.sample_ratio.p_value:.2g}, below {rules.srm_alpha}"
        )
    if report.several_share > rules.max_several and report.units >= rules.min_units:
        why.append(
            f"{report.several_share:.2%} of the units have seen several variants, more than "
            f"{rules.max_several:.2%}"
        )
    return tuple(why)


def _early(report: ExperimentReport, rules: Rules) -> tuple[str, ...]:
    """Return why it is too early to decide."""
    measured = {arm.variant: arm.units for arm in report.arms}
    for row in _first(report):
        measured |= {row.control: row.control_units, row.variant: row.units}
    why = [
        f"{arm.variant} has {measured[arm.variant]} measured units, fewer than {rules.min_units}"
        for arm in report.arms
        if measured[arm.variant] < rules.min_units and arm.expected_share > 0
    ]
    planned = report.planned_n if report.method == "fixed" else None
    for row in _first(report):
        units = row.control_units + row.units
        if planned is not None and units < planned:
            why.append(f"{row.variant}: {units} of {planned} planned units were measured")
    if report.days < rules.min_days:
        why.append(f"it has run for {report.days:.1f} days, fewer than {rules.min_days:g}")
    if not report.results:
        why.append("there is no metric to decide by")
    return tuple(why)


def _by_effects(
    report: ExperimentReport,
    rules: Rules,
    harmed: set[str],
    harm: tuple[str, ...],
) -> ExperimentDecision:
    """Return the decision by the effects on the first metric."""
    first = _first(report)
    better = [row for row in first if _is_better(row, rules) and row.variant not in harmed]
    unproven = _unproven(report, rules)
    held_back = tuple(it for row in better for it in unproven.get(row.variant, ()))
    better = [row for row in better if row.variant not in unproven]
    if better:
        best = max(better, key=_distance)
        open_ = tuple(
            f"{best.variant}: {row.metric} is not known to be within its margin"
            for row in report.guardrails
            if row.variant == best.variant and (row.guardrail == "undecided" or row.is_naive)
        )
        why = (f"{best.variant}: {_said(best)}", *open_, *harm)
        return ExperimentDecision("ship", best.variant, why)
    if harm:
        return ExperimentDecision("stop", why=harm)
    if first and all(_is_worse(row, rules) for row in first):
        return ExperimentDecision(
            "stop", why=tuple(f"{row.variant}: {_said(row)}" for row in first)
        )
    why = tuple(
        f"{row.variant}: {row.problem or _undecided(row)}"
        for row in first
        if not _is_worse(row, rules)
    )
    why = held_back or why
    before = tuple(
        f"{row.variant}: {warning}" for row in first if row.look == 0 for warning in row.warnings
    )
    if rules.max_days is not None and report.days >= rules.max_days:
        ran = f"it has run for {report.days:.1f} days, of at most {rules.max_days:g}"
        return ExperimentDecision("stop", why=(ran, *why))
    return ExperimentDecision("keep", why=before or why)


def _first(report: ExperimentReport) -> list[Comparison]:
    """Return what the first metric says of each treatment."""
    return [row for row in report.results if row.metric == report.results[0].metric]


def _unproven(report: ExperimentReport, rules: Rules) -> dict[str, tuple[str, ...]]:
    """Return by variant its guardrails of which it is not shown that they did not become worse."""
    found: dict[str, tuple[str, ...]] = {}
    if rules.require_non_inferior:
        for row in report.guardrails:
            if row.guardrail == "undecided" or row.is_naive:
                said = f"{row.variant}: {row.metric} is not known to be within its margin"
                if row.problem or row.is_naive:
                    said += f": {row.problem or _undecided(row)}"
                found[row.variant] = (*found.get(row.variant, ()), said)
    return found


def _is_better(row: Comparison, rules: Rules) -> bool:
    if row.is_naive:
        return False
    if row.chance_to_win is None:
        return row.verdict == "better"
    is_cheap = rules.max_loss is None or (row.expected_loss or 0.0) <= rules.max_loss
    return row.chance_to_win >= rules.min_chance and is_cheap


def _is_worse(row: Comparison, rules: Rules) -> bool:
    if row.is_naive:
        return False
    if row.chance_to_win is None:
        return row.verdict == "worse"
    return row.chance_to_win <= 1 - rules.min_chance


def _distance(row: Comparison) -> float:
    """Return how far a treatment is from the control in the direction that is wanted."""
    if row.effect is None:  # the control has no conversions at all
        return float("inf")
    return -row.effect if row.lower_is_better else row.effect


def _undecided(row: Comparison) -> str:
    """Return why an effect decides nothing."""
    if row.is_naive:
        return (
            f"under a bandit the {row.method} analysis of {row.metric} does not hold; conversions "
            "are judged by an e-process, for others keep the weights fixed"
        )
    return f"no significant effect on {row.metric}"


def _said(row: Comparison) -> str:
    """Return what an effect says, in words."""
    if row.chance_to_win is not None:
        return (
            f"its chance to be better in {row.metric} is {row.chance_to_win:.4g}, its expected "
            f"loss {row.expected_loss:.4g}"
        )
    p_value = row.p_value if row.adjusted_p_value is None else row.adjusted_p_value
    return f"{row.metric} is {row.verdict}, p = {p_value:.2g}"
