"""Warnings about a document of flags: what is no fault, but unlikely to be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.lint import lint_rule
from habitkit.flags.domain.served import named_by_targeting, served_without_rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from habitkit.flags.domain.documents import Definitions, FlagDefinition

__all__ = ["lint_definitions"]


def lint_definitions(definitions: Definitions, at: datetime | None) -> Iterator[Fault]:
    """Go through the warnings about a document.

    Args:
        definitions: What the document defines.
        at: The time for the flags' ``expires``; None if they are not to be compared.
    """
    for name, rule in definitions.evaluators.items():
        yield from lint_rule(rule, ("$evaluators", name))
    for flag in definitions.flags.values():
        yield from lint_rule(flag.targeting, ("flags", flag.key, "targeting"))
        yield from _variants(flag, definitions)
        expires = flag.options.expires
        if at is not None and expires is not None and expires <= at:
            path = json_path(("$habitkit", flag.key, "expires"))
            yield Fault(path, f"the flag expired at {expires.isoformat()}; remove it, or extend it")


def _variants(flag: FlagDefinition, definitions: Definitions) -> Iterator[Fault]:
    """Compare what is served with the variants that there are."""
    named = named_by_targeting(flag, definitions)
    if named is None:
        return
    for name in sorted(named - flag.variants.keys()):
        message = f"it may give {name!r:.60}, which is none of the variants: an error then"
        yield Fault(json_path(("flags", flag.key, "targeting")), message)
    if not named and flag.options.schedule is None:
        return  # one variant for all, until somebody changes the default
    served = named | served_without_rule(flag) | {flag.default_variant}
    for name in sorted(flag.variants.keys() - served):
        message = "neither the targeting nor the schedule nor the default ever serves this variant"
        yield Fault(json_path(("flags", flag.key, "variants", name)), message)
