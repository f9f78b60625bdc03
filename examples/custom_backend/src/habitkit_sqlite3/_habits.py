"""Habits and streaks; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import evolve

from habitkit.errors import IntegrityError
from habitkit.habits.domain import facts as kinds
from habitkit.habits.domain.facts import CheckIn, CheckInVoid
from habitkit.habits.domain.model import Habit
from habitkit.habits.domain.stored import (
    DueHabit,
    ExpiringStreak,
    Note,
    StoredFact,
    VoidedCheckIn,
)
from habitkit.habits.domain.streaks import Snapshot

from ._rows import Port, codec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.habits.domain.facts import Fact, OtherFact

__all__ = ["Habits", "Streaks"]

_ALL = 1_000_000

KINDS = {name: getattr(kinds, name) for name in kinds.__all__}


class Habits(Port):
    """Habits and the facts about them: rows are added, never changed or removed."""

    def add(self, habit: Habit) -> None:
        row = {"id": habit.id, "owner": habit.owner, "seq": habit.seq, "value": habit}
        self.insert_once("habit", "habits", row)

    def put(self, habit: Habit) -> None:
        self.run("UPDATE habits SET value = ? WHERE id = ?", habit, habit.id)

    def get(self, habit_id: UUID) -> Habit | None:
        return self.value(Habit, "SELECT value FROM habits WHERE id = ?", habit_id)

    def page(
        self,
        after: UUID | None,
        limit: int,
        *,
        owner: str | None = None,
        archived: bool | None = None,
        deleted: bool = False,
    ) -> list[Habit]:
        if owner is None:
            query = "SELECT value FROM habits WHERE id > ? ORDER BY id"
            habits = self.values(Habit, query, after or "")
        else:
            query = """SELECT value FROM habits WHERE owner = ? AND (? IS NULL OR seq >
                       (SELECT seq FROM habits AS seen WHERE seen.id = ? AND seen.owner = ?))
                       ORDER BY seq"""
            habits = self.values(Habit, query, owner, after, after, owner)
        wanted = (
            habit
            for habit in habits
            if (deleted or habit.deleted_at is None) and archived in {None, habit.archived}
        )
        return list(islice(wanted, limit))

    def add_facts(self, facts: Sequence[Fact | CheckInVoid]) -> None:
        for fact in facts:
            if isinstance(fact, CheckInVoid):
                row = {"fact_id": fact.fact_id, "voided_at": fact.received_at, "void": fact}
                self.insert_once("void", "voids", row)
            else:
                columns = ("id", "owner", "habit_id", "day", "at", "seq")
                row = {name: getattr(fact, name, None) for name in columns}
                row |= {"kind": type(fact).__name__, "value": fact}
                self.insert_once("fact", "facts", row)

    def fact(self, fact_id: UUID) -> StoredFact | None:
        query = """SELECT value, kind, fact_id IS NOT NULL
                   FROM facts LEFT JOIN voids ON fact_id = id WHERE id = ?"""
        for value, kind, voided in self.run(query, fact_id):
            return StoredFact(codec.loads(value, KINDS[kind]), bool(voided))
        return None

    def facts(self, owner: str, habit_id: UUID | None = None) -> list[OtherFact]:
        query = """SELECT value, kind FROM facts WHERE owner = ? AND kind <> 'CheckIn'
                   AND coalesce(habit_id = ?, TRUE)"""
        return [codec.loads(fact, KINDS[kind]) for fact, kind in self.run(query, owner, habit_id)]

    def live(self, habit_id: UUID, since: date | None = None) -> list[CheckIn]:
        query = "SELECT value FROM live WHERE habit_id = ? AND day >= ? ORDER BY day, at, seq"
        return self.values(CheckIn, query, habit_id, since or date.min)

    def recent(self, days: Mapping[UUID, date | None]) -> list[CheckIn]:
        return [fact for habit_id, day in days.items() for fact in self.live(habit_id, day)]

    def voided(self, habit_id: UUID, since: date | None = None) -> list[VoidedCheckIn]:
        query = """SELECT value, voided_at FROM facts JOIN voids ON fact_id = id
                   WHERE habit_id = ? AND day >= ?"""
        rows = self.run(query, habit_id, since or date.min)
        read = datetime.fromisoformat
        return [VoidedCheckIn(codec.loads(fact, CheckIn), read(at)) for fact, at in rows]

    def notes(self, owner: str) -> list[Note]:
        found = self.values(CheckIn, "SELECT value FROM live WHERE owner = ?", owner)
        return [Note(fact.habit_id, fact.note) for fact in found if fact.note is not None]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        query = "SELECT id FROM facts WHERE id IN (SELECT value FROM json_each(?))"
        return {UUID(fact_id) for (fact_id,) in self.run(query, list(fact_ids))}

    def erase(self, owner: str, title: str) -> int:
        habits = self.page(None, _ALL, owner=owner, deleted=True)
        named = [it for it in habits if (it.title, it.tags, it.metadata) != (title, (), None)]
        for habit in named:
            self.put(evolve(habit, title=title, tags=(), metadata=None))
        update = """UPDATE facts SET value = json_set(value, '$.note', NULL) WHERE owner = ?
                    AND kind = 'CheckIn' AND json_extract(value, '$.note') IS NOT NULL"""
        return len(named) + self.run(update, owner).rowcount

    def erase_notes(self, habit_id: UUID) -> int:
        update = """UPDATE facts SET value = json_set(value, '$.note', NULL) WHERE habit_id = ?
                    AND kind = 'CheckIn' AND json_extract(value, '$.note') IS NOT NULL"""
        return self.run(update, habit_id).rowcount


class Streaks(Port):
    """Snapshots by habit."""

    def get(self, habit_id: UUID) -> Snapshot | None:
        return self.value(Snapshot, "SELECT value FROM snapshots WHERE habit_id = ?", habit_id)

    def of_owner(self, owner: str) -> list[Snapshot]:
        return self.values(Snapshot, "SELECT value FROM snapshots WHERE owner = ?", owner)

    def to_sweep(self, now: datetime, limit: int) -> list[DueHabit]:
        query = """SELECT owner, habit_id FROM snapshots WHERE next_check_at <= ?
                   ORDER BY next_check_at, habit_id LIMIT ?"""
        return [DueHabit(owner, UUID(habit)) for owner, habit in self.run(query, now, limit)]

    def expiring(
        self, before: datetime, after: ExpiringStreak | None, limit: int
    ) -> list[ExpiringStreak]:
        kept = self.values(Snapshot, "SELECT value FROM snapshots ORDER BY habit_id")
        found = [
            ExpiringStreak(it.owner, it.habit_id, it.act_by)
            for it in kept
            if it.act_by is not None and it.act_by < before
        ]
        if after is not None:
            found = [it for it in found if _place(it) > _place(after)]
        return sorted(found, key=_place)[:limit]

    def put(self, snapshot: Snapshot) -> None:
        kept = self.get(snapshot.habit_id)
        if kept is not None and kept.rev > snapshot.rev:
            msg = f"a later snapshot of {snapshot.habit_id} is there already"
            raise IntegrityError(msg)
        columns = ("habit_id", "owner", "rev", "next_check_at")
        row = {name: getattr(snapshot, name) for name in columns}
        self.insert("snapshots", {**row, "value": snapshot}, "INSERT OR REPLACE")


def _place(streak: ExpiringStreak) -> tuple[datetime, UUID]:
    return streak.act_by, streak.habit_id
