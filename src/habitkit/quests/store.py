"""The ports of quests: definitions, and what is kept of owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from habitkit.store import Port

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.quests.domain.runs import Contribution, Definition, Grant, Run

__all__ = ["DEFINITIONS", "QUESTS", "DefinitionStore", "QuestStore"]


class DefinitionStore(Protocol):
    """The log of definitions. They are added, never changed or removed."""

    def newest(self) -> UUID | None:
        """Return the id of the definition with the largest number, or None if there is none."""
        ...

    def after(self, revision: int) -> list[Definition]:
        """Return all definitions with a larger number, in their order."""
        ...

    def add(self, definition: Definition) -> None:
        """Add a definition.

        Raises:
            Duplicate: If there is one of this number.
        """
        ...


class QuestStore(Protocol):
    """Runs of quests, contributions and grants; all of an owner is written under its lock."""

    def runs(
        self,
        owner: str,
        quests: Collection[str] | None = None,
        periods: Collection[str] | None = None,
    ) -> list[Run]:
        """Return an owner's runs, in the order of quest and period.

        Args:
            owner: Whose runs.
            quests: Only of quests with these keys; None for all.
            periods: Only of these periods; None for all.
        """
        ...

    def put_runs(self, runs: Sequence[Run]) -> None:
        """Write runs, each over the one of the same owner, quest and period if there is one."""
        ...

    def due(self, now: datetime, limit: int) -> list[Run]:
        """Return up to ``limit`` runs whose ``check_at`` has come, the earliest first.

        Of equal instants the smaller owner, quest and period comes first.
        """
        ...

    def owners(self, after: str | None, limit: int) -> list[str]:
        """Return up to ``limit`` owners who have a run or a grant, after one, in their order.

        The order is that of the texts' code points (on PostgreSQL ``COLLATE "C"``).
        """
        ...

    def of_events(self, owner: str, event_keys: Collection[str]) -> list[Contribution]:
        """Return an owner's contributions of events, in the order of event, subject and leaf."""
        ...

    def of_subject(self, owner: str, subject: str) -> list[Contribution]:
        """Return an owner's contributions to a subject, in the order of done_at, event and leaf."""
        ...

    def put(self, contributions: Sequence[Contribution]) -> None:
        """Write contributions, each over the one of its owner, event, subject and leaf."""
        ...

    def remove(self, contributions: Sequence[Contribution]) -> None:
        """Delete contributions by owner, event, subject and leaf; unknown ones are ignored."""
        ...

    def grants(self, owner: str, keys: Collection[str] | None = None) -> list[Grant]:
        """Return an owner's grants in the order of their keys: of some keys, or all."""
        ...

    def granted(self, owner: str, kind: str, name: str) -> list[Grant]:
        """Return an owner's grants of one badge, habit or item, in the order of their keys."""
        ...

    def put_grants(self, grants: Sequence[Grant]) -> None:
        """Write grants, each over the one of its owner and key."""
        ...

    def remove_grants(self, owner: str, keys: Collection[str]) -> None:
        """Delete an owner's grants of some keys; unknown ones are ignored."""
        ...


QUESTS: Port[QuestStore] = Port("quests")
DEFINITIONS: Port[DefinitionStore] = Port("quests.definitions")
