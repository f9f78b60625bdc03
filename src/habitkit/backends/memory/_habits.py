"""The ports of habits and streaks in memory."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, timedelta
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.backends.memory._tables import Table
from habitkit.errors import IntegrityError
from habitkit.habits.domain.facts import CheckIn, CheckInVoid
from habitkit.habits.domain.stored import DueHabit, ExpiringStreak, Note, StoredFact, VoidedCheckIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.habits.domain.facts import Fact, OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import Snapshot

__all__ = ["Habits", "Streaks"]

_DAY = timedelta(days=1)


class _Days(Table[date, "tuple[CheckIn, ...]"]):
    """A habit's check-ins by day.

    Attributes:
        latest: No day is later, even if a rollback has removed it.
    """

    def __init__(self, log: UndoLog, latest: date) -> None:
        """Make an empty table."""
        super().__init__(log, "day")
        self.latest = latest


def _apart(habit: Habit) -> Habit:
    """Return a habit with metadata of its own: what a caller does to it changes nothing stored."""
    return habit if habit.metadata is None else evolve(habit, metadata=deepcopy(habit.metadata))


class Habits:
    """Habits and their facts; the facts of a habit lie together, by day."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._habits: Table[UUID, Habit] = Table(log, "habit")
        self._facts: Table[UUID, CheckIn] = Table(log, "check-in")
        self._others: Table[UUID, OtherFact] = Table(log, "fact")
        self._voids: Table[UUID, CheckInVoid] = Table(log, "void")
        self._voids_of: dict[UUID, Table[UUID, CheckInVoid]] = {}
        self._days: dict[UUID, _Days] = {}
        self._log = log

    def add(self, habit: Habit) -> None:
        """Add a habit."""
        self._habits.insert(habit.id, _apart(habit))

    def put(self, habit: Habit) -> None:
        """Write a habit over the one that is there."""
        self._habits.put(habit.id, _apart(habit))

    def get(self, habit_id: UUID) -> Habit | None:
        """Return a habit."""
        habit = self._habits.get(habit_id)
        return None if habit is None else _apart(habit)

    def page(
        self,
        after: UUID | None,
        limit: int,
        *,
        owner: str | None = None,
        archived: bool | None = None,
        deleted: bool = False,
    ) -> list[Habit]:
        """Return a page of an owner's habits, or of all."""
        wanted = [
            habit
            for habit in self._habits
            if owner in {None, habit.owner}
            and archived in {None, habit.archived}
            and (deleted or habit.deleted_at is None)
        ]
        seen = None if after is None or owner is None else self._habits.get(after)
        if after is not None and owner is None:
            wanted = [habit for habit in wanted if habit.id > after]
        elif after is not None:
            known = seen is not None and seen.owner == owner
            wanted = [habit for habit in wanted if known and seen and habit.seq > seen.seq]
        wanted.sort(key=lambda habit: habit.id if owner is None else habit.seq)
        return [_apart(habit) for habit in wanted[:limit]]

    def add_facts(self, facts: Sequence[Fact | CheckInVoid]) -> None:
        """Add facts of any kinds."""
        for fact in facts:
            if isinstance(fact, CheckIn):
                self._add_check_in(fact)
            elif isinstance(fact, CheckInVoid):
                self._add_void(fact)
            elif fact.id in self._facts:
                raise self._others.duplicate()
            else:
                self._others.insert(fact.id, fact)

    def _add_check_in(self, fact: CheckIn) -> None:
        self._facts.insert(fact.id, fact)
        days = self._days.get(fact.habit_id)
        if days is None:
            days = self._days[fact.habit_id] = _Days(self._log, fact.day)
        days.latest = max(days.latest, fact.day)
        days.put(fact.day, (*days.get(fact.day, ()), fact))

    def _add_void(self, void: CheckInVoid) -> None:
        self._voids.insert(void.fact_id, void)
        if void.habit_id is not None:
            voids = self._voids_of.setdefault(void.habit_id, Table(self._log, "void"))
            voids.insert(void.fact_id, void)

    def facts(self, owner: str, habit_id: UUID | None = None) -> list[OtherFact]:
        """Return the facts of habits and of their owner that are no check-ins."""
        facts = [fact for fact in self._others if fact.owner == owner]
        if habit_id is None:
            return facts
        return [fact for fact in facts if getattr(fact, "habit_id", None) in {habit_id, None}]

    def notes(self, owner: str) -> list[Note]:
        """Return the notes of an owner's live check-ins."""
        return [
            Note(fact.habit_id, fact.note)
            for fact in self._facts
            if fact.owner == owner and fact.note is not None and fact.id not in self._voids
        ]

    def fact(self, fact_id: UUID) -> StoredFact | None:
        """Return a fact by its id."""
        fact = self._facts.get(fact_id) or self._others.get(fact_id)
        return None if fact is None else StoredFact(fact, fact_id in self._voids)

    def live(self, habit_id: UUID, since: date | None = None) -> list[CheckIn]:
        """Return a habit's live check-ins."""
        days = self._days.get(habit_id)
        if days is None:
            return []
        first = date.min if since is None else since
        span = (days.latest - first).days + 1
        if span < len(days.rows):
            wanted = [day for n in range(span) if (day := first + n * _DAY) in days]
        else:
            wanted = sorted(day for day in days.rows if first <= day)
        return [fact for day in wanted for fact in self._of_day(days.rows[day])]

    def _of_day(self, facts: Iterable[CheckIn]) -> list[CheckIn]:
        live = [fact for fact in facts if fact.id not in self._voids]
        return sorted(live, key=lambda fact: (fact.at, fact.seq))

    def recent(self, days: Mapping[UUID, date | None]) -> list[CheckIn]:
        """Return the live check-ins of many habits."""
        return [fact for habit_id, day in days.items() for fact in self.live(habit_id, day)]

    def voided(self, habit_id: UUID, since: date | None = None) -> list[VoidedCheckIn]:
        """Return a habit's voided check-ins."""
        voided = [
            VoidedCheckIn(self._facts.rows[void.fact_id], void.received_at)
            for void in self._voids_of.get(habit_id, ())
            if void.fact_id in self._facts
        ]
        return [it for it in voided if since is None or it.check_in.day >= since]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these facts exist."""
        return {fact_id for fact_id in fact_ids if fact_id in self._facts}

    def erase(self, owner: str, title: str) -> int:
        """Erase the words of an owner's habits and check-ins."""
        habits = [habit for habit in self._habits if habit.owner == owner]
        changed = [it for it in habits if (it.title, it.tags, it.metadata) != (title, (), None)]
        for habit in changed:
            self._habits.put(habit.id, evolve(habit, title=title, tags=(), metadata=None))
        noted = [fact for fact in self._facts if fact.owner == owner and fact.note is not None]
        self._without_notes(noted)
        return len(changed) + len(noted)

    def erase_notes(self, habit_id: UUID) -> int:
        """Erase the notes of a habit's check-ins."""
        noted = [it for it in self._facts if it.habit_id == habit_id and it.note is not None]
        self._without_notes(noted)
        return len(noted)

    def _without_notes(self, facts: Iterable[CheckIn]) -> None:
        for fact in facts:
            erased = evolve(fact, note=None)
            self._facts.put(fact.id, erased)
            days = self._days[fact.habit_id]
            of_day = days.get(fact.day, ())
            days.put(fact.day, tuple(erased if it.id == fact.id else it for it in of_day))


