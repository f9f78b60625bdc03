"""Linting a document of flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.clock import instant
from habitkit.flags.domain.document_lint import lint_definitions
from habitkit.flags.domain.documents import read_document

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.flags.domain.faults import Fault
    from habitkit.flags.sources import Document

__all__ = ["lint"]


def lint(document: Document, *, at: datetime | None = None) -> tuple[Fault, ...]:
    """Return warnings about a document in flagd's format: what compiles, but may surprise.

    These are traps of JsonLogic in targeting and ``$evaluators``, results that are none of the
    variants, variants that nothing serves, experiments that are not defined, and flags that have
    expired. Faults are not among them:
    they are what ``compile`` raises. What is at fault is left out here.

    Args:
        document: A mapping, or JSON text as ``str`` or ``bytes``.
        at: The time for the flags' ``expires``; None not to warn about them.

    Returns:
        The warnings, each with its JSON path.

    Raises:
        InvalidInstant: If ``at`` has no time zone.

    Example:
        >>> from habitkit import flags
        >>> rule = {"if": [{"<": [{"var": "age"}, 18]}, "junior"]}
        >>> flag = {"state": "ENABLED", "variants": {"junior": 1, "all": 2}, "targeting": rule}
        >>> [
        ...     each.path
        ...     for each in flags.lint({"flags": {"plan": {**flag, "defaultVariant": "all"}}})
        ... ]
        ["$.flags.plan.targeting.if[0]['<']"]
    """
    return tuple(lint_definitions(read_document(document, []), at and instant(at)))
