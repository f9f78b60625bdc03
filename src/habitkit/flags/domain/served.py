"""Which variants a flag may serve, as far as its definition tells."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from habitkit.flags.domain.json_values import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.flags.domain.documents import Definitions, FlagDefinition

__all__ = [
    "is_shipped_to_all",
    "named_by_targeting",
    "served_by_experiment",
    "served_without_rule",
]

_ALL = 100.0
_DEEPEST = 100


def named_by_targeting(flag: FlagDefinition, definitions: Definitions) -> frozenset[str] | None:
    """Return the names that a flag's targeting may give; empty without targeting.

    Args:
        flag: The flag.
        definitions: The document it stands in.

    Returns:
        The names, which need not be those of variants; None if they are not all known.
    """
    if flag.targeting == {}:
        return frozenset()
    return _results(flag.targeting, definitions.evaluators, {}, 0)


def _results(
    rule: Any,
    evaluators: Mapping[str, Any],
    of_evaluators: dict[str, frozenset[str] | None],
    depth: int,
) -> frozenset[str] | None:
    """Return the texts that a rule may give, without compiling it; None if they are not known."""
    if rule is None:
        return frozenset()
    if isinstance(rule, str | bool):
        return frozenset([to_text(rule)])
    if not isinstance(rule, dict) or len(rule) != 1 or depth > _DEEPEST:
        return None
    ((name, given),) = rule.items()
    if name == "$ref" and isinstance(given, str):
        if given not in of_evaluators:
            of_evaluators[given] = None  # should it refer to itself
            shared = evaluators.get(given, {})
            of_evaluators[given] = _results(shared, evaluators, of_evaluators, depth + 1)
        return of_evaluators[given]
    outcomes = _OUTCOMES[name](given) if name in _OUTCOMES and isinstance(given, list) else None
    if outcomes is None:
        return None
    found = [_results(outcome, evaluators, of_evaluators, depth + 1) for outcome in outcomes]
    known = [names for names in found if names is not None]
    return frozenset().union(*known) if len(known) == len(found) else None


def _of_if(given: list[Any]) -> list[Any]:
    """Return every second argument, and the last one, which is served otherwise."""
    return given[1::2] + (given[-1:] if len(given) % 2 else [])


def _of_fractional(given: list[Any]) -> list[Any] | None:
    """Return the variants of its pairs; before them may stand what is hashed."""
    pairs = given if given and isinstance(given[0], list) else given[1:]
    if not all(isinstance(pair, list) and pair for pair in pairs):
        return None
    return [pair[0] for pair in pairs]


def _of_rollout(given: list[Any]) -> list[Any]:
    """Return the variant that it ends with, and the one that it begins with if there is one."""
    return given[-1:] if len(given) == 3 else given[-2:]  # noqa: PLR2004 - [start, end, to]


_OUTCOMES = {"if": _of_if, "?:": _of_if, "fractional": _of_fractional, "rollout": _of_rollout}


def served_without_rule(flag: FlagDefinition, since: float = -inf) -> frozenset[str | None]:
    """Return the variants that a flag's schedule and default may serve from some time on.

    Args:
        flag: The flag.
        since: The time, in seconds since 1970; by default all time.

    Returns:
        The variants, with None for the caller's default.
    """
    default = frozenset([flag.default_variant])
    schedule = flag.options.schedule
    if schedule is None:
        return default
    rise = schedule.progressive
    if rise is not None:
        shares = {rise.last} if since >= rise.end else {rise.first, rise.last}
        if shares == {0.0}:
            return default
        return frozenset([rise.variant]) if shares == {_ALL} else default | {rise.variant}
    served: frozenset[str | None] = default
    for step in schedule.steps:
        names = [name for name, weight in (step.split or {}).items() if weight]
        here = frozenset[str | None](names if step.serve is None else [step.serve])
        served = here if step.at <= since else served | here
    return served


def served_by_experiment(flag: FlagDefinition, definitions: Definitions) -> frozenset[str | None]:
    """Return the variants that a flag's experiment serves, or may serve once it is started.

    Args:
        flag: The flag.
        definitions: The document it stands in.
    """
    sections = definitions.sections
    stored = None if sections is None else sections.experiments.get(flag.options.experiment or "")
    if stored is None or stored.state == "stopped":
        return frozenset()
    return frozenset(stored.experiment.variants if stored.shipped is None else [stored.shipped])


def is_shipped_to_all(flag: FlagDefinition, definitions: Definitions) -> bool:
    """Tell whether a flag's experiment serves everybody the variant that was shipped."""
    sections = definitions.sections
    if sections is None or sections.holdouts:
        return False
    stored = sections.experiments.get(flag.options.experiment or "")
    return stored is not None and stored.shipped is not None and not stored.experiment.targeting
