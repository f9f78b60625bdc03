"""The port of coins on SQL, by statements that SQLite and PostgreSQL share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict
from sqlalchemy import bindparam, case, func, select, update

from habitkit import _codec
from habitkit.backends.sqlalchemy._account_moves import account_moves
from habitkit.backends.sqlalchemy._audit import halves, settled_of, whole
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import among, texts_parameter
from habitkit.backends.sqlalchemy.tables import accounts, entitlements, entries, transfers
from habitkit.coins.domain.model import Account, Entry, Reversed, Transfer
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.coins.domain.model import Move, Settled

__all__ = ["FACTS", "FEW", "Coins", "check_sum", "transfer_values"]

FEW = 2
"""Up to so many rows, the statements for single ones are faster."""

FACTS = (
    transfers.c.id,
    transfers.c.kind,
    transfers.c.source,
    transfers.c.target,
    transfers.c.currency,
    transfers.c.amount,
    transfers.c.memo,
    transfers.c.at,
    transfers.c.metadata,
    transfers.c.reverses,
)
_ENTRY = (
    entries.c.seq,
    entries.c.transfer_id,
    transfers.c.kind,
    transfers.c.memo,
    entries.c.amount,
    entries.c.balance,
    func.coalesce(entries.c.dated_at, entries.c.at).label("at"),
    transfers.c.metadata,
    transfers.c.reverses,
    case((entries.c.dated_at.is_not(None), entries.c.at)).label("recorded_at"),
)


class Coins:
    """Accounts, transfers, entries and settled entitlements."""

    _ACCOUNTS = Prepared(
        lambda _: select(accounts).where(
            accounts.c.owner == bindparam("owner"), accounts.c.currency == bindparam("currency")
        )
    )
    _ACCOUNTS_OF_TWO = Prepared(
        lambda _: select(accounts).where(
            accounts.c.owner.in_([bindparam("owner"), bindparam("other")]),
            accounts.c.currency == bindparam("currency"),
        )
    )
    _OPEN = Prepared(
        lambda insert: insert(accounts).values({c.name: bindparam(c.name) for c in accounts.c}),
        kind="account",
    )
    _FLOOR = Prepared(
        lambda _: (
            update(accounts)
            .where(accounts.c.id == bindparam("account_id"))
            .values(floor=bindparam("new_floor"), debt=bindparam("new_debt"))
        )
    )
    _TRANSFER = Prepared(
        lambda insert: insert(transfers).values({c.name: bindparam(c.name) for c in FACTS}),
        kind="transfer",
    )
    _ENTRY = Prepared(
        lambda insert: insert(entries).values({c.name: bindparam(c.name) for c in entries.c}),
        kind="entry",
    )
    _MOVE = Prepared(
        lambda _: (
            update(accounts)
            .where(
                accounts.c.id == bindparam("account_id"),
                accounts.c.seq == bindparam("seq_before"),
                accounts.c.balance == bindparam("balance_before"),
            )
            .values(
                balance=bindparam("new_balance"),
                seq=bindparam("new_seq"),
                at=bindparam("new_at"),
                debt=bindparam("new_debt"),
            )
        )
    )
    _GET = Prepared(lambda _: select(*FACTS).where(transfers.c.id == bindparam("id")))
    _REVERSED = Prepared(
        lambda _: (
            select(
                func.sum(transfers.c.amount).over().label("amount"), transfers.c.id.label("last_id")
            )
            .where(transfers.c.reverses == bindparam("reverses"))
            .order_by(transfers.c.at.desc(), transfers.c.id.desc())
            .limit(1)
        )
    )
    _BALANCE_AT = Prepared(
        lambda _: (
            select(entries.c.balance)
            .where(entries.c.account_id == bindparam("account_id"), entries.c.at <= bindparam("at"))
            .order_by(entries.c.at.desc(), entries.c.seq.desc())
            .limit(1)
        )
    )
    _DATED = Prepared(
        lambda _: select(*halves(entries.c.amount)).where(
            entries.c.account_id == bindparam("account_id"),
            entries.c.dated_at <= bindparam("at"),
            entries.c.at > bindparam("recorded_after"),
        )
    )
    _SETTLED = Prepared(
        lambda _: select(entitlements.c.key, entitlements.c.currency, entitlements.c.settled).where(
            entitlements.c.owner == bindparam("owner"), entitlements.c.key == bindparam("key")
        )
    )
    _ALL_SETTLED = Prepared(
        lambda _: select(entitlements.c.key, entitlements.c.currency, entitlements.c.settled).where(
            entitlements.c.owner == bindparam("owner"), among(entitlements.c.key, "keys")
        )
    )
    _SETTLE = Prepared(
        lambda insert: _replace(
            insert(entitlements).values({c.name: bindparam(c.name) for c in entitlements.c})
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        """Return owners' accounts of a currency."""
        if len(owners) == 1:
            rows = self._link.records(self._ACCOUNTS, {"owner": owners[0], "currency": currency})
        elif len(owners) == 2:  # noqa: PLR2004 - both sides of a transfer
            values = {"owner": owners[0], "other": owners[1], "currency": currency}
            rows = self._link.records(self._ACCOUNTS_OF_TWO, values)
        else:
            of_owners = accounts.c.owner.in_(owners)
            rows = self._link.select_records(
                select(accounts).where(of_owners, accounts.c.currency == currency)
            )
        return [Account(**row) for row in rows]

    def open(self, accounts: Sequence[Account]) -> None:
        """Add accounts."""
        self._link.run_many(self._OPEN, [asdict(account) for account in accounts])

    def set_floor(self, account_id: UUID, floor: int, debt: int) -> None:
        """Give a wallet another floor."""
        self._link.run(
            self._FLOOR, {"account_id": account_id, "new_floor": floor, "new_debt": debt}
        )

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Add transfers and their entries; each account moves on only from what was read."""
        check_sum(transfers, moves)
        link = self._link
        link.run_many(self._TRANSFER, [transfer_values(transfer) for transfer in transfers])
        for account_move in account_moves(moves).values():
            move = account_move.last
            moved = link.run(
                self._MOVE,
                {
                    "account_id": move.account_id,
                    "seq_before": account_move.seq_before,
                    "balance_before": account_move.balance_before,
                    "new_balance": move.balance,
                    "new_seq": move.seq,
                    "new_at": move.at,
                    "new_debt": move.debt,
                },
            )
            if moved != 1:
                msg = f"account {move.account_id} was changed after it was read"
                raise IntegrityError(msg)
        link.run_many(self._ENTRY, [move._asdict() for move in moves])

    def transfer(self, transfer_id: UUID) -> Transfer | None:
        """Return a transfer."""
        row = self._link.record(self._GET, {"id": transfer_id})
        return None if row is None else Transfer(**row)

    def reversed(self, transfer_id: UUID) -> Reversed:
        """Return how much of a transfer was reversed."""
        row = self._link.row(self._REVERSED, {"reverses": transfer_id})
        return Reversed() if row is None else Reversed(int(row[0]), row[1])

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Return a page of an account's entries."""
        statement = (
            select(*_ENTRY)
            .join(transfers, transfers.c.id == entries.c.transfer_id)
            .where(entries.c.account_id == account_id)
            .order_by(entries.c.seq.desc() if newest_first else entries.c.seq)
            .limit(limit)
        )
        if after is not None:
            past = entries.c.seq < after if newest_first else entries.c.seq > after
            statement = statement.where(past)
        return [Entry(**row) for row in self._link.select_records(statement)]

    def balance_at(self, account_id: UUID, at: datetime) -> int:
        """Return an account's balance at an instant.

        That is the balance after the last entry recorded until then, and the few entries recorded
        later that count from then or earlier.
        """
        row = self._link.row(self._BALANCE_AT, {"account_id": account_id, "at": at})
        values = {"account_id": account_id, "at": at, "recorded_after": at}
        dated = self._link.row(self._DATED, values)
        balance: int = 0 if row is None else row[0]
        return balance if dated is None or dated[0] is None else balance + whole(*dated)

    def wallets(self, currency: str, after: str | None, limit: int) -> list[Account]:
        """Return a page of wallets."""
        statement = (
            select(accounts)
            .where(accounts.c.currency == currency, accounts.c.role == "wallet")
            .order_by(accounts.c.owner)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(accounts.c.owner > after)
        return [Account(**row) for row in self._link.select_records(statement)]

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        """Return what was paid for entitlements."""
        settled: dict[str, Settled] = {}
        if len(keys) > FEW:
            parameters = {"owner": owner, "keys": texts_parameter(self._link.dialect, keys)}
            rows = self._link.records(self._ALL_SETTLED, parameters)
            return {row["key"]: settled_of(row) for row in rows}
        for key in keys:
            row = self._link.record(self._SETTLED, {"owner": owner, "key": key})
            if row is not None:
                settled[key] = settled_of(row)
        return settled

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        """Write what is paid for entitlements now."""
        values = [
            {"owner": owner, "key": row.key, "currency": row.currency, "settled": row.amount}
            for row in rows
        ]
        self._link.run_many(self._SETTLE, values)


def check_sum(transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
    """Refuse moves that make or lose coins.

    Raises:
        IntegrityError: If they do not sum to zero.
    """
    if sum([move.amount for move in moves]):
        msg = f"the moves of transfer {transfers[0].id} do not sum to zero"
        raise IntegrityError(msg)


def transfer_values(transfer: Transfer) -> dict[str, Any]:
    """Return a transfer's columns."""
    metadata = transfer.metadata
    return {
        "id": transfer.id,
        "kind": transfer.kind,
        "source": transfer.source,
        "target": transfer.target,
        "currency": transfer.currency,
        "amount": transfer.amount,
        "memo": transfer.memo,
        "at": transfer.at,
        "metadata": None if metadata is None else _codec.to_json(metadata),
        "reverses": transfer.reverses,
    }


def _replace(statement: Any) -> Any:
    """Replace what was paid before."""
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[entitlements.c.owner, entitlements.c.key],
        set_={"currency": new.currency, "settled": new.settled},
    )
