"""The errors of flags.

    InvalidInput
    └── FlagDefinitionError
    Refused
    ├── RevisionConflict
    └── FlagsReadOnly
    StoreError
    └── SourceUnavailable

Evaluating a flag never raises: a ``Resolution`` says what went wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import HabitKitError, InvalidInput, Refused, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.flags.domain.faults import Fault

__all__ = ["FlagDefinitionError", "FlagsReadOnly", "RevisionConflict", "SourceUnavailable"]

_SHOWN = 5


class FlagDefinitionError(InvalidInput):
    """A document of flags has faults; nothing of it is used.

    Attributes:
        faults: All of them, each with its JSON path.
        given: The same.
        expected: What was expected.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Name the faults, in the message the first few."""
        self.faults = tuple(faults)
        self.given = self.faults
        self.expected = "definitions without faults"
        shown = "; ".join(str(fault) for fault in self.faults[:_SHOWN])
        rest = len(self.faults) - _SHOWN
        more = f"; and {rest} more, see the error's faults" if rest > 0 else ""
        HabitKitError.__init__(self, f"invalid flag definitions: {shown}{more}")


class RevisionConflict(Refused):
    """Somebody else has changed the flag, or the set of flags, since it was read.

    Attributes:
        key: The flag; None if the last revision of the whole set was expected.
        expected: The revision that the caller expected to be the last one; 0 for a new flag.
        found: The last revision, which may have deleted the flag; 0 if there never was one.
    """

    def __init__(self, *, key: str | None, expected: int, found: int) -> None:
        """Name the flag and both revisions."""
        self.key = key
        self.expected = expected
        self.found = found
        what, again = ("the flags", "flags") if key is None else (f"flag {key!r}", "flag")
        super().__init__(
            f"{what}: expected the last revision to be {expected}, found {found}; read the {again} "
            "again and repeat the change"
        )


class FlagsReadOnly(Refused):
    """The flags of this kit come from a source that the kit cannot write to.

    Attributes:
        source: The source's name.
    """

    def __init__(self, source: str) -> None:
        """Name the source and where to change flags instead."""
        self.source = source
        super().__init__(
            f"the flags of this kit come from {source}, which it only reads; change them there, or "
            "use FlagSettings(source=None) to keep them in the kit's store"
        )


class SourceUnavailable(StoreError):
    """A source of flags could not be read; the flags read before stay in use.

    Attributes:
        source: The source's name.
        reason: Why it could not be read.
    """

    def __init__(self, source: str, reason: str) -> None:
        """Name the source and the reason."""
        self.source = source
        self.reason = reason
        super().__init__(f"the flags cannot be read from {source}: {reason}")
