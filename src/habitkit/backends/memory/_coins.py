"""The ports of coins in memory."""

from __future__ import annotations

from bisect import bisect_right
from heapq import nsmallest
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.backends.memory._audit import Audit, apart
from habitkit.backends.memory._expiring import ExpiringAwards
from habitkit.backends.memory._holds import Holds
from habitkit.backends.memory._tables import Table
from habitkit.coins.domain.model import Entry, Reversed
from habitkit.coins.domain.rules import moved
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.domain.model import Account, Move, Settled, Transfer

__all__ = ["Coins"]


class Coins:
    """Accounts, transfers, entries and settled entitlements."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._accounts: Table[UUID, Account] = Table(log, "account")
        self._of_owner: Table[tuple[str, str], tuple[UUID, ...]] = Table(log, "account")
        self._transfers: Table[UUID, Transfer] = Table(log, "transfer")
        self._reversals: Table[UUID, tuple[UUID, ...]] = Table(log, "reversal")
        self._dated: Table[UUID, tuple[int, ...]] = Table(log, "entry")
        self._entries: Table[tuple[UUID, int], Move] = Table(log, "entry")
        self._settled: Table[tuple[str, str], Settled] = Table(log, "entitlement")
        self.holds = Holds(log)
        self.expiring = ExpiringAwards(log, self._accounts)
        self.audit = Audit(
            log, self._accounts, self._transfers, self._entries, self._settled, self.holds
        )

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        """Return owners' accounts of a currency."""
        rows, of_owner = self._accounts.rows, self._of_owner.rows
        return [rows[id_] for owner in owners for id_ in of_owner.get((owner, currency), ())]

    def open(self, accounts: Sequence[Account]) -> None:
        """Add accounts."""
        for account in accounts:
            owner_and_currency = (account.owner, account.currency)
            there = self._of_owner.get(owner_and_currency, ())
            if any(self._accounts.rows[id_].role == account.role for id_ in there):
                raise self._accounts.duplicate()
            self._accounts.insert(account.id, account)
            self._of_owner.put(owner_and_currency, (*there, account.id))

    def set_floor(self, account_id: UUID, floor: int, debt: int) -> None:
        """Give a wallet another floor."""
        account = self._accounts.rows[account_id]
        if debt < 0 or account.balance + debt < floor:
            msg = f"account {account_id} has a balance below the new floor"
            raise IntegrityError(msg)
        self._accounts.put(account_id, evolve(account, floor=floor, debt=debt))

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Add transfers and their entries."""
        accounts, entries, total = self._accounts, self._entries, 0
        for transfer in transfers:
            self._transfers.insert(transfer.id, apart(transfer))
            if transfer.reverses is not None:
                before = self._reversals.get(transfer.reverses, ())
                self._reversals.put(transfer.reverses, (*before, transfer.id))
        for move in moves:
            account = accounts.rows[move.account_id]
            if move.seq != account.seq + 1 or move.balance != account.balance + move.amount:
                msg = f"account {account.id} was changed after it was read"
                raise IntegrityError(msg)
            if account.floor is not None and move.balance + move.debt < account.floor:
                msg = f"account {account.id} would fall below its floor"
                raise IntegrityError(msg)
            accounts.put(account.id, moved(account, move))
            entries.insert((account.id, move.seq), move)
            if move.dated_at is not None:
                self._dated.put(account.id, (*self._dated.get(account.id, ()), move.seq))
            total += move.amount
        if total:
            msg = f"the moves of transfer {transfers[0].id} do not sum to zero"
            raise IntegrityError(msg)

    def transfer(self, transfer_id: UUID) -> Transfer | None:
        """Return a transfer."""
        stored = self._transfers.get(transfer_id)
        return None if stored is None else apart(stored)

    def reversed(self, transfer_id: UUID) -> Reversed:
        """Return how much of a transfer was reversed."""
        parts = [self._transfers.rows[id_] for id_ in self._reversals.get(transfer_id, ())]
        if not parts:
            return Reversed()
        last = max(parts, key=attrgetter("at", "id"))
        return Reversed(sum(part.amount for part in parts), last.id)

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Return a page of an account's entries."""
        last = self._accounts.rows[account_id].seq
        if newest_first:
            start = last if after is None else min(after - 1, last)
            numbers = range(start, max(start - limit, 0), -1)
        else:
            start = 1 if after is None else max(after + 1, 1)
            numbers = range(start, min(start + limit, last + 1))
        return [self._entry(self._entries.rows[account_id, seq]) for seq in numbers]

    def balance_at(self, account_id: UUID, at: datetime) -> int:
        """Return an account's balance at an instant."""
        numbers = range(1, self._accounts.rows[account_id].seq + 1)
        past = bisect_right(numbers, at, key=lambda seq: self._entries.rows[account_id, seq].at)
        dated = [self._entries.rows[account_id, seq] for seq in self._dated.get(account_id, ())]
        later = sum(m.amount for m in dated if m.dated_at and m.dated_at <= at < m.at)
        return later + (self._entries.rows[account_id, past].balance if past else 0)

    def wallets(self, currency: str, after: str | None, limit: int) -> list[Account]:
        """Return a page of wallets."""
        found = [
            account
            for account in self._accounts
            if account.role == "wallet"
            and account.currency == currency
            and (after is None or account.owner > after)
        ]
        return nsmallest(limit, found, key=attrgetter("owner"))

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        """Return what was paid for entitlements."""
        rows = self._settled.rows
        return {key: rows[owner, key] for key in keys if (owner, key) in rows}

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        """Write what is paid for entitlements now."""
        for row in rows:
            self._settled.put((owner, row.key), row)

    def _entry(self, move: Move) -> Entry:
        """Return a line of a statement."""
        transfer = apart(self._transfers.rows[move.transfer_id])
        return Entry(
            seq=move.seq,
            transfer_id=transfer.id,
            kind=transfer.kind,
            memo=transfer.memo,
            amount=move.amount,
            balance=move.balance,
            at=move.dated_at or move.at,
            metadata=transfer.metadata,
            reverses=transfer.reverses,
            recorded_at=move.at if move.dated_at else None,
        )
