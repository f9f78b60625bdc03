"""What has to be known to read a comparison, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from habitkit.experiments.domain.comparisons import Comparison
    from habitkit.experiments.domain.metric_effects import Estimate
    from habitkit.experiments.domain.metrics import Metric
    from habitkit.experiments.domain.plans import Analysis

__all__ = ["notes_on", "notes_on_looks", "without_variance"]


def notes_on(found: Estimate, row: Comparison, *, has_bandit: bool, differ: bool) -> list[str]:
    """Return what has to be known to read an effect.

    Args:
        found: The effect.
        row: The comparison.
        has_bandit: Whether a bandit moves the weights.
        differ: Whether the weights changed.
    """
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


def notes_on_looks(look: int, units: int, analysis: Analysis) -> list[str]:
    """Return what has to be known of a report before the first look, or between two.

    Args:
        look: The last look that was reached, 0 for none.
        units: How many units were measured.
        analysis: The analysis, with the planned looks.
    """
    planned = analysis.planned_n or 0
    due, after = (-(-planned * number // analysis.looks) for number in (look, look + 1))
    if not look:
        return [f"before the first look, at {after} units of both variants"]
    if units <= due:
        return []
    more = f"the next is at {after}" if look < analysis.looks else "the last one"
    said = f"look {look} was due at {due} units, {more}"
    return [f"{said}: decide once a look, as further readings spend error that is not planned"]


def without_variance(metric: Metric, row: Comparison) -> str:
    """Return why values that do not differ cannot be judged."""
    if not row.value and not row.control_value and metric.event:
        return (
            f"every unit has the value 0: none has a counted event {metric.event!r} in its window; "
            "check the name of the event and the field"
        )
    return "all units of each variant have the same value: a variance is needed"
