"""The weights that an experiment has had, which a change of the whole set must not take back.

Exposures are stored with the number of the version of the weights that they came about by. So a
number must never stand for other weights, also after a rollback; and the weights in ``variants``
are those of version 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from habitkit.flags.domain.document_parts import EXPERIMENTS

__all__ = ["keep_weight_history"]

_STARTED: Final = frozenset(["running", "paused"])


def keep_weight_history(
    before: Mapping[str, Any], after: Mapping[str, Any], at: str
) -> Mapping[str, Any]:
    """Return what the flags of a new set share, with all versions of weights of the old one.

    Where an experiment that was started has fewer versions in the new set, or other ones, its last
    weights there become one more version; and so do other weights in ``variants``, if the versions
    are the same.

    Args:
        before: What the flags of the old set share, without faults.
        after: What those of the new one share, without faults.
        at: The instant of the change, as JSON.
    """
    experiments = after.get(EXPERIMENTS, {})
    changed = {
        key: _with_history(old, experiments[key], at)
        for key, old in before.get(EXPERIMENTS, {}).items()
        if key in experiments and (old.get("startedAt") or old.get("state") in _STARTED)
    }
    return {**after, EXPERIMENTS: {**experiments, **changed}} if changed else after


def _with_history(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Mapping[str, Any]:
    """Return an experiment of the new set with the versions of both."""
    had, has = _weights(old), _weights(new)
    names = [{name for name, _ in weights} for weights in (had[0], has[0])]
    goes_on = has[: len(had)] == had
    if names[0] != names[1] or (goes_on and new["variants"] == old["variants"]):
        return new
    weights = new["variants"] if has == had else has[-1]
    first = {"weights": had[0], "at": old.get("startedAt", at)}
    versions = (goes_on and new.get("versions")) or old.get("versions") or [first]
    if weights != versions[-1]["weights"]:
        versions = [*versions, {"weights": weights, "at": at}]
    of_first = dict(had[0])
    variants = [[name, of_first[name]] for name, _ in new["variants"]]
    return {**new, "variants": variants, "versions": [*versions]}


def _weights(experiment: Mapping[str, Any]) -> list[Any]:
    """Return the weights of each version; before the first change those of the definition."""
    versions = experiment.get("versions") or ()
    return [it["weights"] for it in versions] or [experiment["variants"]]
