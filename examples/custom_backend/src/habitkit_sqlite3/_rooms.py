"""Habits and streaks; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from habitkit.errors import IntegrityError
from habitkit.habits.model import CheckIn, Habit
from habitkit.streaks.model import Snapshot

from ._facts import Port, added_once, facts, json_list, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.habits.model import Void

__all__ = ["Habits", "Streaks"]


class Habits(Port):
    """Habits and the facts about them: rows are added, never changed or removed."""

    def add(self, habit: Habit) -> None:
        with added_once("habit"):
            row = (str(habit.id), habit.owner, facts.dumps(habit))
            self.execute("INSERT INTO habits VALUES (?, ?, ?)", row)

    def get(self, habit_id: UUID) -> Habit | None:
        row = self.execute("SELECT habit FROM habits WHERE id = ?", (str(habit_id),)).fetchone()
        return facts.loads(row[0], Habit) if row else None

    def of_owner(self, owner: str, after: UUID | None, limit: int) -> list[Habit]:
        rows = self.execute(
            "SELECT habit FROM habits WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
            (owner, str(after or ""), limit),
        )
        return [facts.loads(habit, Habit) for (habit,) in rows]

    def owner_of(self, habit_id: UUID) -> str | None:
        row = self.execute("SELECT owner FROM habits WHERE id = ?", (str(habit_id),)).fetchone()
        return row[0] if row else None

    def owner_of_fact(self, fact_id: UUID) -> str | None:
        row = self.execute("SELECT owner FROM check_ins WHERE id = ?", (str(fact_id),)).fetchone()
        return row[0] if row else None

    def add_check_ins(self, added: Sequence[CheckIn]) -> None:
        for fact in added:
            keys = (str(fact.id), str(fact.habit_id), fact.owner, str(fact.day), text(fact.at))
            with added_once("check-in"):
                row = (*keys, facts.dumps(fact))
                self.execute("INSERT INTO check_ins VALUES (?, ?, ?, ?, ?, ?)", row)

    def add_void(self, void: Void) -> None:
        with added_once("void"):
            row = (str(void.fact_id), text(void.received_at), facts.dumps(void))
            self.execute("INSERT INTO voids VALUES (?, ?, ?)", row)

    def check_in(self, fact_id: UUID) -> tuple[CheckIn, bool] | None:
        row = self.execute(
            "SELECT fact, fact_id FROM check_ins LEFT JOIN voids ON fact_id = id WHERE id = ?",
            (str(fact_id),),
        ).fetchone()
        return (facts.loads(row[0], CheckIn), row[1] is not None) if row else None

    def on_day(self, habit_id: UUID, day: date) -> list[CheckIn]:
        rows = self.execute(
            "SELECT fact FROM live WHERE habit_id = ? AND day = ? ORDER BY at, id",
            (str(habit_id), str(day)),
        )
        return [facts.loads(fact, CheckIn) for (fact,) in rows]

    def live(self, habit_id: UUID) -> list[CheckIn]:
        rows = self.execute(
            "SELECT fact FROM live WHERE habit_id = ? ORDER BY day, at, id", (str(habit_id),)
        )
        return [facts.loads(fact, CheckIn) for (fact,) in rows]

    def voided(self, habit_id: UUID) -> list[tuple[CheckIn, datetime]]:
        rows = self.execute(
            "SELECT fact, voided_at FROM check_ins JOIN voids ON fact_id = id WHERE habit_id = ?",
            (str(habit_id),),
        )
        return [(facts.loads(fact, CheckIn), datetime.fromisoformat(at)) for fact, at in rows]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        rows = self.execute(
            "SELECT id FROM check_ins WHERE id IN (SELECT value FROM json_each(?))",
            (json_list(map(str, fact_ids)),),
        )
        return {UUID(fact_id) for (fact_id,) in rows}


class Streaks(Port):
    """Snapshots by habit."""

    def get(self, habit_id: UUID) -> Snapshot | None:
        row = self.execute(
            "SELECT owner, first_day, marks, best, rev FROM snapshots WHERE habit_id = ?",
            (str(habit_id),),
        ).fetchone()
        if row is None:
            return None
        owner, first_day, *rest = row
        return Snapshot(habit_id, owner, date.fromisoformat(first_day), *rest)

    def put(self, snapshot: Snapshot) -> None:
        habit_id, owner, first_day, *rest = snapshot
        written = self.execute(
            "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (habit_id) DO UPDATE SET first_day = excluded.first_day,"
            " marks = excluded.marks, best = excluded.best, rev = excluded.rev"
            " WHERE excluded.rev >= rev",
            (str(habit_id), owner, str(first_day), *rest),
        )
        if written.rowcount != 1:
            msg = f"a later snapshot of {habit_id} is there already"
            raise IntegrityError(msg)
