"""The port of flags: revisions of a set of flags, sticky assignments, and when flags were used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from habitkit.store import Port

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from habitkit.flags.domain.model import FlagVersion, Revision, SharedVersion, StickyAssignment

__all__ = ["FLAGS", "FlagStore"]


class FlagStore(Protocol):
    """The revisions of the set of flags. They are added, never changed or removed."""

    def newest(self) -> int:
        """Return the number of the last revision; 0 if there is none."""
        ...

    def add(self, revision: Revision) -> None:
        """Add a revision.

        Raises:
            Duplicate: If there is one of this number.
        """
        ...

    def revisions(self, key: str | None, before: int | None, limit: int) -> list[Revision]:
        """Return up to ``limit`` revisions, the newest first, each with all that it changed.

        Args:
            key: Only those that touched this flag, and of their changes only that one; None for
                all.
            before: Only those with a smaller number.
            limit: How many at most.
        """
        ...

    def versions(
        self, *, after: int = 0, until: int | None = None, key: str | None = None
    ) -> list[FlagVersion]:
        """Return the last version of each flag, deleted ones included, in the order of their keys.

        Args:
            after: Only flags whose last version is of a later revision than this.
            until: As if later revisions did not exist.
            key: Only this flag.
        """
        ...

    def shared(self, until: int | None = None) -> SharedVersion:
        """Return what the flags last shared, as if later revisions did not exist."""
        ...

    def assignments(self, targeting_key: str) -> list[StickyAssignment]:
        """Return what somebody was assigned, in the order of flag and version."""
        ...

    def assign(self, assignments: Sequence[StickyAssignment]) -> None:
        """Store assignments; of one targeting key, flag and version the first one stays."""
        ...

    def forget(self, targeting_key: str) -> int:
        """Delete somebody's assignments; return how many there were."""
        ...

    def used(self, keys: Iterable[str], at: datetime) -> None:
        """Store when flags were last evaluated; never an earlier instant than is stored."""
        ...

    def last_used(self) -> Mapping[str, datetime]:
        """Return when flags were last evaluated, by key; flags that never were are missing."""
        ...


FLAGS: Port[FlagStore] = Port("flags")
