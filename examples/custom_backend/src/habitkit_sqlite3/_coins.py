"""The ledger, its holds and its audit; ``habitkit.ports`` says what each method must do."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from habitkit.coins.audit.domain.model import Block, LedgerLine, Sum
from habitkit.coins.domain.model import Account, Entry, Hold, Settled, Transfer
from habitkit.errors import IntegrityError

from ._facts import Port, added_once, json_list, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitkit.coins.audit.domain.model import Digest
    from habitkit.coins.domain.model import Kind, Move

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
        return [_account(*row) for row in rows]

    def open(self, accounts: Sequence[Account]) -> None:
        for account in accounts:
            row = (str(account.id), *account[1:6], text(account.at), *account[7:])
            with added_once("account"):
                self.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def set_floor(self, account_id: UUID, floor: int, debt: int) -> None:
        with _held_true():
            self.execute(
                "UPDATE accounts SET floor = ?, debt = ? WHERE id = ?",
                (floor, debt, str(account_id)),
            )

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        if sum(move.amount for move in moves):
            raise IntegrityError("the moves do not sum to zero")
        for transfer in transfers:
            with added_once("transfer"):
                self.execute(
                    "INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                    _row(transfer),
                )
        with _held_true():
            for move in moves:
                self._move(move)

    def _move(self, move: Move) -> None:
        account_id, at = str(move.account_id), text(move.at)
        moved = self.execute(
            "UPDATE accounts SET seq = ?, balance = ?, at = ?, debt = ? WHERE id = ? AND seq = ?",
            (move.seq, move.balance, at, move.debt, account_id, move.seq - 1),
        )
        if moved.rowcount != 1:
            msg = f"account {account_id} has moved on since it was read"
            raise IntegrityError(msg)
        row = (account_id, move.seq, str(move.transfer_id), move.amount, move.balance, at)
        self.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)

    def transfer(self, transfer_id: UUID) -> Transfer | None:
        row = self.execute(
            "SELECT id, kind, source, target, currency, amount, memo, at, metadata, reverses"
            " FROM transfers WHERE id = ?",
            (str(transfer_id),),
        ).fetchone()
        return _transfer(*row) if row else None

    def reversal_of(self, transfer_id: UUID) -> UUID | None:
        row = self.execute(
            "SELECT id FROM transfers WHERE reverses = ?", (str(transfer_id),)
        ).fetchone()
        return UUID(row[0]) if row else None

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
            Entry(seq, UUID(of), kind, memo, amount, balance, instant(at), _json(metadata))
            for _, seq, of, kind, memo, amount, balance, at, metadata in rows
        ]

    def balance_at(self, account_id: UUID, at: datetime) -> int:
        row = self.execute(
            "SELECT balance FROM entries WHERE account_id = ? AND at <= ?"
            " ORDER BY seq DESC LIMIT 1",
            (str(account_id), text(at)),
        ).fetchone()
        return row[0] if row else 0

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        rows = self.execute(
            "SELECT key, currency, amount FROM settled"
            " WHERE owner = ? AND key IN (SELECT value FROM json_each(?))",
            (owner, json_list(keys)),
        )
        return {row[0]: Settled(*row) for row in rows}

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        for row in rows:
            self.execute(
                "INSERT OR REPLACE INTO settled VALUES (?, ?, ?, ?)",
                (owner, row.key, row.currency, row.amount),
            )


class Holds(Port):
    """Holds: added open, ended once."""

    def add(self, hold: Hold) -> None:
        with added_once("hold"):
            self.execute(
                "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    str(hold.id),
                    hold.owner,
                    hold.currency,
                    hold.seq,
                    hold.amount,
                    text(hold.at),
                    hold.expires_at and text(hold.expires_at),
                    hold.state,
                    hold.settled,
                ),
            )

    def get(self, hold_id: UUID) -> Hold | None:
        row = self.execute("SELECT * FROM holds WHERE id = ?", (str(hold_id),)).fetchone()
        return _hold(*row) if row else None

    def end(self, hold: Hold) -> None:
        ended = self.execute(
            "UPDATE holds SET state = ?, settled = ?, ended_at = ? WHERE id = ? AND state = 'open'",
            (hold.state, hold.settled, hold.ended_at and text(hold.ended_at), str(hold.id)),
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
            (owner, currency, after or 0, *[open_at and text(open_at)] * 2, limit),
        )
        return [_hold(*row) for row in rows]

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
        return [_hold(*row) for row in rows]


class Audit(Port):
    """What auditing, sealing, export and erasure need."""

    def account(self, account_id: UUID) -> Account | None:
        row = self.execute("SELECT * FROM accounts WHERE id = ?", (str(account_id),)).fetchone()
        return _account(*row) if row else None

    def accounts(self, after: UUID | None, limit: int, *, owner: str | None) -> list[Account]:
        rows = self.execute(
            "SELECT * FROM accounts WHERE id > ? AND coalesce(owner = ?, TRUE) ORDER BY id LIMIT ?",
            (str(after or ""), owner, limit),
        )
        return [_account(*row) for row in rows]

    def lines(self, account_id: UUID, after: int, limit: int) -> list[LedgerLine]:
        rows = self.execute(
            "SELECT seq, transfer_id, entries.amount, balance, entries.at, kind, source, target,"
            " currency, transfers.amount, memo, metadata, reverses, salt, digest,"
            " transfers.at FROM entries LEFT JOIN transfers ON id = transfer_id"
            " WHERE account_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (str(account_id), after, limit),
        )
        return [_line(*row) for row in rows]

    def sums(self) -> list[Sum]:
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for currency, balance in self.execute("SELECT currency, balance FROM accounts"):
            found[currency][0] += balance
        for currency, amount in self.execute(
            "SELECT currency, amount FROM entries JOIN accounts ON id = account_id"
        ):
            found[currency][1] += amount
            found[currency][2] += 1
        for currency, count in self.execute(
            "SELECT currency, count(*) FROM transfers GROUP BY currency"
        ):
            found[currency][3] = count
        return [Sum(currency, *found[currency]) for currency in sorted(found)]

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

    def to_seal(self, after: UUID | None, limit: int) -> list[tuple[UUID, str]]:
        rows = self.execute(
            "SELECT account_id, owner FROM unsealed JOIN accounts ON id = account_id"
            " WHERE account_id > ? ORDER BY account_id LIMIT ?",
            (str(after or ""), limit),
        )
        return [(UUID(account_id), owner) for account_id, owner in rows]

    def digest(self, digests: Sequence[Digest]) -> None:
        for row in digests:
            self.execute(
                "UPDATE transfers SET salt = ?, digest = ? WHERE id = ? AND digest IS NULL",
                (row.salt, row.digest, str(row.transfer_id)),
            )

    def seal(self, block: Block, *, more: bool) -> None:
        with added_once("block"):
            row = (
                str(block.account_id),
                block.first,
                block.last,
                block.hash,
                block.hash_prefixes,
                text(block.at),
            )
            self.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)", row)
        self.execute(
            "UPDATE accounts SET sealed = ? WHERE id = ?", (block.last, str(block.account_id))
        )
        if not more:
            self.execute("DELETE FROM unsealed WHERE account_id = ?", (str(block.account_id),))

    def blocks(self, account_id: UUID, after: int, limit: int) -> list[Block]:
        rows = self.execute(
            "SELECT * FROM blocks WHERE account_id = ? AND last > ? ORDER BY last LIMIT ?",
            (str(account_id), after, limit),
        )
        return [_block(*row) for row in rows]

    def last_block(self, account_id: UUID) -> Block | None:
        row = self.execute(
            "SELECT * FROM blocks WHERE account_id = ? ORDER BY last DESC LIMIT 1",
            (str(account_id),),
        ).fetchone()
        return _block(*row) if row else None

    def entitlements(self, owner: str, after: str | None, limit: int) -> list[Settled]:
        rows = self.execute(
            "SELECT key, currency, amount FROM settled WHERE owner = ? AND key > ?"
            " ORDER BY key LIMIT ?",
            (owner, after or "", limit),
        )
        return [Settled(*row) for row in rows]

    def forget(self, account_id: UUID, after: int, last: int) -> int:
        place = (str(account_id), after, last)
        erased = self.execute(
            "UPDATE transfers SET memo = NULL, metadata = NULL"
            " WHERE (memo IS NOT NULL OR metadata IS NOT NULL) AND id IN"
            " (SELECT transfer_id FROM entries WHERE account_id = ? AND seq > ? AND seq <= ?)",
            place,
        )
        self.execute(
            "UPDATE transfers SET salt = NULL WHERE id IN"
            " (SELECT transfer_id FROM entries WHERE account_id = ? AND seq > ? AND seq <= ?)",
            place,
        )
        return erased.rowcount


@contextmanager
def _held_true() -> Iterator[None]:
    """Say ``IntegrityError`` of habitkit's where SQLite says it of its own."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IntegrityError(str(error)) from error


