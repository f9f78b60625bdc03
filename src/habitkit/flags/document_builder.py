"""Putting flags together to a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.errors import InvalidInput
from habitkit.flags.builders import Flag
from habitkit.flags.conditions import Condition
from habitkit.flags.domain.bucketing import BUCKETINGS
from habitkit.flags.domain.document_parts import join

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["document"]


def document(
    flags: Mapping[str, Flag | Mapping[str, Any]],
    *,
    evaluators: Mapping[str, Condition | Mapping[str, Any]] | None = None,
    bucketing: str | None = None,
    metadata: Mapping[str, str | float] | None = None,
) -> dict[str, Any]:
    """Return a whole document of flags in flagd's format.

    Args:
        flags: The flags by key: builders, or definitions with our settings under ``$habitkit``.
        evaluators: Shared rules by name, for ``segment``: conditions, or JsonLogic.
        bucketing: How percentages are bucketed: ``v1``, ``v2`` or ``v3``; None for the usual one.
        metadata: The metadata of the set.

    Raises:
        InvalidInput: If there is no such bucketing.
        UsageError: If a builder is not finished.
    """
    if bucketing is not None and bucketing not in BUCKETINGS:
        raise InvalidInput("bucketing", given=bucketing, expected=f"one of {', '.join(BUCKETINGS)}")
    shared = {
        "$evaluators": {
            name: rule.rule if isinstance(rule, Condition) else rule
            for name, rule in (evaluators or {}).items()
        },
        "metadata": {**(metadata or {}), **({"bucketing": bucketing} if bucketing else {})},
    }
    definitions = {
        key: flag.definition() if isinstance(flag, Flag) else flag for key, flag in flags.items()
    }
    return join(definitions, shared)
