"""Warnings about a document of flags: what is no fault, but unlikely to be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.lint import lint_rule
from habitkit.flags.domain.served import (
    named_by_targeting,
    served_by_experiment,
    served_without_rule,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from habitkit.flags.domain.documents import Definitions, FlagDefinition

__all__ = ["lint_definitions"]

_DEEPEST = 100


def lint_definitions(definitions: Definitions, at: datetime | None) -> Iterator[Fault]:
    """Go through the warnings about a document.

    Args:
        definitions: What the document defines.
        at: The time for the flags' ``expires``; None if they are not to be compared.
    """
    for name, rule in definitions.evaluators.items():
        yield from lint_rule(rule, ("$evaluators", name))
    sections = definitions.sections
    for key, stored in () if sections is None else sections.experiments.items():
        yield from lint_rule(stored.experiment.targeting, ("$experiments", key, "targeting"))
    for flag in definitions.flags.values():
        yield from _names(flag, definitions)
        yield from lint_rule(flag.targeting, ("flags", flag.key, "targeting"))
        yield from _variants(flag, definitions)
        yield from _settings(flag, definitions)
        expires = flag.options.expires
        if at is not None and expires is not None and expires <= at:
            path = json_path(("$habitkit", flag.key, "expires"))
            yield Fault(path, f"the flag expired at {expires.isoformat()}; remove it, or extend it")


def _names(flag: FlagDefinition, definitions: Definitions) -> Iterator[Fault]:
    """Warn of an experiment and a holdout that nothing defines; they may be defined later."""
    sections, options = definitions.sections, flag.options
    if options.experiment is not None and (
        sections is None or options.experiment not in sections.experiments
    ):
        message = (
            f"no experiment {options.experiment!r:.60} is defined in $experiments; until it is, it "
            "assigns nobody"
        )
        yield Fault(json_path(("$habitkit", flag.key, "experiment")), message)
    if options.holdout is not None and (
        sections is None or options.holdout not in sections.holdouts
    ):
        message = (
            f"no holdout {options.holdout!r:.60} is defined in $holdouts; until it is, it keeps "
            "nobody out"
        )
        yield Fault(json_path(("$habitkit", flag.key, "holdout")), message)


def _variants(flag: FlagDefinition, definitions: Definitions) -> Iterator[Fault]:
    """Compare what is served with the variants that there are."""
    named = named_by_targeting(flag, definitions)
    if named is None:
        return
    for name in sorted(named - flag.variants.keys()):
        message = f"it may give {name!r:.60}, which is none of the variants: an error then"
        yield Fault(json_path(("flags", flag.key, "targeting")), message)
    by_experiment = served_by_experiment(flag, definitions)
    if not named and not by_experiment and flag.options.schedule is None:
        return  # one variant for all, until somebody changes the default
    served = named | by_experiment | served_without_rule(flag) | {flag.default_variant}
    for name in sorted(flag.variants.keys() - served):
        sources = "neither the targeting nor the schedule"
        if by_experiment:
            sources += " nor the experiment"
        message = f"{sources} nor the default ever serves this variant"
        yield Fault(json_path(("flags", flag.key, "variants", name)), message)


def _settings(flag: FlagDefinition, definitions: Definitions) -> Iterator[Fault]:
    """Warn of a schedule and of sticky assignments that do less than they seem to."""
    schedule, evaluators = flag.options.schedule, definitions.evaluators
    steps = () if schedule is None else schedule.steps
    splits = {tuple(sorted(step.split.items())) for step in steps if step.split is not None}
    if flag.options.sticky is not None:
        by_schedule = splits or (schedule is not None and schedule.progressive is not None)
        if not by_schedule and not _splits(flag.targeting, evaluators):
            message = "sticky has no effect: neither the targeting nor the schedule has a split"
            yield Fault(json_path(("$habitkit", flag.key, "sticky")), message)
        if len(splits) > 1:
            message = (
                "sticky keeps what the first split gave: a later split applies to those who were "
                "assigned nothing before; use a progressive schedule, or no sticky"
            )
            yield Fault(json_path(("$habitkit", flag.key, "schedule")), message)
    if schedule is not None and _serves_all(flag.targeting, evaluators, {}, 0):
        message = (
            "nobody with a targeting key reaches the schedule: the targeting gives a variant to "
            "all of them"
        )
        yield Fault(json_path(("$habitkit", flag.key, "schedule")), message)


def _splits(rule: Any, evaluators: Mapping[str, Any]) -> bool:
    """Whether there is a percentage anywhere in a rule."""
    pending, seen = [rule], set[str]()
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            if "fractional" in value or "rollout" in value:
                return True
            name = value.get("$ref")
            if isinstance(name, str) and name not in seen:
                seen.add(name)
                pending.append(evaluators.get(name))
            pending += value.values()
    return False


def _serves_all(
    rule: Any, evaluators: Mapping[str, Any], of_evaluators: dict[str, bool], depth: int
) -> bool:
    """Whether a rule certainly names a variant for everybody who has a targeting key."""
    if not isinstance(rule, dict) or len(rule) != 1 or depth > _DEEPEST:
        return isinstance(rule, str)
    ((name, given),) = rule.items()
    if name == "$ref" and isinstance(given, str):
        if given not in of_evaluators:
            of_evaluators[given] = False  # should it refer to itself
            shared = evaluators.get(given)
            of_evaluators[given] = _serves_all(shared, evaluators, of_evaluators, depth + 1)
        return of_evaluators[given]
    if name == "if" and isinstance(given, list) and len(given) % 2:
        outcomes = [*given[1::2], given[-1]]
    elif name == "fractional" and isinstance(given, list) and all(map(_is_share, given)):
        outcomes = [pair[0] for pair in given] or [None]
    else:
        return False
    return all(_serves_all(each, evaluators, of_evaluators, depth + 1) for each in outcomes)


def _is_share(pair: Any) -> bool:
    """Whether this is a variant with a weight that is a number above 0, which may be left out."""
    if not isinstance(pair, list) or not pair:
        return False
    weight = pair[1] if len(pair) > 1 else 1
    return isinstance(weight, int) and weight > 0
