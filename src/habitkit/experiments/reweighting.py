"""Bandits: new weights from what was measured, written as a revision of the set of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput
from habitkit.experiments.definitions import change_weights
from habitkit.experiments.domain.definition import State
from habitkit.experiments.domain.reweighting import new_weights
from habitkit.experiments.errors import ExperimentStateConflict
from habitkit.experiments.lookup import find
from habitkit.experiments.publishing import AUTHOR, begin
from habitkit.experiments.reports import measure

if TYPE_CHECKING:
    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.transaction import Transaction

__all__ = ["reweight"]


def reweight(tx: Transaction, key: str, *, by: str = AUTHOR, note: str = "") -> StoredExperiment:
    """Move the weights of a bandit by its allocation, from what was measured so far.

    Call it at an interval, such as once a day. The new weights are a new version, for units that
    were not exposed yet; see ``change_weights``.

    Args:
        tx: The transaction.
        key: The experiment, which has an allocation and metrics.
        by: Who asks for it.
        note: Why.

    Returns:
        The experiment; unchanged while the variants are in their burn-in.

    Raises:
        NotFound: If there is no such experiment.
        InvalidInput: If it has no allocation, or no metric.
        ExperimentStateConflict: If it does not run.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    begin(tx)
    stored = find(tx, key)
    experiment = stored.experiment
    if experiment.allocation is None or not experiment.metrics:
        expected = "an experiment with an allocation, such as Allocation.thompson(), and a metric"
        raise InvalidInput("key", given=key, expected=expected)
    if stored.state is not State.RUNNING:
        raise ExperimentStateConflict(
            experiment=key, state=stored.state, action="reweight", hint="start it first"
        )
    groups = measure(tx, stored, experiment.metrics[0], tx.now)
    return change_weights(tx, key, new_weights(stored, groups), by=by, note=note)
