"""The ports of habits, streaks and coins in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.backends.memory._tables import Table
from habitkit.coins.model import Account, Entry
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.model import Move, Settled, Transfer
    from habitkit.habits.model import CheckIn, Habit, Void
    from habitkit.streaks.model import Snapshot

__all__ = ["Coins", "Habits", "Streaks"]


class Habits:
    """Habits and their facts; the facts of a habit lie together, by day."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._habits: Table[int, Habit] = Table(log, "habit")
        self._facts: Table[int, CheckIn] = Table(log, "check-in")
        self._voids: Table[int, Void] = Table(log, "void")
        self._days: dict[int, Table[date, tuple[CheckIn, ...]]] = {}
        self._log = log

    def add(self, habit: Habit) -> None:
        """Add a habit."""
        self._habits.insert(habit.id.int, habit)

    def get(self, habit_id: UUID) -> Habit | None:
        """Return a habit."""
        return self._habits.get(habit_id.int)

    def of_owner(self, owner: str, after: UUID | None, limit: int) -> list[Habit]:
        """Return a page of an owner's habits."""
        found = [
            habit
            for habit in self._habits
            if habit.owner == owner and (after is None or habit.id > after)
        ]
        return sorted(found, key=lambda habit: habit.id)[:limit]

    def owner_of(self, habit_id: UUID) -> str | None:
        """Return the owner of a habit."""
        habit = self._habits.get(habit_id.int)
        return None if habit is None else habit.owner

    def owner_of_fact(self, fact_id: UUID) -> str | None:
        """Return the owner of a check-in."""
        fact = self._facts.get(fact_id.int)
        return None if fact is None else fact.owner

    def add_check_ins(self, facts: Sequence[CheckIn]) -> None:
        """Add check-ins."""
        for fact in facts:
            self._facts.insert(fact.id.int, fact)
            habit = fact.habit_id.int
            days = self._days.get(habit)
            if days is None:
                days = self._days[habit] = Table(self._log, "day")
            days.put(fact.day, (*days.get(fact.day, ()), fact))

    def add_void(self, void: Void) -> None:
        """Take a check-in back."""
        self._voids.insert(void.fact_id.int, void)

    def check_in(self, fact_id: UUID) -> tuple[CheckIn, bool] | None:
        """Return a check-in and whether it is voided."""
        fact = self._facts.get(fact_id.int)
        return None if fact is None else (fact, fact_id.int in self._voids)

    def on_day(self, habit_id: UUID, day: date) -> list[CheckIn]:
        """Return a day's live check-ins."""
        days = self._days.get(habit_id.int)
        facts = days.get(day) if days is not None else None
        live = [fact for fact in facts or () if fact.id.int not in self._voids]
        return sorted(live, key=lambda fact: (fact.at, fact.id))

    def live(self, habit_id: UUID) -> list[CheckIn]:
        """Return a habit's live check-ins."""
        days = self._days.get(habit_id.int)
        if days is None:
            return []
        return [fact for day in sorted(days.rows) for fact in self.on_day(habit_id, day)]

    def voided(self, habit_id: UUID) -> list[tuple[CheckIn, datetime]]:
        """Return a habit's voided check-ins."""
        return [
            (self._facts.rows[void.fact_id.int], void.received_at)
            for void in self._voids
            if void.habit_id == habit_id and void.fact_id.int in self._facts
        ]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these facts exist."""
        return {fact_id for fact_id in fact_ids if fact_id.int in self._facts}


class Streaks:
    """Snapshots by habit."""

    def __init__(self, log: UndoLog) -> None:
        """Make an empty table."""
        self._rows: Table[int, Snapshot] = Table(log, "snapshot")

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit."""
        return self._rows.get(habit_id.int)

    def put(self, snapshot: Snapshot) -> None:
        """Write a snapshot unless a later one is there."""
        habit = snapshot.habit_id.int
        stored = self._rows.get(habit)
        if stored is not None and stored.rev > snapshot.rev:
            msg = f"the snapshot of {snapshot.habit_id} is of revision {stored.rev} already"
            raise IntegrityError(msg)
        self._rows.put(habit, snapshot)


class Coins:
    """Accounts, transfers, entries and settled entitlements."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._accounts: Table[int, Account] = Table(log, "account")
        self._places: Table[tuple[str, str], tuple[int, ...]] = Table(log, "account")
        self._transfers: Table[int, Transfer] = Table(log, "transfer")
        self._entries: Table[tuple[int, int], tuple[Transfer, Move]] = Table(log, "entry")
        self._settled: Table[tuple[str, str], Settled] = Table(log, "entitlement")

    def accounts(self, owner: str, currency: str) -> list[Account]:
        """Return an owner's accounts of a currency."""
        rows = self._accounts.rows
        return [rows[account] for account in self._places.get((owner, currency), ())]

    def open(self, account: Account) -> None:
        """Add an account."""
        place = (account.owner, account.currency)
        if any(other.role == account.role for other in self.accounts(*place)):
            raise self._accounts.duplicate()
        self._accounts.insert(account.id.int, account)
        self._places.put(place, (*self._places.get(place, ()), account.id.int))

    def post(self, transfer: Transfer, moves: Sequence[Move]) -> None:
        """Add a transfer and its entries."""
        self._transfers.insert(transfer.id.int, transfer)
        if sum([move.amount for move in moves]) != 0:
            msg = f"the moves of transfer {transfer.id} do not sum to zero"
            raise IntegrityError(msg)
        for move in moves:
            id_, seq, amount, balance, at, debt = move
            account = self._accounts.rows[id_.int]
            _, owner, role, currency, balance_before, seq_before, _, floor, _ = account
            if seq != seq_before + 1 or balance != balance_before + amount:
                msg = f"account {id_} has moved on since it was read"
                raise IntegrityError(msg)
            if floor is not None and balance + debt < floor:
                msg = f"account {id_} would fall below its floor"
                raise IntegrityError(msg)
            moved_on = Account(id_, owner, role, currency, balance, seq, at, floor, debt)
            self._accounts.put(id_.int, moved_on)
            self._entries.insert((id_.int, seq), (transfer, move))

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        """Return what was paid for entitlements."""
        rows = self._settled.rows
        return {key: rows[owner, key] for key in keys if (owner, key) in rows}

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        """Write what is paid for entitlements now."""
        for row in rows:
            self._settled.put((owner, row.key), row)

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Return a page of an account's entries."""
        last = self._accounts.rows[account_id.int].seq
        if newest_first:
            start = last if after is None else min(after - 1, last)
            numbers = range(start, max(start - limit, 0), -1)
        else:
            start = 1 if after is None else max(after + 1, 1)
            numbers = range(start, min(start + limit, last + 1))
        return [_entry(*self._entries.rows[account_id.int, seq]) for seq in numbers]


def _entry(transfer: Transfer, move: Move) -> Entry:
    """Return a line of a statement."""
    return Entry(
        move.seq,
        transfer.id,
        transfer.kind,
        transfer.memo,
        move.amount,
        move.balance,
        move.at,
    )
