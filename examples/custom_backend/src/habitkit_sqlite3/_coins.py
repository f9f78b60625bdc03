"""The ledger, its holds and its audit; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from habitkit.coins.audit.domain.model import Block, LedgerLine, Sum, UnsealedAccount
from habitkit.coins.domain.model import Account, Entry, Hold, Settled, Transfer
from habitkit.errors import IntegrityError

from ._facts import Port, added_once, instant_or_none, json_list, text, text_or_null

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitkit.coins.audit.domain.model import Digest
    from habitkit.coins.domain.model import Move

__all__ = ["Coins"]

instant = datetime.fromisoformat


class Coins(Port):
    """The ledger. The tables themselves refuse what must not be, wherever SQL can say it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Work on the connection whose transaction it is."""
        super().__init__(connection)
        self.holds = Holds(connection)
        self.audit = Audit(connection)

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        rows = self.execute(
            "SELECT * FROM accounts"
            " WHERE currency = ? AND owner IN (SELECT value FROM json_each(?))",
            (currency, json_list(owners)),
        )
        return [_account(row) for row in rows]

    def open(self, accounts: Sequence[Account]) -> None:
        for account in accounts:
            row = {
                "id": str(account.id),
                "owner": account.owner,
                "role": account.role,
                "currency": account.currency,
                "balance": account.balance,
                "seq": account.seq,
                "at": text(account.at),
                "floor": account.floor,
                "debt": account.debt,
                "sealed": account.sealed,
            }
            with added_once("account"):
                self.insert("accounts", row)

    def set_floor(self, account_id: UUID, floor: int, debt: int) -> None:
        with _integrity_errors():
            self.execute(
                "UPDATE accounts SET floor = ?, debt = ? WHERE id = ?",
                (floor, debt, str(account_id)),
            )

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        if sum(move.amount for move in moves):
            raise IntegrityError("the moves do not sum to zero")
        for transfer in transfers:
            with added_once("transfer"):
                self._add(transfer)
        with _integrity_errors():
            for move in moves:
                self._move(move)

    def _add(self, transfer: Transfer) -> None:
        metadata = None if transfer.metadata is None else json.dumps(transfer.metadata)
        row = {
            "id": str(transfer.id),
            "kind": transfer.kind,
            "source": transfer.source,
            "target": transfer.target,
            "currency": transfer.currency,
            "amount": transfer.amount,
            "memo": transfer.memo,
            "at": text(transfer.at),
            "metadata": metadata,
            "reverses": None if transfer.reverses is None else str(transfer.reverses),
        }
        self.insert("transfers", row)

    def _move(self, move: Move) -> None:
        account_id, at = str(move.account_id), text(move.at)
        moved = self.execute(
            "UPDATE accounts SET seq = ?, balance = ?, at = ?, debt = ? WHERE id = ? AND seq = ?",
            (move.seq, move.balance, at, move.debt, account_id, move.seq - 1),
        )
        if moved.rowcount != 1:
            msg = f"account {account_id} has moved on since it was read"
            raise IntegrityError(msg)
        row = {
            "account_id": account_id,
            "seq": move.seq,
            "transfer_id": str(move.transfer_id),
            "amount": move.amount,
            "balance": move.balance,
            "at": at,
        }
        self.insert("entries", row)

    def transfer(self, transfer_id: UUID) -> Transfer | None:
        row = self.execute(
            "SELECT id, kind, source, target, currency, amount, memo, at, metadata, reverses"
            " FROM transfers WHERE id = ?",
            (str(transfer_id),),
        ).fetchone()
        return _transfer(row) if row else None

    def reversal_of(self, transfer_id: UUID) -> UUID | None:
        row = self.execute(
            "SELECT id FROM transfers WHERE reverses = ?", (str(transfer_id),)
        ).fetchone()
        return UUID(row["id"]) if row else None

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        if newest_first:
            wanted = "account_id = ? AND seq < ? ORDER BY seq DESC"
            start = 2**63 - 1 if after is None else after
        else:
            wanted = "account_id = ? AND seq > ? ORDER BY seq"
            start = 0 if after is None else after
        rows = self.execute(
            "SELECT seq, transfer_id, kind, memo, amount, balance, at, metadata"  # noqa: S608 - our own words
            f" FROM statements WHERE {wanted} LIMIT ?",
            (str(account_id), start, limit),
        )
        return [_entry(row) for row in rows]

    def balance_at(self, account_id: UUID, at: datetime) -> int:
        row = self.execute(
            "SELECT balance FROM entries WHERE account_id = ? AND at <= ?"
            " ORDER BY seq DESC LIMIT 1",
            (str(account_id), text(at)),
        ).fetchone()
        return row["balance"] if row else 0

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        rows = self.execute(
            "SELECT key, currency, amount FROM settled"
            " WHERE owner = ? AND key IN (SELECT value FROM json_each(?))",
            (owner, json_list(keys)),
        )
        return {row["key"]: Settled(**row) for row in rows}

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        for settled in rows:
            row = {
                "owner": owner,
                "key": settled.key,
                "currency": settled.currency,
                "amount": settled.amount,
            }
            self.insert("settled", row, verb="INSERT OR REPLACE")


class Holds(Port):
    """Holds: added open, ended once."""

    def add(self, hold: Hold) -> None:
        row = {
            "id": str(hold.id),
            "owner": hold.owner,
            "currency": hold.currency,
            "seq": hold.seq,
            "amount": hold.amount,
            "at": text(hold.at),
            "expires_at": text_or_null(hold.expires_at),
            "state": hold.state,
            "settled": hold.settled,
        }
        with added_once("hold"):
            self.insert("holds", row)

    def get(self, hold_id: UUID) -> Hold | None:
        row = self.execute("SELECT * FROM holds WHERE id = ?", (str(hold_id),)).fetchone()
        return _hold(row) if row else None

    def end(self, hold: Hold) -> None:
        ended = self.execute(
            "UPDATE holds SET state = ?, settled = ?, ended_at = ? WHERE id = ? AND state = 'open'",
            (hold.state, hold.settled, text_or_null(hold.ended_at), str(hold.id)),
        )
        if ended.rowcount != 1:
            msg = f"the hold {hold.id} is not open"
            raise IntegrityError(msg)

    def page(
        self, owner: str, currency: str, after: int | None, limit: int, *, open_at: datetime | None
    ) -> list[Hold]:
        rows = self.execute(
            "SELECT * FROM holds WHERE owner = ? AND currency = ? AND seq > ?"
            " AND (? IS NULL OR state = 'open' AND coalesce(expires_at > ?, TRUE))"
            " ORDER BY seq LIMIT ?",
            (owner, currency, after or 0, *[text_or_null(open_at)] * 2, limit),
        )
        return [_hold(row) for row in rows]

    def lapsed(self, owner: str, currency: str, at: datetime, *, still_open: bool) -> int:
        (amount,) = self.execute(
            "SELECT coalesce(sum(amount), 0) FROM holds WHERE owner = ? AND currency = ?"
            " AND at <= ? AND expires_at <= ? AND (ended_at IS NULL OR ended_at > ? AND NOT ?)",
            (owner, currency, *[text(at)] * 3, still_open),
        ).fetchone()
        return int(amount)

    def overdue(
        self, now: datetime, limit: int, *, owner: str | None = None, currency: str | None = None
    ) -> list[Hold]:
        rows = self.execute(
            "SELECT * FROM holds WHERE state = 'open' AND expires_at <= ?"
            " AND (? IS NULL OR owner = ? AND currency = ?) ORDER BY expires_at, id LIMIT ?",
            (text(now), owner, owner, currency, limit),
        )
        return [_hold(row) for row in rows]


class Audit(Port):
    """What auditing, sealing, export and erasure need."""

    def account(self, account_id: UUID) -> Account | None:
        row = self.execute("SELECT * FROM accounts WHERE id = ?", (str(account_id),)).fetchone()
        return _account(row) if row else None

    def accounts(self, after: UUID | None, limit: int, *, owner: str | None) -> list[Account]:
        rows = self.execute(
            "SELECT * FROM accounts WHERE id > ? AND coalesce(owner = ?, TRUE) ORDER BY id LIMIT ?",
            (str(after or ""), owner, limit),
        )
        return [_account(row) for row in rows]

    def lines(self, account_id: UUID, after: int, limit: int) -> list[LedgerLine]:
        rows = self.execute(
            "SELECT seq, transfer_id, entries.amount AS amount, balance, entries.at AS at,"
            " kind, source, target, currency, transfers.amount AS total, memo, metadata, reverses,"
            " salt, digest, transfers.at AS made_at"
            " FROM entries LEFT JOIN transfers ON id = transfer_id"
            " WHERE account_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (str(account_id), after, limit),
        )
        return [_line(row) for row in rows]

    def sums(self) -> list[Sum]:
        balances, amounts = Counter[str](), Counter[str]()
        entries, transfers = Counter[str](), Counter[str]()
        for currency, balance in self.execute("SELECT currency, balance FROM accounts"):
            balances[currency] += balance
        for currency, amount in self.execute(
            "SELECT currency, amount FROM entries JOIN accounts ON id = account_id"
        ):
            amounts[currency] += amount
            entries[currency] += 1
        for currency, count in self.execute(
            "SELECT currency, count(*) FROM transfers GROUP BY currency"
        ):
            transfers[currency] = count
        return [
            Sum(
                currency=currency,
                balances=balances[currency],
                amounts=amounts[currency],
                entries=entries[currency],
                transfers=transfers[currency],
            )
            for currency in sorted({*balances, *amounts, *transfers})
        ]

    def held(self, owner: str, currency: str) -> int:
        (amount,) = self.execute(
            "SELECT coalesce(sum(amount), 0) FROM holds"
            " WHERE state = 'open' AND owner = ? AND currency = ?",
            (owner, currency),
        ).fetchone()
        return int(amount)

    def unsealed(self, account_ids: Sequence[UUID]) -> None:
        for account_id in account_ids:
            self.execute("INSERT OR IGNORE INTO unsealed VALUES (?)", (str(account_id),))

    def to_seal(self, after: UUID | None, limit: int) -> list[UnsealedAccount]:
        rows = self.execute(
            "SELECT account_id, owner FROM unsealed JOIN accounts ON id = account_id"
            " WHERE account_id > ? ORDER BY account_id LIMIT ?",
            (str(after or ""), limit),
        )
        return [UnsealedAccount(owner, UUID(account_id)) for account_id, owner in rows]

    def digest(self, digests: Sequence[Digest]) -> None:
        for each in digests:
            self.execute(
                "UPDATE transfers SET salt = ?, digest = ? WHERE id = ? AND digest IS NULL",
                (each.salt, each.digest, str(each.transfer_id)),
            )

    def seal(self, block: Block, *, more: bool) -> None:
        account_id = str(block.account_id)
        row = {
            "account_id": account_id,
            "first": block.first,
            "last": block.last,
            "hash": block.hash,
            "hash_prefixes": block.hash_prefixes,
            "at": text(block.at),
        }
        with added_once("block"):
            self.insert("blocks", row)
        self.execute("UPDATE accounts SET sealed = ? WHERE id = ?", (block.last, account_id))
        if not more:
            self.execute("DELETE FROM unsealed WHERE account_id = ?", (account_id,))

    def blocks(self, account_id: UUID, after: int, limit: int) -> list[Block]:
        rows = self.execute(
            "SELECT * FROM blocks WHERE account_id = ? AND last > ? ORDER BY last LIMIT ?",
            (str(account_id), after, limit),
        )
        return [_block(row) for row in rows]

    def last_block(self, account_id: UUID) -> Block | None:
        row = self.execute(
            "SELECT * FROM blocks WHERE account_id = ? ORDER BY last DESC LIMIT 1",
            (str(account_id),),
        ).fetchone()
        return _block(row) if row else None

    def entitlements(self, owner: str, after: str | None, limit: int) -> list[Settled]:
        rows = self.execute(
            "SELECT key, currency, amount FROM settled WHERE owner = ? AND key > ?"
            " ORDER BY key LIMIT ?",
            (owner, after or "", limit),
        )
        return [Settled(**row) for row in rows]

    def erase(self, account_id: UUID, after: int, last: int) -> int:
        entries = (str(account_id), after, last)
        erased = self.execute(
            "UPDATE transfers SET memo = NULL, metadata = NULL"
            " WHERE (memo IS NOT NULL OR metadata IS NOT NULL) AND id IN"
            " (SELECT transfer_id FROM entries WHERE account_id = ? AND seq > ? AND seq <= ?)",
            entries,
        )
        self.execute(
            "UPDATE transfers SET salt = NULL WHERE id IN"
            " (SELECT transfer_id FROM entries WHERE account_id = ? AND seq > ? AND seq <= ?)",
            entries,
        )
        return erased.rowcount


@contextmanager
def _integrity_errors() -> Iterator[None]:
    """Raise habitkit's ``IntegrityError`` where SQLite raises its own."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IntegrityError(str(error)) from error