class Streaks:
    """Snapshots by habit."""

    def __init__(self, log: UndoLog) -> None:
        """Make an empty table."""
        self._rows: Table[UUID, Snapshot] = Table(log, "snapshot")

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit."""
        return self._rows.get(habit_id)

    def of_owner(self, owner: str) -> list[Snapshot]:
        """Return an owner's snapshots."""
        return [row for row in self._rows if row.owner == owner]

    def to_sweep(self, now: datetime, limit: int) -> list[DueHabit]:
        """Return what the sweep has to visit."""
        due = [
            (row.next_check_at, row)
            for row in self._rows
            if row.next_check_at is not None and row.next_check_at <= now
        ]
        due.sort(key=lambda pair: (pair[0], pair[1].habit_id))
        return [DueHabit(row.owner, row.habit_id) for _, row in due[:limit]]

    def expiring(
        self, before: datetime, after: ExpiringStreak | None, limit: int
    ) -> list[ExpiringStreak]:
        """Return the streaks that expire before an instant, the earliest first."""
        found = [
            ExpiringStreak(row.owner, row.habit_id, row.act_by)
            for row in self._rows
            if row.act_by is not None and row.act_by < before
        ]
        if after is not None:
            found = [it for it in found if _place(it) > _place(after)]
        return sorted(found, key=_place)[:limit]

    def put(self, snapshot: Snapshot) -> None:
        """Write a snapshot unless a later one is there."""
        habit = snapshot.habit_id
        stored = self._rows.get(habit)
        if stored is not None and stored.rev > snapshot.rev:
            msg = f"the snapshot of {snapshot.habit_id} already has revision {stored.rev}"
            raise IntegrityError(msg)
        self._rows.put(habit, snapshot)


def _place(streak: ExpiringStreak) -> tuple[datetime, UUID]:
    return streak.act_by, streak.habit_id
