"""The port of coins on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy.tables import accounts, entitlements, entries, transfers
from habitkit.coins.model import Account, Entry, Settled
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.coins.model import Move, Transfer

__all__ = ["Coins"]


class Coins:
    """Accounts, transfers, entries and settled entitlements."""

    _ACCOUNTS = Prepared(
        lambda _: select(accounts).where(
            accounts.c.owner == bindparam("owner"), accounts.c.currency == bindparam("currency")
        )
    )
    _OPEN = Prepared(
        lambda insert: insert(accounts).values({c.name: bindparam(c.name) for c in accounts.c}),
        kind="account",
    )
    _TRANSFER = Prepared(
        lambda insert: insert(transfers).values({c.name: bindparam(c.name) for c in transfers.c}),
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
    _SETTLED = Prepared(
        lambda _: select(entitlements.c.key, entitlements.c.currency, entitlements.c.settled).where(
            entitlements.c.owner == bindparam("owner"), entitlements.c.key == bindparam("key")
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

    def accounts(self, owner: str, currency: str) -> list[Account]:
        """Return an owner's accounts of a currency."""
        rows = self._link.rows(self._ACCOUNTS, {"owner": owner, "currency": currency})
        return [Account(*row) for row in rows]

    def open(self, account: Account) -> None:
        """Add an account."""
        self._link.run(
            self._OPEN,
            {
                "id": account.id,
                "owner": account.owner,
                "role": account.role,
                "currency": account.currency,
                "balance": account.balance,
                "seq": account.seq,
                "at": account.at,
                "floor": account.floor,
                "debt": account.debt,
            },
        )

    def post(self, transfer: Transfer, moves: Sequence[Move]) -> None:
        """Add a transfer and its entries; each account moves on only from what was read."""
        if sum(move.amount for move in moves) != 0:
            msg = f"the moves of transfer {transfer.id} do not sum to zero"
            raise IntegrityError(msg)
        self._link.run(
            self._TRANSFER,
            {
                "id": transfer.id,
                "kind": transfer.kind,
                "source": transfer.source,
                "target": transfer.target,
                "currency": transfer.currency,
                "amount": transfer.amount,
                "memo": transfer.memo,
                "at": transfer.at,
            },
        )
        for move in moves:
            moved = self._link.run(
                self._MOVE,
                {
                    "account_id": move.account_id,
                    "seq_before": move.seq - 1,
                    "balance_before": move.balance - move.amount,
                    "new_balance": move.balance,
                    "new_seq": move.seq,
                    "new_at": move.at,
                    "new_debt": move.debt,
                },
            )
            if moved != 1:
                msg = f"account {move.account_id} has moved on since it was read"
                raise IntegrityError(msg)
        self._link.run_many(
            self._ENTRY,
            [
                {
                    "account_id": move.account_id,
                    "seq": move.seq,
                    "transfer_id": transfer.id,
                    "amount": move.amount,
                    "balance": move.balance,
                    "at": move.at,
                }
                for move in moves
            ],
        )

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        """Return what was paid for entitlements."""
        found: dict[str, Settled] = {}
        for key in keys:
            row = self._link.row(self._SETTLED, {"owner": owner, "key": key})
            if row is not None:
                found[key] = Settled(*row)
        return found

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        """Write what is paid for entitlements now."""
        self._link.run_many(
            self._SETTLE,
            [
                {
                    "owner": owner,
                    "key": row.key,
                    "currency": row.currency,
                    "settled": row.amount,
                }
                for row in rows
            ],
        )

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Return a page of an account's entries."""
        statement = (
            select(
                entries.c.seq,
                entries.c.transfer_id,
                transfers.c.kind,
                transfers.c.memo,
                entries.c.amount,
                entries.c.balance,
                entries.c.at,
            )
            .join(transfers, transfers.c.id == entries.c.transfer_id)
            .where(entries.c.account_id == account_id)
            .order_by(entries.c.seq.desc() if newest_first else entries.c.seq)
            .limit(limit)
        )
        if after is not None:
            past = entries.c.seq < after if newest_first else entries.c.seq > after
            statement = statement.where(past)
        return [Entry(*row) for row in self._link.select(statement)]


def _replace(statement: Any) -> Any:
    """Replace what was paid before."""
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[entitlements.c.owner, entitlements.c.key],
        set_={"currency": new.currency, "settled": new.settled},
    )
