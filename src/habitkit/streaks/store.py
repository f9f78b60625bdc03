"""What a store keeps for the streaks room: one snapshot a habit, a cache of the facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.streaks.model import Snapshot

__all__ = ["SnapshotBatches", "StreakStore"]


class StreakStore(Protocol):
    """Snapshots of habits' histories; they can be rebuilt from the facts at any time."""

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit, or None if it has none yet."""
        ...

    def of_owner(self, owner: str) -> list[Snapshot]:
        """Return the snapshots of an owner's habits, in any order."""
        ...

    def to_look_at(self, now: datetime, limit: int) -> list[tuple[str, UUID]]:
        """Return owners and habits whose ``look_at`` has come, the earliest first."""
        ...

    def put(self, snapshot: Snapshot) -> None:
        """Write a snapshot over the one that is there, if that is of an earlier revision.

        Raises:
            IntegrityError: If the stored one is of a later revision of the owner.
        """
        ...


@runtime_checkable
class SnapshotBatches(Protocol):
    """Optional, for a ``StreakStore``: read and write many snapshots at once.

    A batch does so where there are ``HabitBatches``; a store without it is asked one by one.
    """

    def get_many(self, habit_ids: Sequence[UUID]) -> list[Snapshot]:
        """Return the snapshots of these habits in any order; one that has none is missing."""
        ...

    def put_many(self, snapshots: Sequence[Snapshot]) -> None:
        """Write snapshots of different habits, each as ``put`` does.

        Raises:
            IntegrityError: If a stored one is of a later revision of the owner.
        """
        ...
