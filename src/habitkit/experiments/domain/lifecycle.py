"""The states of an experiment, and what may change in each.

| from | by | to |
|---|---|---|
| nothing, draft | define | draft |
| draft, paused | start | running |
| running | pause | paused |
| running, paused | ship | shipped |
| any but stopped | stop | stopped |

While it runs or is paused, nothing may change that would move a unit which is in: its layer, its
share of it, its salt, its targeting and the names of its variants stay, and the coverage may only
rise. Other weights make a new version, for units that were not exposed yet; those of a draft take
the place of its first one.

An app may define its experiments each time it starts. So a definition with weights that the
experiment has had, the first or later ones, leaves the present ones, a lower coverage leaves the
present one, and an experiment that has ended stays as it is if its definition is the same but for
these.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import evolve

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.definition import (
    Experiment,
    State,
    StoredExperiment,
    WeightVersion,
)

__all__ = ["NEXT", "defined", "is_same", "moved", "moves_of", "reweighted"]

NEXT: Mapping[str, tuple[frozenset[State], State]] = {
    "start": (frozenset({State.DRAFT, State.PAUSED}), State.RUNNING),
    "pause": (frozenset({State.RUNNING}), State.PAUSED),
    "ship": (frozenset({State.RUNNING, State.PAUSED}), State.SHIPPED),
    "stop": (frozenset(State) - {State.STOPPED}, State.STOPPED),
}
"""By the name of what is done: the states in which it may be done, and the state after it."""

_FIXED = ("layer", "share", "salt", "control", "targeting")


def defined(
    before: StoredExperiment | None,
    experiment: Experiment,
    segments: tuple[tuple[int, int], ...],
    now: datetime,
) -> StoredExperiment:
    """Return an experiment with a new definition.

    Args:
        before: As it is stored; None if it is new.
        experiment: The new definition.
        segments: The segments of its layer, for a draft.
        now: The instant.

    Raises:
        InvalidInput: If it would move units of an experiment that was started.
    """
    if before is None or before.state is State.DRAFT:
        first = WeightVersion(experiment.variants, now)
        if (
            before is not None
            and before.versions[:1]
            and before.versions[0].weights == first.weights
        ):
            first = before.versions[0]
        return StoredExperiment(experiment, segments=segments, versions=(first,))
    old = before.experiment
    for name, expected in moves_of(old, experiment).items():
        raise InvalidInput(name, given=getattr(experiment, name), expected=expected)
    coverage = max(experiment.coverage, old.coverage)
    kept = evolve(experiment, variants=old.variants, coverage=coverage)
    changed = evolve(before, experiment=kept)
    if _has_had(before, experiment.variants):
        return changed  # the weights are where an allocation or a call has moved them
    return reweighted(changed, experiment.variants, now)


def is_same(before: StoredExperiment, experiment: Experiment) -> bool:
    """Return whether a definition says what an experiment was defined by.

    Args:
        before: As it is stored; its coverage may have been raised since, and its weights changed.
        experiment: The definition.
    """
    old = before.experiment
    if experiment.coverage > old.coverage or not _has_had(before, experiment.variants):
        return False
    return old == evolve(experiment, coverage=old.coverage, variants=old.variants)


def _has_had(before: StoredExperiment, weights: Mapping[str, float]) -> bool:
    """Return whether an experiment has, or had, weights of these proportions."""
    versions = (before.experiment.variants, *(it.weights for it in before.versions))
    return any(_are_proportional(it, weights) for it in versions)


def _are_proportional(some: Mapping[str, float], others: Mapping[str, float]) -> bool:
    """Return whether weights of the same variants give the same shares."""
    if some.keys() != others.keys():
        return False
    total, total_of_others = sum(some.values()), sum(others.values())
    return all(some[name] * total_of_others == others[name] * total for name in some)


def moves_of(before: Experiment, after: Experiment) -> dict[str, str]:
    """Return what would move units which are in, if an experiment that was started changed.

    A lower coverage would too; it is for the caller whether that is refused or has no effect.

    Args:
        before: Its definition.
        after: Another one.

    Returns:
        By the name of each attribute that may not change like this, what it is expected to be.
    """
    found = {
        name: f"{getattr(before, name)!r} as before: the experiment was started, and another one "
        "would move units that are in; stop it and define one with another key"
        for name in _FIXED
        if getattr(before, name) != getattr(after, name)
    }
    if before.variants.keys() != after.variants.keys():
        names = sorted(before.variants)
        found["variants"] = f"the variants {names}, as the experiment was started with them"
    return found


def reweighted(
    before: StoredExperiment, weights: Mapping[str, float], now: datetime
) -> StoredExperiment:
    """Return an experiment with other weights for units that were not exposed yet.

    Nothing changes if the last version has the same proportions. A draft has one version.
    """
    if before.state is State.DRAFT:
        return defined(before, evolve(before.experiment, variants=weights), before.segments, now)
    first = WeightVersion(before.experiment.variants, before.started_at or now)
    versions = before.versions or (first,)  # a document may leave them out
    if _are_proportional(versions[-1].weights, weights):
        return before
    return evolve(before, versions=(*versions, WeightVersion(dict(weights), now)))


def moved(
    before: StoredExperiment, action: str, now: datetime, variant: str | None = None
) -> StoredExperiment:
    """Return an experiment in its next state.

    Args:
        before: As it is stored, in a state in which this may be done.
        action: ``start``, ``pause``, ``ship`` or ``stop``.
        now: The instant.
        variant: The variant that is shipped.

    Raises:
        InvalidInput: If a variant is to be shipped that it does not have.
    """
    state = NEXT[action][1]
    if state is State.SHIPPED and variant not in before.experiment.variants:
        expected = f"one of the variants {sorted(before.experiment.variants)}"
        raise InvalidInput("variant", given=variant, expected=expected)
    ends = state in {State.STOPPED, State.SHIPPED}
    return evolve(
        before,
        state=state,
        shipped=variant if state is State.SHIPPED else None,
        started_at=now
        if state is State.RUNNING and before.started_at is None
        else before.started_at,
        ended_at=(before.ended_at or now) if ends else None,
    )
