"""What a change of the whole set of flags must not do to experiments that go on.

It is imported for sets that have experiments, as it loads what they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from habitkit.experiments.domain.definition import State
from habitkit.experiments.domain.definition_json import read_experiment
from habitkit.experiments.domain.lifecycle import moves_of
from habitkit.flags.domain.document_parts import EXPERIMENTS, HOLDOUTS
from habitkit.flags.domain.faults import Fault, json_path, shown
from habitkit.flags.domain.json_checks import same_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from habitkit.experiments.domain.definition import StoredExperiment

__all__ = ["moves"]

_STARTED: Final = frozenset([State.RUNNING, State.PAUSED])


def moves(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Fault]:
    """Return a fault for each change that would move units of an experiment.

    These are experiments that run or are paused, before and after. Other weights are no fault: they
    become one more version. Holdouts may lose segments, whose units then come in, and get none.

    Args:
        before: What the flags of the set in use share, as JSON without faults.
        after: The same of the new set.
    """
    faults: list[Fault] = []
    olds, news = before.get(EXPERIMENTS, {}), after.get(EXPERIMENTS, {})
    going_on = sorted(
        key
        for key in olds.keys() & news.keys()
        if {olds[key].get("state"), news[key].get("state")} <= _STARTED
    )
    for key in going_on:
        if same_json(olds[key], news[key]):
            continue
        old, new = (read_experiment(key, it[key], (EXPERIMENTS, key), []) for it in (olds, news))
        if old is None or new is None:
            continue
        for name, expected in _expected(old, new).items():
            message = f"expected {expected}, got {shown(news[key].get(name))}"
            faults.append(Fault(json_path((EXPERIMENTS, key, name)), message))
    if going_on:
        faults += _holdouts_that_grow(before, after, going_on[0])
    return sorted(faults, key=lambda it: it.path)


def _holdouts_that_grow(
    before: Mapping[str, Any], after: Mapping[str, Any], key: str
) -> Iterator[Fault]:
    """Return a fault for each holdout that would take units out of an experiment."""
    held_out = {
        segment
        for it in before.get(HOLDOUTS, {}).values()
        for segment in range(it["first"], it["end"])
    }
    for name, it in after.get(HOLDOUTS, {}).items():
        if not held_out.issuperset(range(it["first"], it["end"])):
            message = (
                f"expected only segments that were held out before, or units of experiment {key!r} "
                "would move; define holdouts before experiments are started"
            )
            yield Fault(json_path((HOLDOUTS, name)), message)


def _expected(old: StoredExperiment, new: StoredExperiment) -> dict[str, str]:
    """Return what is expected of each member that would move units."""
    found = moves_of(old.experiment, new.experiment)
    before, after = list(old.experiment.variants), list(new.experiment.variants)
    if "variants" not in found and before != after:  # their order decides who gets which
        found["variants"] = f"the variants in the order {', '.join(before)}, or units would move"
    coverage = old.experiment.coverage
    if new.experiment.coverage < coverage:
        found["coverage"] = f"at least {coverage}, or units that are in would move"
    if old.segments != new.segments:
        found["segments"] = f"{[*map(list, old.segments)]} as before, or units would move"
    return found
