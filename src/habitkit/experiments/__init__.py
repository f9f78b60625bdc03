"""Experiments on feature flags: assign, expose, analyse, decide.

A flag names an experiment; evaluating it assigns its units and records their exposures.
``kit.experiments.report(key)`` compares what they did then. The statistics are pure functions in
``habitkit.experiments.stats``.

The use cases are those of ``kit.experiments``, for ``kit.run`` and reactions:
``experiments.expose(tx, ...)``.
"""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.experiments.domain.arms import Arm, SampleRatio
    from habitkit.experiments.domain.assignment import Assignment, AssignmentReason
    from habitkit.experiments.domain.comparisons import Comparison
    from habitkit.experiments.domain.deciding import ExperimentDecision, decide
    from habitkit.experiments.domain.definition import (
        Experiment,
        Holdout,
        State,
        StoredExperiment,
        WeightVersion,
    )
    from habitkit.experiments.domain.exposures import (
        ArmCount,
        Exposure,
        ExposureCounts,
        Overlap,
    )
    from habitkit.experiments.domain.measures import (
        CellMoments,
        GroupMoments,
        Measure,
        MomentsQuery,
    )
    from habitkit.experiments.domain.metrics import Guardrail, Metric
    from habitkit.experiments.domain.plans import Allocation, Analysis, Rules
    from habitkit.experiments.domain.report import ExperimentReport
    from habitkit.experiments.errors import ExperimentStateConflict
    from habitkit.experiments.events import ExperimentChanged
    from habitkit.experiments.exposure_buffer import ExposureStatus
    from habitkit.experiments.plots import plot, plot_over_time
    from habitkit.experiments.reports import InteractionReport
    from habitkit.experiments.service import (
        assign,
        change_weights,
        define,
        delete,
        end_holdout,
        expose,
        get,
        hold_out,
        interactions,
        list_experiments,
        over_time,
        overlap,
        pause,
        ramp,
        report,
        reweight,
        ship,
        start,
        stop,
    )
    from habitkit.experiments.settings import ExperimentSettings
    from habitkit.experiments.store import EXPERIMENTS, ExperimentStore

__all__ = [
    "EXPERIMENTS",
    "Allocation",
    "Analysis",
    "Arm",
    "ArmCount",
    "Assignment",
    "AssignmentReason",
    "CellMoments",
    "Comparison",
    "Experiment",
    "ExperimentChanged",
    "ExperimentDecision",
    "ExperimentReport",
    "ExperimentSettings",
    "ExperimentStateConflict",
    "ExperimentStore",
    "Exposure",
    "ExposureCounts",
    "ExposureStatus",
    "GroupMoments",
    "Guardrail",
    "Holdout",
    "InteractionReport",
    "Measure",
    "Metric",
    "MomentsQuery",
    "Overlap",
    "Rules",
    "SampleRatio",
    "State",
    "StoredExperiment",
    "WeightVersion",
    "assign",
    "change_weights",
    "decide",
    "define",
    "delete",
    "end_holdout",
    "expose",
    "get",
    "hold_out",
    "interactions",
    "list_experiments",
    "over_time",
    "overlap",
    "pause",
    "plot",
    "plot_over_time",
    "ramp",
    "report",
    "reweight",
    "ship",
    "start",
    "stop",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        [
            "domain.arms",
            "domain.assignment",
            "domain.comparisons",
            "domain.deciding",
            "domain.definition",
            "domain.exposures",
            "domain.measures",
            "domain.metrics",
            "domain.plans",
            "domain.report",
            "errors",
            "events",
            "exposure_buffer",
            "plots",
            "reports",
            "service",
            "settings",
            "store",
        ],
    )
