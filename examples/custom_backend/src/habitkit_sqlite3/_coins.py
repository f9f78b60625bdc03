"""The ledger and its holds; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import asdict

from habitkit.coins.auditing.domain.model import LedgerLine
from habitkit.coins.domain.model import Account, Entry, Hold, Reversed, Settled, Transfer
from habitkit.errors import IntegrityError

from ._rows import Port, codec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.coins.domain.model import Move

__all__ = ["Coins", "Holds", "Ledger"]

T = TypeVar("T")


class Coins(Port):
    """The ledger. The tables themselves refuse what must not be, wherever SQL can say it."""

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        query = """SELECT * FROM accounts
                   WHERE currency = ? AND owner IN (SELECT value FROM json_each(?))"""
        return _accounts(self.run(query, currency, list(owners)))

    def open(self, accounts: Sequence[Account]) -> None:
        for account in accounts:
            self.insert_once("account", "accounts", asdict(account))

    def set_floor(self, account_id: UUID, floor: int, debt: int) -> None:
        self.run("UPDATE accounts SET floor = ?, debt = ? WHERE id = ?", floor, debt, account_id)

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        if sum(move.amount for move in moves):
            raise IntegrityError("the moves do not sum to zero")
        for it in transfers:
            row = {"id": it.id, "reverses": it.reverses, "value": it}
            self.insert_once("transfer", "transfers", row)
        for move in moves:
            self._move(**move._asdict())

    def _move(self, *, account_id: UUID, debt: int, **entry: Any) -> None:
        update = """UPDATE accounts SET seq = seq + 1, balance = balance + ?, at = ?, debt = ?
                    WHERE id = ? AND seq + 1 = ? AND balance + ? = ?"""
        amount, place = entry["amount"], (account_id, entry["seq"])
        moved = self.run(update, amount, entry["at"], debt, *place, amount, entry["balance"])
        if moved.rowcount != 1:
            msg = f"account {account_id} has moved on since it was read"
            raise IntegrityError(msg)
        self.insert("entries", {"account_id": account_id, **entry})

    def transfer(self, transfer_id: UUID) -> Transfer | None:
        return self.value(Transfer, "SELECT value FROM transfers WHERE id = ?", transfer_id)

    def reversed(self, transfer_id: UUID) -> Reversed:
        query = "SELECT value FROM transfers WHERE reverses = ?"
        rows = self.run(query, transfer_id)
        parts = [codec.loads(row["value"], Transfer) for row in rows]
        last = max(parts, key=lambda it: (it.at, it.id), default=None)
        return Reversed(sum(it.amount for it in parts), last.id if last else None)

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        query = """SELECT * FROM lines WHERE account_id = ? AND coalesce(seq > ?, TRUE)
                   ORDER BY seq LIMIT ?"""
        if newest_first:
            query = query.replace(">", "<").replace("BY seq", "BY seq DESC")
        return [_line(row, Entry) for row in self.run(query, account_id, after, limit)]

    def balance_at(self, account_id: UUID, at: datetime) -> int:
        query = """SELECT amount FROM entries
                   WHERE account_id = ? AND coalesce(dated_at, at) <= ?"""
        return sum(row["amount"] for row in self.run(query, account_id, at))

    def wallets(self, currency: str, after: str | None, limit: int) -> list[Account]:
        query = """SELECT * FROM accounts WHERE role = 'wallet' AND currency = ? AND owner > ?
                   ORDER BY owner LIMIT ?"""
        return _accounts(self.run(query, currency, after or "", limit))

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        query = """SELECT key, currency, amount FROM settled
                   WHERE owner = ? AND key IN (SELECT value FROM json_each(?))"""
        return {row["key"]: Settled(**row) for row in self.run(query, owner, list(keys))}

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        for row in rows:
            self.insert("settled", {"owner": owner, **asdict(row)}, "INSERT OR REPLACE")


class Holds(Port):
    """Holds: added open, ended once."""

    def add(self, hold: Hold) -> None:
        self.insert_once("hold", "holds", asdict(hold))

    def get(self, hold_id: UUID) -> Hold | None:
        return next(iter(self._holds("SELECT * FROM holds WHERE id = ?", hold_id)), None)

    def end(self, hold: Hold) -> None:
        update = """UPDATE holds SET state = ?, settled = ?, ended_at = ?
                    WHERE id = ? AND state = 'open'"""
        if self.run(update, hold.state, hold.settled, hold.ended_at, hold.id).rowcount != 1:
            msg = f"the hold {hold.id} is not open"
            raise IntegrityError(msg)

    def page(
        self, owner: str, currency: str, after: int | None, limit: int, *, open_at: datetime | None
    ) -> list[Hold]:
        query = """SELECT * FROM holds WHERE owner = ? AND currency = ? AND seq > ?
                   AND (? IS NULL OR state = 'open' AND coalesce(expires_at > ?, TRUE))
                   ORDER BY seq LIMIT ?"""
        return self._holds(query, owner, currency, after or 0, open_at, open_at, limit)

    def lapsed(self, owner: str, currency: str, at: datetime, *, still_open: bool) -> int:
        query = """SELECT * FROM holds WHERE owner = ? AND currency = ? AND at <= ?
                   AND expires_at <= ? AND (ended_at IS NULL OR ended_at > ? AND NOT ?)"""
        return sum(it.amount for it in self._holds(query, owner, currency, at, at, at, still_open))

    def overdue(
        self, now: datetime, limit: int, *, owner: str | None = None, currency: str | None = None
    ) -> list[Hold]:
        query = """SELECT * FROM holds WHERE state = 'open' AND expires_at <= ?
                   AND coalesce(owner = ?, TRUE) AND coalesce(currency = ?, TRUE)
                   ORDER BY expires_at, id LIMIT ?"""
        return self._holds(query, now, owner, currency, limit)

    def _holds(self, query: str, *values: object) -> list[Hold]:
        return [codec.structure(dict(row), Hold) for row in self.run(query, *values)]


class Ledger(Port):
    """What export and erasure need of the ledger."""

    def accounts(self, after: UUID | None, limit: int, *, owner: str | None) -> list[Account]:
        query = """SELECT * FROM accounts WHERE id > ? AND coalesce(owner = ?, TRUE)
                   ORDER BY id LIMIT ?"""
        return _accounts(self.run(query, after or "", owner, limit))

    def lines(self, account_id: UUID, after: int, limit: int) -> list[LedgerLine]:
        query = "SELECT * FROM lines WHERE account_id = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [_line(row, LedgerLine) for row in self.run(query, account_id, after, limit)]

    def entitlements(self, owner: str, after: str | None, limit: int) -> list[Settled]:
        query = """SELECT key, currency, amount FROM settled WHERE owner = ? AND key > ?
                   ORDER BY key LIMIT ?"""
        return [Settled(**row) for row in self.run(query, owner, after or "", limit)]

    def erase(self, account_id: UUID, after: int, last: int) -> int:
        update = """UPDATE transfers SET value = json_set(value, '$.memo', NULL, '$.metadata', NULL)
                    WHERE json_extract(value, '$.memo', '$.metadata') <> '[null,null]'
                    AND id IN (SELECT transfer_id FROM entries
                    WHERE account_id = ? AND seq > ? AND seq <= ?)"""
        return self.run(update, account_id, after, last).rowcount


def _accounts(rows: Iterable[sqlite3.Row]) -> list[Account]:
    return [codec.structure(dict(row), Account) for row in rows]


def _line(row: sqlite3.Row, kind: type[T]) -> T:
    """Return an entry with what is said of its transfer; a store without audit has no digests."""
    transfer = codec.loads(row["value"], dict)
    more = {"total": transfer["amount"], "made_at": transfer["at"], "salt": None, "digest": None}
    line = {**transfer, **more, **row}
    if kind is Entry and line["dated_at"]:
        line |= {"at": line["dated_at"], "recorded_at": line["at"]}
    return codec.structure(line, kind)
