"""Experiments, moments and reports for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from habitkit.experiments.domain.definition import (
    Experiment,
    State,
    StoredExperiment,
    WeightVersion,
)
from habitkit.experiments.domain.exposures import ArmCount, ExposureCounts
from habitkit.experiments.domain.measures import GroupMoments
from habitkit.experiments.domain.metrics import Metric
from habitkit.experiments.domain.report import make_report
from habitkit.experiments.domain.stats.moments import Bivariate

START = datetime(2027, 1, 4, 9, tzinfo=UTC)
PAID = Metric.conversion("Paid", name="paid")
CENTS = Metric.mean("Paid", "cents", name="cents")


def stored(*metrics, weights=({"old": 1, "new": 1},), ended_at=None, **options):
    """Return a running experiment; ``weights`` are those of its versions."""
    experiment = Experiment("checkout", weights[0], metrics=metrics, **options)
    versions = tuple(WeightVersion(it, START + timedelta(n)) for n, it in enumerate(weights))
    return StoredExperiment(
        experiment, State.RUNNING, versions=versions, started_at=START, ended_at=ended_at
    )


def rate(variant, n, converted, version=1, **left_out):
    """Return the moments of units of which some have converted."""
    p = converted / n
    return GroupMoments(variant, version, Bivariate(n, p, 0.0, n * p * (1 - p)), **left_out)


def normal(variant, n, mean, variance=1.0, version=1):
    """Return moments of values of a mean and a variance."""
    return GroupMoments(variant, version, Bivariate(n, mean, 0.0, variance * (n - 1)))


def pairs(variant, values, version=1):
    """Return the moments of pairs."""
    return GroupMoments(variant, version, Bivariate.of(values))


def counts_of(groups, several=0):
    """Return as many units as were measured."""
    arms = sorted((it.variant, it.version, it.moments.n + it.immature) for it in groups)
    return ExposureCounts(tuple(ArmCount(*arm) for arm in arms), several)


def report(experiment, groups, days=14.0, several=0, quantiles=None):
    """Return a report; ``groups`` is a list for the first metric, or a mapping."""
    name = experiment.experiment.measured[0].name
    by_metric = groups if isinstance(groups, dict) else {name: groups}
    counts = counts_of(by_metric.get(name, ()), several)
    return make_report(experiment, START + timedelta(days=days), counts, by_metric, quantiles)
