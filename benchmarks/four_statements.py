"""A spend by four prebuilt Core statements: what a host would write without a ledger.

It reads both accounts FOR UPDATE, adds the transfer, moves both accounts on and adds their entries,
on the kit's own tables. There is no idempotency key and no event, nothing is validated, and the
accounts' ids are known before. The peer of the ledger on PostgreSQL.

A ledger inside the database is the other peer one may think of. pgledger, functions in PL/pgSQL
(https://github.com/pgr0ss/pgledger), is not measured here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import BindParameter, bindparam, case, insert, select, update

from habitkit.backends.sqlalchemy.tables import accounts, entries, transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Engine

    from benchmarks._ledger_fill import Order

    Pair = tuple[UUID, UUID]
    """The ids of an owner's wallet and sink."""

BOTH: list[BindParameter[UUID]] = [bindparam("giver"), bindparam("taker")]
READ = (
    select(accounts.c.id, accounts.c.balance, accounts.c.seq)
    .where(accounts.c.id.in_(BOTH))
    .order_by(accounts.c.id)
    .with_for_update()
)
TRANSFER = insert(transfers)
MOVE = (
    update(accounts)
    .where(accounts.c.id.in_(BOTH))
    .values(
        balance=accounts.c.balance
        + case((accounts.c.id == bindparam("giver"), -1), else_=1) * bindparam("coins"),
        seq=accounts.c.seq + 1,
        at=bindparam("now"),
    )
)
ENTRIES = insert(entries)


def on_engine(engine: Engine, accounts_of: Mapping[str, Pair]) -> Callable[[Order], int]:
    """Spend a coin in one transaction of an engine."""

    def spend(order: Order) -> int:
        giver, taker = accounts_of[order.owner]
        now, transfer_id = datetime.now(UTC), uuid4()
        both = {"giver": giver, "taker": taker}
        with engine.begin() as connection:
            read = {row.id: row for row in connection.execute(READ, both)}
            if read[giver].balance < 1:
                return 0
            spent = {
                "id": transfer_id,
                "kind": "spend",
                "source": order.owner,
                "target": order.owner,
                "currency": "coin",
                "amount": 1,
                "at": now,
            }
            connection.execute(TRANSFER, spent)
            connection.execute(MOVE, {**both, "coins": 1, "now": now})
            made = [
                {
                    "account_id": account,
                    "seq": read[account].seq + 1,
                    "transfer_id": transfer_id,
                    "amount": change,
                    "balance": read[account].balance + change,
                    "at": now,
                }
                for account, change in ((giver, -1), (taker, 1))
            ]
            connection.execute(ENTRIES, made)
        return 1

    return spend
