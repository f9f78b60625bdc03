"""What a store keeps for the streaks module: one snapshot a habit, a cache of the facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from habitkit.habits.domain.streaks import Snapshot

__all__ = ["StreakStore"]


class StreakStore(Protocol):
    """Snapshots of habits' histories; they can be rebuilt from the facts at any time."""

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit, or None if it has none yet."""
        ...

    def of_owner(self, owner: str) -> list[Snapshot]:
        """Return the snapshots of an owner's habits, in any order."""
        ...

    def to_sweep(self, now: datetime, limit: int) -> list[tuple[str, UUID]]:
        """Return owners and habits whose ``sweep_at`` has come, the earliest first."""
        ...

    def put(self, snapshot: Snapshot) -> None:
        """Write a snapshot over the one that is there, if that is of an earlier revision.

        Raises:
            IntegrityError: If the stored one is of a later revision of the owner.
        """
        ...
