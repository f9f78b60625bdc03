"""Defining experiments, and changing their definitions.

A definition stands in the set of flags, in its section ``$experiments``: each change is a revision
of the set, validated as a whole, audited, exported and rolled back with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.checks import weights_of
from habitkit.experiments.domain.definition import SEGMENTS, Experiment, State
from habitkit.experiments.domain.layers import allocate
from habitkit.experiments.domain.lifecycle import defined, is_same, reweighted
from habitkit.experiments.errors import ExperimentStateConflict
from habitkit.experiments.lookup import SECTION, experiments_of, find
from habitkit.experiments.publishing import AUTHOR, author_of, begin, expect_open, publish, write
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags.inputs import expect_no_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.transaction import Transaction

__all__ = ["change_weights", "define", "delete", "get", "list_experiments", "ramp"]


def define(
    tx: Transaction, experiment: Experiment, *, by: str = AUTHOR, note: str = ""
) -> StoredExperiment:
    """Define an experiment, or change its definition; it begins with ``start``.

    The flags whose variants it serves name it: ``{"experiment": key}`` in their ``$habitkit``, or
    ``Flag.string(...).experiment(key)``. Of an experiment that was started, only what moves no unit
    may change: metrics, guardrails, analysis, rules, a higher coverage, and the weights, which make
    a new version for units that were not exposed yet.

    An app may do this each time it starts: weights that the experiment has had and a lower coverage
    leave the present ones, and an unchanged definition leaves an experiment that has ended. To
    return to earlier weights call ``change_weights``.

    Args:
        tx: The transaction.
        experiment: The definition.
        by: Who defines it.
        note: Why.

    Raises:
        InvalidInput: If it is no experiment, its layer has no room, or a change would move units.
        ExperimentStateConflict: If an experiment of this key has ended, or was deleted after it had
            exposures, or became a draft again by a rollback.
        FlagDefinitionError: If a flag that names it lacks a variant.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    given: object = experiment
    if not isinstance(given, Experiment):
        expected = 'an Experiment, such as Experiment("checkout", ["old", "new"])'
        raise InvalidInput("experiment", given=experiment, expected=expected)
    author = author_of(by, note)
    begin(tx)
    key = experiment.key
    known = experiments_of(tx)
    before = known.get(key)
    if before is None or (before.state is State.DRAFT and experiment != before.experiment):
        _expect_unused(tx, key, before)
    elif before.state in {State.STOPPED, State.SHIPPED}:
        if is_same(before, experiment):
            return before
        hint = "define one with another key"
        raise ExperimentStateConflict(
            experiment=key, state=before.state, action="define", hint=hint
        )
    after = defined(before, experiment, _segments(known, experiment), tx.now)
    return write(tx, "define", author, before, after)


def _segments(
    known: Mapping[str, StoredExperiment], experiment: Experiment
) -> tuple[tuple[int, int], ...]:
    """Return the segments of an experiment: those that it has, or some that its layer has left.

    Raises:
        InvalidInput: If its layer has no room.
    """
    before = known.get(experiment.key)
    if before is not None:
        old = before.experiment
        is_draft = before.state is State.DRAFT
        if not is_draft or (old.layer, old.share) == (experiment.layer, experiment.share):
            return before.segments
    if experiment.layer is None:
        return ((0, SEGMENTS),)
    return allocate(experiment.layer, experiment.share, _taken(known, experiment))


def _expect_unused(tx: Transaction, key: str, before: StoredExperiment | None) -> None:
    """Refuse a key of whose experiment there are exposures already.

    There are some of a draft if a rollback of the set of flags has made it one again.
    """
    counts = tx.port(EXPERIMENTS).counts(key, tx.now)
    if counts.arms or counts.several:
        raise ExperimentStateConflict(
            experiment=key,
            state="deleted" if before is None else before.state,
            action="define",
            hint="there are exposures to it, which a new one would count; use another key",
        )


