"""The ports of coins in memory."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from habitkit._values import of_fields
from habitkit.backends.memory._books import Books, Holds, apart
from habitkit.backends.memory._tables import Table
from habitkit.coins.model import Account, Entry
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.model import Move, Settled, Transfer

__all__ = ["Coins"]


class Coins:
    """Accounts, transfers, entries and settled entitlements."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._accounts: Table[int, Account] = Table(log, "account")
        self._places: Table[tuple[str, str], tuple[int, ...]] = Table(log, "account")
        self._transfers: Table[int, Transfer] = Table(log, "transfer")
        self._reversals: Table[int, UUID] = Table(log, "reversal")
        self._entries: Table[tuple[int, int], Move] = Table(log, "entry")
        self._settled: Table[tuple[str, str], Settled] = Table(log, "entitlement")
        self.holds = Holds(log)
        self.books = Books(
            log, self._accounts, self._transfers, self._entries, self._settled, self.holds
        )

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        """Return owners' accounts of a currency."""
        rows, places = self._accounts.rows, self._places.rows
        return [rows[id_] for owner in owners for id_ in places.get((owner, currency), ())]

    def open(self, accounts: Sequence[Account]) -> None:
        """Add accounts."""
        for account in accounts:
            place = (account.owner, account.currency)
            there = self._places.get(place, ())
            if any(self._accounts.rows[id_].role == account.role for id_ in there):
                raise self._accounts.duplicate()
            self._accounts.insert(account.id.int, account)
            self._places.put(place, (*there, account.id.int))

    def set_floor(self, account_id: UUID, floor: int, debt: int) -> None:
        """Give a wallet another floor."""
        account = self._accounts.rows[account_id.int]
        if debt < 0 or account.balance + debt < floor:
            msg = f"account {account_id} is below that floor"
            raise IntegrityError(msg)
        self._accounts.put(account_id.int, account._replace(floor=floor, debt=debt))

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Add transfers and their entries."""
        accounts, entries, total = self._accounts, self._entries, 0
        for transfer in transfers:
            self._transfers.insert(transfer.id.int, apart(transfer))
            if transfer.reverses is not None:
                self._reversals.insert(transfer.reverses.int, transfer.id)
        for move in moves:
            id_, seq, _, amount, balance, at, debt = move
            number = id_.int
            _, owner, role, currency, balance_before, seq_before, _, floor, _, sealed = (
                accounts.rows[number]
            )
            if seq != seq_before + 1 or balance != balance_before + amount:
                msg = f"account {id_} has moved on since it was read"
                raise IntegrityError(msg)
            if floor is not None and balance + debt < floor:
                msg = f"account {id_} would fall below its floor"
                raise IntegrityError(msg)
            moved_on = (id_, owner, role, currency, balance, seq, at, floor, debt, sealed)
            accounts.put(number, of_fields(Account, moved_on))
            entries.insert((number, seq), move)
            total += amount
        if total:
            msg = f"the moves of transfer {transfers[0].id} do not sum to zero"
            raise IntegrityError(msg)

    def transfer(self, transfer_id: UUID) -> Transfer | None:
        """Return a transfer."""
        found = self._transfers.get(transfer_id.int)
        return None if found is None else apart(found)

    def reversal_of(self, transfer_id: UUID) -> UUID | None:
        """Return the id of the transfer that reverses another."""
        return self._reversals.get(transfer_id.int)

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
        return [self._entry(self._entries.rows[account_id.int, seq]) for seq in numbers]

    def balance_at(self, account_id: UUID, at: datetime) -> int:
        """Return an account's balance at an instant."""
        number = account_id.int
        numbers = range(1, self._accounts.rows[number].seq + 1)
        past = bisect_right(numbers, at, key=lambda seq: self._entries.rows[number, seq].at)
        return self._entries.rows[number, past].balance if past else 0

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
        _, seq, transfer_id, amount, balance, at, _ = move
        transfer = apart(self._transfers.rows[transfer_id.int])
        return Entry(
            seq, transfer_id, transfer.kind, transfer.memo, amount, balance, at, transfer.metadata
        )
