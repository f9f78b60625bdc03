"""Compiling a document, for hosts that need no kit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.clock import Clock, SystemClock
from habitkit.flags.domain.compiler import compile_document
from habitkit.flags.domain.faults import Fault
from habitkit.flags.errors import FlagDefinitionError

if TYPE_CHECKING:
    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.sources import Document

__all__ = ["compile"]


def compile(  # noqa: A001 - flags.compile
    document: Document, *, clock: Clock | None = None, reuse: FlagSet | None = None
) -> FlagSet:
    """Compile a document in flagd's format into a set of flags.

    Args:
        document: A mapping, or JSON text as ``str`` or ``bytes``; not to be changed afterwards.
        clock: Gives the time for schedules and ``$flagd.timestamp``; the machine's by default.
        reuse: A set compiled earlier, such as the one that the new set replaces. Flags that are the
            same in both, with their prerequisites, ``$evaluators`` and metadata, are not compiled
            again, which is much faster; the result is the same.

    Raises:
        FlagDefinitionError: If the document has faults; ``error.faults`` has each with its path.

    Example:
        >>> from habitkit import flags
        >>> on_off = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
        >>> compiled = flags.compile({"flags": {"quests": {"state": "ENABLED", **on_off}}})
        >>> compiled.details("quests", False).variant
        'on'
    """
    if isinstance(document, str) and document.endswith(".json"):
        message = "expected a mapping or JSON text, got what may be a path; FileSource reads a file"
        raise FlagDefinitionError([Fault("$", message)])
    now = (clock or SystemClock()).now
    return compile_document(document, lambda: now().timestamp(), reuse)
