"""The weights that an experiment has had, which a change of the whole set must not take back.

Exposures are stored with the number of the version of the weights that they came about by. So a
number must never stand for other weights, also after a rollback.
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
    weights there become one more version.

    Args:
        before: What the flags of the old set share, without faults.
        after: What those of the new one share, without faults.
        at: The instant of the change, as JSON.
    """
    experiments = after.get(EXPERIMENTS, {})
    changed = {
        key: {**experiments[key], "versions": versions}
        for key, old in before.get(EXPERIMENTS, {}).items()
        if key in experiments and (old.get("startedAt") or old.get("state") in _STARTED)
        if (versions := _versions(old, experiments[key], at)) is not None
    }
    return {**after, EXPERIMENTS: {**experiments, **changed}} if changed else after


def _versions(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> list[Any] | None:
    """Return the versions of both; None if the new ones go on from the old ones."""
    had, has = _weights(old), _weights(new)
    names = [{name for name, _ in weights} for weights in (had[0], has[0])]
    if has[: len(had)] == had or names[0] != names[1]:
        return None
    found = list(old.get("versions") or [{"weights": had[0], "at": old.get("startedAt", at)}])
    return found if has[-1] == had[-1] else [*found, {"weights": has[-1], "at": at}]


def _weights(experiment: Mapping[str, Any]) -> list[Any]:
    """Return the weights of each version; before the first change those of the definition."""
    versions = experiment.get("versions") or ()
    return [it["weights"] for it in versions] or [experiment["variants"]]
