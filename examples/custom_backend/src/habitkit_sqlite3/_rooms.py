"""Habits, streaks and coins; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from habitkit.coins.model import Account, Entry, Settled
from habitkit.errors import IntegrityError
from habitkit.habits.model import CheckIn, Habit
from habitkit.streaks.model import Snapshot

from ._facts import Port, added_once, facts, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.coins.model import Move, Transfer
    from habitkit.habits.model import Void

__all__ = ["Coins", "Habits", "Streaks"]


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
            (_json_list(map(str, fact_ids)),),
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


class Coins(Port):
    """The ledger. The tables themselves refuse what must not be, wherever SQL can say it."""

    def accounts(self, owner: str, currency: str) -> list[Account]:
        rows = self.execute(
            "SELECT * FROM accounts WHERE owner = ? AND currency = ?", (owner, currency)
        )
        return [
            Account._make((UUID(row[0]), *row[1:6], datetime.fromisoformat(row[6]), *row[7:]))
            for row in rows
        ]

    def open(self, account: Account) -> None:
        row = (str(account.id), *account[1:6], text(account.at), account.floor, account.debt)
        with added_once("account"):
            self.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def post(self, transfer: Transfer, moves: Sequence[Move]) -> None:
        if sum(move.amount for move in moves):
            msg = f"the moves of transfer {transfer.id} do not sum to zero"
            raise IntegrityError(msg)
        with added_once("transfer"):
            row = (str(transfer.id), transfer.kind, transfer.memo, facts.dumps(transfer))
            self.execute("INSERT INTO transfers VALUES (?, ?, ?, ?)", row)
        try:
            for move in moves:
                self._move(str(transfer.id), move)
        except sqlite3.IntegrityError as error:
            raise IntegrityError(str(error)) from error

    def _move(self, transfer_id: str, move: Move) -> None:
        account_id, at = str(move.account_id), text(move.at)
        moved = self.execute(
            "UPDATE accounts SET seq = ?, balance = ?, at = ?, debt = ? WHERE id = ? AND seq = ?",
            (move.seq, move.balance, at, move.debt, account_id, move.seq - 1),
        )
        if moved.rowcount != 1:
            msg = f"account {account_id} has moved on since it was read"
            raise IntegrityError(msg)
        row = (account_id, move.seq, transfer_id, move.amount, move.balance, at)
        self.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        rows = self.execute(
            "SELECT key, currency, amount FROM settled"
            " WHERE owner = ? AND key IN (SELECT value FROM json_each(?))",
            (owner, _json_list(keys)),
        )
        return {row[0]: Settled(*row) for row in rows}

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        for row in rows:
            self.execute("INSERT OR REPLACE INTO settled VALUES (?, ?, ?, ?)", (owner, *row))

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        if newest_first:
            query = "SELECT * FROM statements WHERE account_id = ? AND seq < ? ORDER BY seq DESC"
            start = 2**63 - 1 if after is None else after
        else:
            query = "SELECT * FROM statements WHERE account_id = ? AND seq > ? ORDER BY seq"
            start = 0 if after is None else after
        rows = self.execute(f"{query} LIMIT ?", (str(account_id), start, limit))
        return [
            Entry(seq, UUID(of), kind, memo, amount, balance, datetime.fromisoformat(at))
            for _, seq, of, kind, memo, amount, balance, at in rows
        ]


def _json_list(values: Iterable[str]) -> str:
    """Return values as one parameter: SQLite takes 32,766 of them, and there may be more."""
    return json.dumps(list(values))
