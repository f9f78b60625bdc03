"""Reports: what an experiment has changed so far, overlaps and interactions of experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import fields, frozen

from habitkit.clock import storable_instant
from habitkit.errors import InvalidInput, InvalidInstant, NotFound
from habitkit.experiments.domain.measures import MomentsQuery
from habitkit.experiments.domain.metric_effects import order_statistics, ranks_of
from habitkit.experiments.domain.metric_measures import measures_of
from habitkit.experiments.domain.report import make_report
from habitkit.experiments.domain.stats.interactions import interaction
from habitkit.experiments.lookup import find
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags.inputs import expect_no_scope

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.experiments.domain.exposures import Overlap
    from habitkit.experiments.domain.measures import CellMoments, GroupMoments
    from habitkit.experiments.domain.metrics import Metric
    from habitkit.experiments.domain.report import ExperimentReport
    from habitkit.experiments.domain.stats.interactions import Interaction
    from habitkit.experiments.domain.stats.quantiles import OrderStatistics
    from habitkit.transaction import Transaction

__all__ = ["InteractionReport", "interactions", "measure", "over_time", "overlap", "report"]

_MOST_POINTS = 200


@frozen
class InteractionReport:
    """Whether the effect of one experiment depends on the variant of another.

    Attributes:
        first: The experiment whose metric was tested.
        second: The other one.
        metric: The name of the metric.
        cells: What was measured of each pair of variants.
        result: The test; None if there is none.
        problem: Why there is none.
    """

    first: str
    second: str
    metric: str
    cells: tuple[CellMoments, ...]
    result: Interaction | None
    problem: str | None = None


def report(tx: Transaction, key: str, as_of: datetime | None = None) -> ExperimentReport:
    """Return what an experiment has changed: effects, intervals, guardrails and a decision.

    Exposures that wait in this process are stored first; other processes store theirs by their next
    refresh.

    Args:
        tx: The transaction.
        key: The experiment.
        as_of: Only exposures and events until this instant; by default now, or when the experiment
            was stopped or shipped: what units do after that says nothing of it.

    Returns:
        The report: ``print(report)`` shows it as a table, ``habitkit.to_dict(report)`` gives JSON.

    Raises:
        NotFound: If there is no such experiment.
        InvalidInstant: If ``as_of`` has no zone, or lies in the future.
    """
    stored = find(tx, key)
    return _report(tx, stored, _end(tx, stored, as_of))


def over_time(
    tx: Transaction, key: str, points: int = 20, as_of: datetime | None = None
) -> list[ExperimentReport]:
    """Return reports at equally spaced instants since the start, the last one as of now.

    Args:
        tx: The transaction.
        key: The experiment.
        points: How many, up to 200.
        as_of: The instant of the last one; as for ``report``.

    Raises:
        NotFound: If there is no such experiment.
        InvalidInput: If ``points`` is not from 1 to 200.
        InvalidInstant: If ``as_of`` has no zone, or lies in the future.
    """
    if type(points) is not int or not 1 <= points <= _MOST_POINTS:
        raise InvalidInput("points", given=points, expected=f"an int from 1 to {_MOST_POINTS}")
    stored = find(tx, key)
    end = _end(tx, stored, as_of)
    if stored.started_at is None or stored.started_at >= end:
        return [_report(tx, stored, end)]
    step = (end - stored.started_at) / points
    instants = [stored.started_at + number * step for number in range(1, points)]
    return [_report(tx, stored, at) for at in [*instants, end]]


def overlap(tx: Transaction, as_of: datetime | None = None) -> list[Overlap]:
    """Return how many units were exposed to each pair of experiments, and to each at all.

    Args:
        tx: The transaction.
        as_of: Only exposures until this instant; now by default.

    Raises:
        InvalidInstant: If ``as_of`` has no zone, or lies in the future.
    """
    expect_no_scope(tx)
    return tx.port(EXPERIMENTS).overlaps(_instant(tx, as_of))


def interactions(
    tx: Transaction, a: str, b: str, metric: str | None = None, as_of: datetime | None = None
) -> InteractionReport:
    """Test whether the effect of one experiment depends on the variant of another.

    Only units that were exposed to one variant alone of each take part; what was seen and is no
    variant is left out.

    Args:
        tx: The transaction.
        a: The experiment whose metric is tested.
        b: The other experiment.
        metric: The name of a metric of ``a`` that is no ratio and no quantile; the first one by
            default.
        as_of: Only exposures and events until this instant; as for ``report``, of ``a``.

    Returns:
        The test, or why there is none, such as too few units.

    Raises:
        NotFound: If there is no such experiment or metric.
        InvalidInput: If the metric cannot be tested, or both experiments are the same.
        InvalidInstant: If ``as_of`` has no zone, or lies in the future.
    """
    first, second = find(tx, a), find(tx, b)
    if a == b:
        raise InvalidInput("b", given=b, expected="another experiment than the first one")
    chosen = _metric_of(first, metric)
    query = _query(tx, first, chosen, _end(tx, first, as_of))
    cells = tx.port(EXPERIMENTS).cells(query, b)
    orders = [_control_first(first), _control_first(second)]
    cells = [it for it in cells if it.variant in orders[0] and it.other in orders[1]]
    cells.sort(key=lambda it: (orders[0].index(it.variant), orders[1].index(it.other)))
    if not cells:
        problem = f"no unit that was exposed to one variant of {a!r} and of {b!r} was measured"
        return InteractionReport(a, b, chosen.name, (), None, problem)
    try:
        result = interaction({(it.variant, it.other): it.moments.x for it in cells})
    except InvalidInput as error:
        return InteractionReport(a, b, chosen.name, tuple(cells), None, str(error))
    return InteractionReport(a, b, chosen.name, tuple(cells), result)


def _metric_of(stored: StoredExperiment, name: str | None) -> Metric:
    """Return a metric by its name; the first one if there is none.

    Raises:
        NotFound: If there is no such metric.
        InvalidInput: If it is a ratio or a quantile, or the experiment has no metric.
    """
    metrics = stored.experiment.metrics
    if not metrics:
        key = stored.experiment.key
        raise InvalidInput("a", given=key, expected="an experiment that has a metric")
    found = next((it for it in metrics if name in {None, it.name}), None)
    if found is None:
        raise NotFound("metric", name)
    if found.kind in {"ratio", "quantile"}:
        expected = "a conversion, a mean, a count or a retention"
        raise InvalidInput("metric", given=found.kind, expected=expected)
    return found


def _control_first(stored: StoredExperiment) -> list[str]:
    """Return the variants of an experiment, the control first."""
    control = stored.experiment.control
    return sorted(stored.experiment.variants, key=lambda name: (name != control, name))


def _report(tx: Transaction, stored: StoredExperiment, as_of: datetime) -> ExperimentReport:
    """Read what a report needs, and make it."""
    counts = tx.port(EXPERIMENTS).counts(stored.experiment.key, as_of)
    groups = {it.name: measure(tx, stored, it, as_of) for it in stored.experiment.measured}
    quantiles = {
        it.name: _order_statistics(tx, stored, it, as_of, groups[it.name])
        for it in stored.experiment.measured
        if it.kind == "quantile"
    }
    return make_report(stored, as_of, counts, groups, quantiles)


def measure(
    tx: Transaction, stored: StoredExperiment, metric: Metric, as_of: datetime
) -> list[GroupMoments]:
    """Return the moments of a metric, of each variant and version."""
    return tx.port(EXPERIMENTS).moments(_query(tx, stored, metric, as_of))


def _order_statistics(
    tx: Transaction,
    stored: StoredExperiment,
    metric: Metric,
    as_of: datetime,
    groups: list[GroupMoments],
) -> dict[str, OrderStatistics]:
    """Return the order statistics of a quantile for each variant that has enough units."""
    wanted = ranks_of(metric, groups, stored.experiment.analysis.alpha)
    query = _query(tx, stored, metric, as_of)
    values = tx.port(EXPERIMENTS).order_statistics(query, wanted)
    return order_statistics(groups, values)


def _query(
    tx: Transaction, stored: StoredExperiment, metric: Metric, as_of: datetime
) -> MomentsQuery:
    found = measures_of(metric, _done_at_types(tx))
    return MomentsQuery(stored.experiment.key, as_of, found.x, found.y, found.matures_seconds)


def _done_at_types(tx: Transaction) -> frozenset[str]:
    """Return the types of events that say in a field when they were done."""
    return frozenset(
        name
        for name, kind in tx.vocabulary.items()
        if any(it.name == "done_at" for it in fields(kind))
    )


def _end(tx: Transaction, stored: StoredExperiment, as_of: datetime | None) -> datetime:
    """Return the instant of a report: the given one, or now, or the end of the experiment.

    By the clock of another process the end may be later than now.

    Raises:
        InvalidInstant: If the given one has no zone, or lies in the future.
    """
    if as_of is None and stored.ended_at is not None:
        return min(stored.ended_at, tx.now)
    return _instant(tx, as_of)


def _instant(tx: Transaction, as_of: datetime | None) -> datetime:
    """Return the instant of an analysis.

    Raises:
        InvalidInstant: If it has no zone, or lies in the future.
    """
    at = tx.now if as_of is None else storable_instant(as_of, "as_of")
    if at > tx.now:
        expected = f"an instant not later than now, {tx.now}"
        raise InvalidInstant("as_of", given=as_of, expected=expected)
    return at
