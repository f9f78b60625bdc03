"""What a store keeps for the habits module: habits, a growing set of facts, snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from habitkit.store import Port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.habits.domain.facts import CheckIn, CheckInVoid, Fact, OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.stored import (
        DueHabit,
        ExpiringStreak,
        Note,
        StoredFact,
        VoidedCheckIn,
    )
    from habitkit.habits.domain.streaks import Snapshot

__all__ = ["HABITS", "STREAKS", "HabitStore", "StreakStore"]


class HabitStore(Protocol):
    """Habits and the facts about them. Facts are added, never changed or removed."""

    def add(self, habit: Habit) -> None:
        """Add a habit.

        Raises:
            Duplicate: If there is one of this id.
        """
        ...

    def put(self, habit: Habit) -> None:
        """Write a habit over the one of its id.

        Title, tags, metadata, place in the list, and since when it is archived or deleted may
        differ.
        """
        ...

    def get(self, habit_id: UUID) -> Habit | None:
        """Return a habit, or None.

        It needs no lock: use cases read the owner of a habit from it before they lock.
        """
        ...

    def page(
        self,
        after: UUID | None,
        limit: int,
        *,
        owner: str | None = None,
        archived: bool | None = None,
        deleted: bool = False,
    ) -> list[Habit]:
        """Return up to ``limit`` habits: those of an owner by ``seq``, those of all by id.

        The habits of an owner differ in ``seq``, so no page misses one that was added meanwhile.

        Args:
            after: The id of the last one already seen; None for the beginning. The page of an
                owner after a habit that is not theirs, or does not exist, is empty.
            limit: How many at most.
            owner: Of this owner alone; of all owners by default.
            archived: Only those that are archived, or only those that are not; None for both.
            deleted: True to include those that are deleted.
        """
        ...

    def add_facts(self, facts: Sequence[Fact | CheckInVoid]) -> None:
        """Add facts of any kinds, all or nothing.

        A ``CheckInVoid`` undoes a check-in, also one that is added later. A plain ``Void`` undoes
        another fact, and is stored like any fact other than a check-in.

        Raises:
            Duplicate: If a fact of one of these ids exists, or a check-in is voided already.
        """
        ...

    def facts(self, owner: str, habit_id: UUID | None = None) -> list[OtherFact]:
        """Return the facts that are no check-ins, in any order: a habit's and the owner's own.

        Without a habit those of all habits of the owner. What was taken back is among them, and so
        are its voids.
        """
        ...

    def notes(self, owner: str) -> list[Note]:
        """Return the notes of an owner's check-ins that are not voided, in any order."""
        ...

    def fact(self, fact_id: UUID) -> StoredFact | None:
        """Return a check-in or another fact by its id, or None; a ``CheckInVoid`` is not found.

        It needs no lock: use cases read the owner of a fact from it before they lock.
        """
        ...

    def live(self, habit_id: UUID, since: date | None = None) -> list[CheckIn]:
        """Return a habit's check-ins that are not voided, in the order of ``(day, at, seq)``.

        Args:
            habit_id: The habit.
            since: Only those of this day and later ones; None for no limit.
        """
        ...

    def recent(self, days: Mapping[UUID, date | None]) -> list[CheckIn]:
        """Return what ``live`` does of many habits, each since its day, in any order."""
        ...

    def voided(self, habit_id: UUID, since: date | None = None) -> list[VoidedCheckIn]:
        """Return a habit's voided check-ins, in any order.

        Args:
            habit_id: The habit.
            since: Only those of this day and later ones; None for all.
        """
        ...

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these facts exist, voided or not."""
        ...

    def erase(self, owner: str, title: str) -> int:
        """Give an owner's habits this title, no tags, no metadata; erase the notes of check-ins.

        Returns:
            How many habits and check-ins were changed: those that had another title, tags,
            metadata or a note.
        """
        ...

    def erase_notes(self, habit_id: UUID) -> int:
        """Erase the notes of a habit's check-ins; return how many had one."""
        ...


class StreakStore(Protocol):
    """Snapshots of habits' histories; they can be rebuilt from the facts at any time."""

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit, or None if it has none yet."""
        ...

    def of_owner(self, owner: str) -> list[Snapshot]:
        """Return the snapshots of an owner's habits, in any order."""
        ...

    def to_sweep(self, now: datetime, limit: int) -> list[DueHabit]:
        """Return up to ``limit`` habits whose ``next_check_at`` has come, the earliest first."""
        ...

    def expiring(
        self, before: datetime, after: ExpiringStreak | None, limit: int
    ) -> list[ExpiringStreak]:
        """Return streaks with an ``act_by`` before an instant, the earliest first.

        Args:
            before: The instant.
            after: The last one already seen, as it was then.
            limit: How many at most. Of equal instants the smaller id of a habit comes first.
        """
        ...

    def put(self, snapshot: Snapshot) -> None:
        """Write a snapshot over the one that is there, if that is of an earlier revision.

        Raises:
            IntegrityError: If the stored one is of a later revision of the owner.
        """
        ...


HABITS: Port[HabitStore] = Port("habits")
STREAKS: Port[StreakStore] = Port("habits.streaks")
