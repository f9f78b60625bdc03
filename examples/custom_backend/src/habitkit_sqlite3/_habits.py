"""Habits and streaks; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import evolve

from habitkit.errors import IntegrityError
from habitkit.habits.domain import facts as kinds
from habitkit.habits.domain.checkpoint_text import from_text, to_text
from habitkit.habits.domain.facts import CheckIn, CheckInVoid
from habitkit.habits.domain.model import Habit
from habitkit.habits.domain.stored import DueHabit, Note, StoredFact, VoidedCheckIn
from habitkit.habits.domain.streaks import Snapshot

from ._facts import Port, added_once, facts, instant_or_none, json_list, text, text_or_null

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from habitkit.habits.domain.facts import Fact, OtherFact

__all__ = ["Habits", "Streaks"]

KINDS = {name: getattr(kinds, name) for name in kinds.__all__}


class Habits(Port):
    """Habits and the facts about them: rows are added, never changed or removed."""

    def add(self, habit: Habit) -> None:
        with added_once("habit"):
            row = {"id": str(habit.id), "owner": habit.owner, "habit": facts.dumps(habit)}
            self.insert("habits", row)

    def put(self, habit: Habit) -> None:
        self.execute(
            "UPDATE habits SET habit = ? WHERE id = ?", (facts.dumps(habit), str(habit.id))
        )

    def get(self, habit_id: UUID) -> Habit | None:
        row = self.execute("SELECT habit FROM habits WHERE id = ?", (str(habit_id),)).fetchone()
        return facts.loads(row["habit"], Habit) if row else None

    def page(self, after: UUID | None, limit: int, *, owner: str | None = None) -> list[Habit]:
        rows = self.execute(
            "SELECT habit FROM habits WHERE id > ? AND coalesce(owner = ?, TRUE)"
            " ORDER BY id LIMIT ?",
            (str(after or ""), owner, limit),
        )
        return [facts.loads(habit, Habit) for (habit,) in rows]

    def add_facts(self, added: Sequence[Fact | CheckInVoid]) -> None:
        for fact in added:
            if isinstance(fact, CheckIn):
                self._add_check_in(fact)
                continue
            if isinstance(fact, CheckInVoid):
                self._add_void(fact)
                continue
            habit_id = getattr(fact, "habit_id", None)
            row = {
                "id": str(fact.id),
                "owner": fact.owner,
                "habit_id": habit_id and str(habit_id),
                "kind": type(fact).__name__,
                "fact": facts.dumps(fact),
            }
            with added_once("fact"):
                self.insert("facts", row)

    def facts(self, owner: str, habit_id: UUID | None = None) -> list[OtherFact]:
        rows = self.execute(
            "SELECT kind, fact FROM facts WHERE owner = :owner"
            " AND (:habit IS NULL OR habit_id = :habit OR habit_id IS NULL)",
            {"owner": owner, "habit": habit_id and str(habit_id)},
        )
        return [facts.loads(fact, KINDS[kind]) for kind, fact in rows]

    def notes(self, owner: str) -> list[Note]:
        rows = self.execute("SELECT fact FROM live WHERE owner = ?", (owner,))
        check_ins = [facts.loads(fact, CheckIn) for (fact,) in rows]
        return [Note(fact.habit_id, fact.note) for fact in check_ins if fact.note is not None]

    def fact(self, fact_id: UUID) -> StoredFact | None:
        row = self.execute(
            "SELECT fact, 'CheckIn' AS kind, fact_id FROM check_ins LEFT JOIN voids ON fact_id = id"
            " WHERE id = :id UNION ALL SELECT fact, kind, NULL FROM facts WHERE id = :id",
            {"id": str(fact_id)},
        ).fetchone()
        if row is None:
            return None
        return StoredFact(facts.loads(row["fact"], KINDS[row["kind"]]), row["fact_id"] is not None)

    def _add_check_in(self, fact: CheckIn) -> None:
        row = {
            "id": str(fact.id),
            "habit_id": str(fact.habit_id),
            "owner": fact.owner,
            "day": str(fact.day),
            "at": text(fact.at),
            "fact": facts.dumps(fact),
        }
        with added_once("check-in"):
            self.insert("check_ins", row)

    def _add_void(self, void: CheckInVoid) -> None:
        row = {
            "fact_id": str(void.fact_id),
            "voided_at": text(void.received_at),
            "void": facts.dumps(void),
        }
        with added_once("void"):
            self.insert("voids", row)

    def live(
        self, habit_id: UUID, since: date | None = None, until: date | None = None
    ) -> list[CheckIn]:
        rows = self.execute(
            "SELECT fact FROM live WHERE habit_id = ? AND day BETWEEN ? AND ? ORDER BY day, at, id",
            (str(habit_id), str(since or date.min), str(until or date.max)),
        )
        return [facts.loads(fact, CheckIn) for (fact,) in rows]

    def recent(self, days: Mapping[UUID, date | None]) -> list[CheckIn]:
        return [fact for habit_id, day in days.items() for fact in self.live(habit_id, day)]

    def voided(self, habit_id: UUID, since: date | None = None) -> list[VoidedCheckIn]:
        rows = self.execute(
            "SELECT fact, voided_at FROM check_ins JOIN voids ON fact_id = id"
            " WHERE habit_id = ? AND day >= ?",
            (str(habit_id), str(since or date.min)),
        )
        return [
            VoidedCheckIn(facts.loads(fact, CheckIn), datetime.fromisoformat(at))
            for fact, at in rows
        ]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        rows = self.execute(
            "SELECT id FROM check_ins WHERE id IN (SELECT value FROM json_each(?))",
            (json_list(map(str, fact_ids)),),
        )
        return {UUID(fact_id) for (fact_id,) in rows}

    def erase(self, owner: str, title: str) -> int:
        erased = 0
        for habit in self.page(None, -1, owner=owner):
            if habit.title != title or habit.tags:
                self.put(evolve(habit, title=title, tags=()))
                erased += 1
        return (
            erased
            + self.execute(
                "UPDATE check_ins SET fact = json_set(fact, '$.note', NULL)"
                " WHERE owner = ? AND json_extract(fact, '$.note') IS NOT NULL",
                (owner,),
            ).rowcount
        )


class Streaks(Port):
    """Snapshots by habit."""

    def get(self, habit_id: UUID) -> Snapshot | None:
        row = self.execute(
            "SELECT * FROM snapshots WHERE habit_id = ?", (str(habit_id),)
        ).fetchone()
        return _snapshot(row) if row else None

    def of_owner(self, owner: str) -> list[Snapshot]:
        return list(
            map(_snapshot, self.execute("SELECT * FROM snapshots WHERE owner = ?", (owner,)))
        )

    def to_sweep(self, now: datetime, limit: int) -> list[DueHabit]:
        rows = self.execute(
            "SELECT owner, habit_id FROM snapshots WHERE sweep_at <= ?"
            " ORDER BY sweep_at, habit_id LIMIT ?",
            (text(now), limit),
        )
        return [DueHabit(owner, UUID(habit_id)) for owner, habit_id in rows]

    def put(self, snapshot: Snapshot) -> None:
        written = self.execute(
            "INSERT INTO snapshots VALUES (:habit_id, :owner, :first_day, :bitmap, :best, :rev,"
            " :recomputed_at, :sweep_at, :checkpoints)"
            " ON CONFLICT (habit_id) DO UPDATE SET first_day = excluded.first_day,"
            " bitmap = excluded.bitmap, best = excluded.best, rev = excluded.rev,"
            " recomputed_at = excluded.recomputed_at, sweep_at = excluded.sweep_at,"
            " checkpoints = excluded.checkpoints"
            " WHERE excluded.rev >= rev",
            {
                "habit_id": str(snapshot.habit_id),
                "owner": snapshot.owner,
                "first_day": str(snapshot.first_day),
                "bitmap": snapshot.bitmap,
                "best": snapshot.best,
                "rev": snapshot.rev,
                "recomputed_at": text_or_null(snapshot.recomputed_at),
                "sweep_at": text_or_null(snapshot.sweep_at),
                "checkpoints": to_text(snapshot.checkpoints),
            },
        )
        if written.rowcount != 1:
            msg = f"a later snapshot of {snapshot.habit_id} is there already"
            raise IntegrityError(msg)


def _snapshot(row: sqlite3.Row) -> Snapshot:
    return Snapshot(
        habit_id=UUID(row["habit_id"]),
        owner=row["owner"],
        first_day=date.fromisoformat(row["first_day"]),
        bitmap=row["bitmap"],
        best=row["best"],
        rev=row["rev"],
        recomputed_at=instant_or_none(row["recomputed_at"]),
        sweep_at=instant_or_none(row["sweep_at"]),
        checkpoints=from_text(row["checkpoints"]),
    )