def _json(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def _id_or_none(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


def _account(row: sqlite3.Row) -> Account:
    return Account(**{**row, "id": UUID(row["id"]), "at": instant(row["at"])})


def _transfer(row: sqlite3.Row) -> Transfer:
    return Transfer(
        **{
            **row,
            "id": UUID(row["id"]),
            "at": instant(row["at"]),
            "metadata": _json(row["metadata"]),
            "reverses": _id_or_none(row["reverses"]),
        }
    )


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        **{
            **row,
            "transfer_id": UUID(row["transfer_id"]),
            "at": instant(row["at"]),
            "metadata": _json(row["metadata"]),
        }
    )


def _hold(row: sqlite3.Row) -> Hold:
    return Hold(
        **{
            **row,
            "id": UUID(row["id"]),
            "at": instant(row["at"]),
            "expires_at": instant_or_none(row["expires_at"]),
            "ended_at": instant_or_none(row["ended_at"]),
        }
    )


def _line(row: sqlite3.Row) -> LedgerLine:
    return LedgerLine(
        **{
            **row,
            "transfer_id": UUID(row["transfer_id"]),
            "at": instant(row["at"]),
            "metadata": _json(row["metadata"]),
            "reverses": _id_or_none(row["reverses"]),
            "made_at": instant_or_none(row["made_at"]),
        }
    )


def _block(row: sqlite3.Row) -> Block:
    return Block(**{**row, "account_id": UUID(row["account_id"]), "at": instant(row["at"])})
