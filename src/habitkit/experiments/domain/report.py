"""Reports: from what a store has counted and measured to what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from attrs import evolve, frozen

from habitkit.experiments.domain.arms import Arm, SampleRatio, arms_of, sample_ratio
from habitkit.experiments.domain.comparisons import Comparison, adjusted, compare
from habitkit.experiments.domain.deciding import ExperimentDecision, decide
from habitkit.experiments.domain.definition import State, StoredExperiment
from habitkit.experiments.domain.exposures import ExposureCounts
from habitkit.experiments.domain.measures import GroupMoments
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Rules
from habitkit.experiments.domain.stats.quantiles import OrderStatistics

__all__ = ["ExperimentReport", "make_report"]

_UNDECIDED = ExperimentDecision("keep")


@frozen
class ExperimentReport:
    """What is known of an experiment at an instant; ``str(report)`` is a table to read.

    Attributes:
        experiment: The key.
        state: The state.
        as_of: The instant of the report.
        started_at: When it was started; None if it never was.
        days: How many days it has run, until the report or its end.
        control: The variant that the others are compared with.
        method: The method of the analysis.
        alpha: Its error level.
        planned_n: At how many units of both variants it was planned to decide; None if at any.
        arms: The units of each variant.
        units: The units of all arms.
        several: How many units have seen several variants; they are left out of everything else.
        several_share: Their share of all units.
        sample_ratio: Whether the arms have as many units as their weights say.
        results: What each metric says of each treatment, in the order of metrics and variants.
        guardrails: The same for guardrails.
        rules: When to decide.
        warnings: What has to be known to read the report.
        decision: What is to be done.
    """

    experiment: str
    state: State
    as_of: datetime
    started_at: datetime | None
    days: float
    control: str
    method: str
    alpha: float
    planned_n: int | None
    arms: tuple[Arm, ...]
    units: int
    several: int
    several_share: float
    sample_ratio: SampleRatio
    results: tuple[Comparison, ...]
    guardrails: tuple[Comparison, ...]
    rules: Rules
    warnings: tuple[str, ...]
    decision: ExperimentDecision = _UNDECIDED

    def __str__(self) -> str:
        from habitkit.experiments.domain.report_table import table  # noqa: PLC0415 - few print it

        return table(self)


def make_report(
    stored: StoredExperiment,
    as_of: datetime,
    counts: ExposureCounts,
    groups: Mapping[str, Sequence[GroupMoments]],
    quantiles: Mapping[str, Mapping[str, OrderStatistics]] | None = None,
) -> ExperimentReport:
    """Return what is known of an experiment.

    Args:
        stored: The experiment.
        as_of: The instant up to which exposures and events were counted.
        counts: The units that were exposed.
        groups: By the name of a metric or a guardrail's metric, what the store measured for it.
            One that is missing has no units.
        quantiles: By the name of a quantile the order statistics of each variant, as
            ``metric_effects.order_statistics`` makes them.

    Returns:
        The report. A metric that cannot be judged has the reason in ``problem``.

    Example:
        >>> from datetime import UTC, datetime
        >>> from habitkit.experiments.domain.definition import Experiment
        >>> from habitkit.experiments.domain.exposures import ArmCount
        >>> from habitkit.experiments.domain.stats.moments import Bivariate
        >>> paid = Metric.conversion("Paid", name="paid")
        >>> stored = StoredExperiment(Experiment("checkout", ["old", "new"], metrics=(paid,)))
        >>> counts = ExposureCounts((ArmCount("new", 1, 5000), ArmCount("old", 1, 5000)), 0)
        >>> groups = [
        ...     GroupMoments("new", 1, Bivariate(5000, 0.2, 0, Mxx=800.0)),
        ...     GroupMoments("old", 1, Bivariate(5000, 0.1, 0, Mxx=450.0)),
        ... ]
        >>> report = make_report(stored, datetime.now(UTC), counts, {"paid": groups})
        >>> round(report.results[0].effect, 3), report.results[0].verdict
        (0.1, 'better')
        >>> report.decision.action, report.decision.variant
        ('ship', 'new')
    """
    experiment, quantiles = stored.experiment, quantiles or {}
    arms = arms_of(stored, counts)
    units = sum(arm.units for arm in arms)
    treatments = [variant for variant in experiment.variants if variant != experiment.control]

    def rows(measured: Metric | Guardrail) -> list[Comparison]:
        name = measured.name if isinstance(measured, Metric) else measured.metric.name
        found, order = groups.get(name, ()), quantiles.get(name)
        return [compare(stored, measured, it, found, order) for it in treatments]

    results = [row for metric in experiment.metrics for row in rows(metric)]
    report = ExperimentReport(
        experiment.key,
        stored.state,
        as_of,
        stored.started_at,
        _days(stored, as_of),
        experiment.control,
        experiment.analysis.method,
        experiment.analysis.alpha,
        experiment.analysis.planned_n,
        arms,
        units,
        counts.several,
        counts.several / (units + counts.several) if counts.several else 0.0,
        sample_ratio(arms, experiment.rules.srm_alpha),
        tuple(adjusted(results, experiment.analysis)),
        tuple(row for guardrail in experiment.guardrails for row in rows(guardrail)),
        experiment.rules,
        _warnings(stored, as_of, arms, counts),
    )
    return evolve(report, decision=decide(report))


def _days(stored: StoredExperiment, as_of: datetime) -> float:
    """Return for how many days the experiment has run."""
    if stored.started_at is None:
        return 0.0
    end = as_of if stored.ended_at is None else min(as_of, stored.ended_at)
    return max((end - stored.started_at) / timedelta(days=1), 0.0)


def _warnings(
    stored: StoredExperiment, as_of: datetime, arms: Sequence[Arm], counts: ExposureCounts
) -> tuple[str, ...]:
    """Return what has to be known of the whole report."""
    warnings = []
    units = sum(arm.units for arm in arms)
    if units and stored.newest > 1 and all(arm.version == 1 for arm in counts.arms):
        warnings.append(
            "the weights were changed, and all units were exposed under the first ones: serve by "
            "kit.flags.for_unit or kit.experiments.assign, as plain getters keep to them"
        )
    if not units:
        warnings.append("no units were exposed")
    if stored.ended_at is not None and stored.ended_at < as_of:
        ended = stored.ended_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        warnings.append(
            f"it ended at {ended}: what units did since then counts too, unless the window of a "
            "metric was over; leave as_of out to report until the end"
        )
    for arm in arms:
        if arm.variant not in stored.experiment.variants:
            warnings.append(f"{arm.units} units have seen {arm.variant!r}, which is no variant")
        elif units and not arm.units and arm.expected_share > 0:
            warnings.append(f"no units in arm {arm.variant!r}")
    return tuple(warnings)
