"""Which variants a flag may serve, as far as its definition tells."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from habitkit.flags.domain.rules import RuleContext, compile_rule

if TYPE_CHECKING:
    from habitkit.flags.domain.documents import Definitions, FlagDefinition

__all__ = ["named_by_targeting", "served_without_rule"]

_ALL = 100.0


def named_by_targeting(flag: FlagDefinition, definitions: Definitions) -> frozenset[str] | None:
    """Return the names that a flag's targeting may give; empty without targeting.

    Args:
        flag: The flag.
        definitions: The document it stands in.

    Returns:
        The names, which need not be those of variants; None if they are not all known, or if the
        rule has faults.
    """
    if flag.targeting is None or flag.targeting == {}:
        return frozenset()
    context = RuleContext(flag.key, definitions.bucketing, definitions.evaluators)
    rule = compile_rule(flag.targeting, ("flags", flag.key, "targeting"), context, [])
    return None if rule is None else rule.results


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