def _taken(known: Mapping[str, StoredExperiment], experiment: Experiment) -> list[tuple[int, int]]:
    """Return the segments of a layer that other experiments have."""
    ended = {State.STOPPED, State.SHIPPED}
    return [
        segment
        for key, it in known.items()
        if key != experiment.key and it.experiment.layer == experiment.layer
        for segment in it.segments
        if it.state not in ended
    ]


def ramp(
    tx: Transaction, key: str, coverage: float, *, by: str = AUTHOR, note: str = ""
) -> StoredExperiment:
    """Raise the share of units that take part in an experiment; nobody who is in moves.

    Args:
        tx: The transaction.
        key: The experiment.
        coverage: The new share, up to 1.
        by: Who raises it.
        note: Why.

    Raises:
        NotFound: If there is no such experiment.
        InvalidInput: If it is no number up to 1, or lower than before.
        ExperimentStateConflict: If the experiment has ended.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    author = author_of(by, note)
    begin(tx)
    before = find(tx, key)
    expect_open(before, "ramp")
    after = evolve(before, experiment=evolve(before.experiment, coverage=coverage))
    if coverage < before.experiment.coverage:
        least = before.experiment.coverage
        expected = f"at least {least}, or units that are in would move; pause it instead"
        raise InvalidInput("coverage", given=coverage, expected=expected)
    return write(tx, "ramp", author, before, after)


def change_weights(
    tx: Transaction,
    key: str,
    weights: Mapping[str, float],
    *,
    by: str = AUTHOR,
    note: str = "",
) -> StoredExperiment:
    """Give an experiment other weights, as a new version for units that were not exposed yet.

    Units see the new version by ``kit.flags.for_unit`` or ``kit.experiments.assign``, which read
    what they were exposed to, and keep that. The plain getters of flags go on with version 1. The
    weights of a draft are replaced for all.

    Args:
        tx: The transaction.
        key: The experiment.
        weights: By variant; all of its variants.
        by: Who changes them.
        note: Why.

    Raises:
        NotFound: If there is no such experiment.
        InvalidInput: If they are not weights of its variants.
        ExperimentStateConflict: If the experiment has ended, or became a draft again by a rollback.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    author = author_of(by, note)
    begin(tx)
    before = find(tx, key)
    expect_open(before, "change the weights of")
    checked = weights_of(weights, "weights")
    if checked.keys() != before.experiment.variants.keys():
        expected = f"weights of {sorted(before.experiment.variants)}"
        raise InvalidInput("weights", given=dict(weights), expected=expected)
    if before.state is State.DRAFT:
        _expect_unused(tx, key, before)
    return write(tx, "reweight", author, before, reweighted(before, checked, tx.now))


def delete(tx: Transaction, key: str, *, by: str = AUTHOR, note: str = "") -> None:
    """Delete the definition of an experiment that is a draft or has ended; exposures stay.

    Args:
        tx: The transaction.
        key: The experiment.
        by: Who deletes it.
        note: Why.

    Raises:
        NotFound: If there is no such experiment.
        ExperimentStateConflict: If it runs or is paused.
        FlagsReadOnly: If the flags do not come from the kit's store.
    """
    author = author_of(by, note)
    begin(tx)
    before = find(tx, key)
    if before.state in {State.RUNNING, State.PAUSED}:
        raise ExperimentStateConflict(
            experiment=key, state=before.state, action="delete", hint="stop or ship it first"
        )
    publish(tx, "delete", author, SECTION, key, None)


def get(tx: Transaction, key: str) -> StoredExperiment:
    """Return an experiment with its state.

    Args:
        tx: The transaction.
        key: The experiment.

    Raises:
        NotFound: If there is none of this key.
    """
    return find(tx, key)


def list_experiments(tx: Transaction) -> list[StoredExperiment]:
    """Return all experiments, in the order of their keys."""
    expect_no_scope(tx)
    return list(experiments_of(tx).values())