def _json(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def _row(transfer: Transfer) -> tuple[object, ...]:
    return (
        str(transfer.id),
        transfer.kind,
        transfer.source,
        transfer.target,
        transfer.currency,
        transfer.amount,
        transfer.memo,
        text(transfer.at),
        None if transfer.metadata is None else json.dumps(transfer.metadata),
        transfer.reverses and str(transfer.reverses),
    )


def _transfer(id_: str, kind: Kind, source: str, target: str, currency: str, *of: Any) -> Transfer:
    amount, memo, at, metadata, reverses = of
    return Transfer(
        UUID(id_),
        kind,
        source,
        target,
        currency,
        amount,
        memo,
        instant(at),
        _json(metadata),
        reverses and UUID(reverses),
    )


def _account(id_: str, *rest: Any) -> Account:
    *before, at, floor, debt, sealed = rest
    return Account._make((UUID(id_), *before, instant(at), floor, debt, sealed))


def _hold(id_: str, owner: str, currency: str, seq: int, amount: int, at: str, *end: Any) -> Hold:
    expires_at, state, settled, ended_at = end
    return Hold(
        UUID(id_),
        owner,
        currency,
        seq,
        amount,
        instant(at),
        expires_at and instant(expires_at),
        state,
        settled,
        ended_at and instant(ended_at),
    )


def _line(seq: int, transfer_id: str, amount: int, balance: int, at: str, *of: Any) -> LedgerLine:
    *plain, metadata, reverses, salt, digest, made_at = of
    of = (
        *plain,
        _json(metadata),
        reverses and UUID(reverses),
        salt,
        digest,
        made_at and instant(made_at),
    )
    return LedgerLine(seq, UUID(transfer_id), amount, balance, instant(at), *of)


def _block(
    account_id: str, first: int, last: int, block_hash: bytes, hash_prefixes: bytes, at: str
) -> Block:
    return Block(UUID(account_id), first, last, block_hash, hash_prefixes, instant(at))
