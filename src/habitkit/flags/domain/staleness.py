"""Which flags are no longer needed: a rule about what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.flags.domain.served import (
    is_shipped_to_all,
    named_by_targeting,
    served_by_experiment,
    served_without_rule,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from habitkit.flags.domain.documents import Definitions, FlagDefinition

__all__ = ["StaleFlag", "last_uses", "reasons_to_remove"]


@frozen
class StaleFlag:
    """A flag that is probably no longer needed.

    Attributes:
        key: The flag.
        reasons: Why: ``expired``, ``rolled out`` (everybody is served one variant), ``unused``.
        owner: Whom to ask, if the flag says so.
        last_used_at: When it, or a flag that it is a prerequisite of, was last evaluated, to the
            hour; None if that never was.
    """

    key: str
    reasons: tuple[str, ...]
    owner: str | None
    last_used_at: datetime | None


def last_uses(definitions: Definitions, evaluated: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return when flags were last used: evaluated, or a prerequisite of one that was.

    Args:
        definitions: The set that they belong to.
        evaluated: When flags were last evaluated.
    """
    found = dict(evaluated)
    pending = list(evaluated)
    while pending:
        key = pending.pop()
        for each in (
            definitions.flags[key].options.prerequisites if key in definitions.flags else ()
        ):
            if each.flag not in found or found[each.flag] < found[key]:
                found[each.flag] = found[key]
                pending.append(each.flag)
    return found


def reasons_to_remove(
    flag: FlagDefinition,
    definitions: Definitions,
    *,
    unused_since: datetime,
    unused_for: timedelta,
    now: datetime,
) -> tuple[str, ...]:
    """Return why a flag is probably no longer needed; empty if nothing speaks for it.

    Args:
        flag: The flag.
        definitions: The set that it belongs to.
        unused_since: When it was last evaluated, or else defined.
        unused_for: After how long without an evaluation it counts as unused.
        now: The time.
    """
    expires = flag.options.expires
    held = {
        "expired": expires is not None and expires <= now,
        "rolled out": _is_rolled_out(flag, definitions, now),
        "unused": now - unused_since >= unused_for,
    }
    return tuple(reason for reason, holds in held.items() if holds)


def _is_rolled_out(flag: FlagDefinition, definitions: Definitions, now: datetime) -> bool:
    """Whether everybody is served one variant from now on."""
    if not flag.enabled or flag.options.prerequisites or flag.options.segments:
        return False
    if is_shipped_to_all(flag, definitions):
        return True
    named = named_by_targeting(flag, definitions)
    if named is None:
        return False
    served = named | served_without_rule(flag, now.timestamp())
    served |= served_by_experiment(flag, definitions)
    sections = definitions.sections
    if sections is not None and flag.options.holdout in sections.holdouts:
        served |= {flag.default_variant}
    return len(served) == 1 and None not in served
