"""What is kept of flags: revisions of their definitions, and sticky assignments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

__all__ = ["FlagDifference", "FlagVersion", "Revision", "SharedVersion", "StickyAssignment"]


@frozen
class Revision:
    """One change of a set of flags, of one key or of many.

    Attributes:
        number: 1 for the first change of the set; without gaps.
        at: When it was made.
        by: Who made it.
        note: Why, in the words of whoever made it.
        action: ``put``, ``put_document``, ``toggle``, ``delete``, ``rollback`` or
            ``rollback_document``.
        changes: The new definition of each flag it touched; None where the flag was deleted.
        shared: What the flags of the set share now: ``$evaluators``, ``metadata``, ``$experiments``
            and ``$holdouts``; None if it kept them.
    """

    number: int
    at: datetime
    by: str
    note: str
    action: str
    changes: Mapping[str, Mapping[str, Any] | None]
    shared: Mapping[str, Any] | None = None


@frozen
class FlagVersion:
    """The last definition of a flag.

    Attributes:
        key: The flag.
        revision: The revision that wrote it.
        definition: flagd's object of the flag, with ours under ``$habitkit``; None if deleted.
    """

    key: str
    revision: int
    definition: Mapping[str, Any] | None


@frozen
class FlagDifference:
    """A flag, or what the flags share, that differs between two revisions.

    Attributes:
        key: The flag; None for what the flags share, such as ``$evaluators`` and ``$experiments``.
        before: Its definition at the first one; None if it did not exist.
        after: Its definition at the second one; None if it did not exist.
    """

    key: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@frozen
class SharedVersion:
    """What the flags of a set share, such as ``$evaluators``, as it was last written.

    Attributes:
        revision: The revision that wrote them; 0 if none has.
        shared: The sections by their names; a missing one is empty.
    """

    revision: int
    shared: Mapping[str, Any]


@frozen
class StickyAssignment:
    """The variant that somebody was given first, for a flag that is sticky.

    Attributes:
        targeting_key: Who was given it.
        flag: Of which flag.
        version: Of which version of the flag's ``sticky`` setting.
        variant: Which variant.
        at: When it was stored.
    """

    targeting_key: str
    flag: str
    version: int
    variant: str
    at: datetime
