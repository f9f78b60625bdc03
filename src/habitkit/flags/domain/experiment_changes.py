"""What a change of the whole set of flags must not do to experiments that go on.

It is imported for sets that have experiments, as it loads what they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from habitkit.experiments.domain.definition import State
from habitkit.experiments.domain.definition_json import read_experiment
from habitkit.experiments.domain.lifecycle import moves_of
from habitkit.flags.domain.document_parts import EXPERIMENTS
from habitkit.flags.domain.faults import Fault, json_path, shown
from habitkit.flags.domain.json_checks import same_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.experiments.domain.definition import StoredExperiment

__all__ = ["moves"]

_STARTED: Final = frozenset([State.RUNNING, State.PAUSED])


def moves(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Fault]:
    """Return a fault for each change that would move units of an experiment.

    These are experiments that run or are paused, before and after. Other weights are no fault: they
    become one more version.

    Args:
        before: The experiments of the set in use, as JSON without faults.
        after: Those of the new one.
    """
    faults: list[Fault] = []
    for key in before.keys() & after.keys():
        if same_json(before[key], after[key]):
            continue
        old, new = (read_experiment(key, it[key], (EXPERIMENTS, key), []) for it in (before, after))
        if old is None or new is None or not {old.state, new.state} <= _STARTED:
            continue
        for name, expected in _expected(old, new).items():
            given = after[key].get(name)
            message = f"expected {expected}, got {shown(given)}"
            faults.append(Fault(json_path((EXPERIMENTS, key, name)), message))
    return sorted(faults, key=lambda it: it.path)


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
