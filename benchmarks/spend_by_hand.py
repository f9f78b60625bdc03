"""A spend by hand: the reads and writes of the kit's own, statement for statement.

The floor of the ledger on SQLite: sqlite3 on one connection that stays open, one transaction a
spend, with idempotency key and event, values computed in place. ``benchmarks._same`` holds the
statements equal to what the kit sends.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.by_hand import (
    ACCOUNTS,
    ENTRY,
    EVENT,
    LOCK,
    MOVE,
    NEWEST_DEFINITION,
    SQLITE,
    TRANSFER,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from benchmarks._ledger_fill import Order

RECORD = (
    "SELECT request, result, at FROM habitkit_idempotency WHERE owner = ? AND operation = ? AND "
    "key = ?"
)
KEEP_RECORD = (
    "INSERT INTO habitkit_idempotency (owner, operation, key, request, result, at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (owner, operation, key) DO UPDATE SET "
    "request = excluded.request, result = excluded.result, at = excluded.at"
)


def on_sqlite(connection: sqlite3.Connection) -> Callable[[Order], int]:
    """Spend a coin with the sqlite3 module; the connection is in autocommit mode."""
    cursor = connection.cursor()

    def spend(order: Order) -> int:
        owner, key, now = order.owner, order.key, datetime.now(UTC)
        at = SQLITE.of_instant(now)
        cursor.execute("BEGIN IMMEDIATE")
        ((_, rev, _),) = cursor.execute(LOCK, (owner,)).fetchall()
        if cursor.execute(RECORD, (owner, "coins.spend", key)).fetchall():
            cursor.execute("ROLLBACK")
            return 0
        accounts = cursor.execute(ACCOUNTS, (owner, "coin")).fetchall()
        by_role = {role: (id_, balance, seq) for id_, _, role, _, balance, seq, *_ in accounts}
        wallet, wallet_balance, wallet_seq = by_role["wallet"]
        sink, sink_balance, sink_seq = by_role["sink"]
        if wallet_balance < 1:
            cursor.execute("ROLLBACK")
            return 0
        transfer_id = uuid.uuid4()
        transfer = SQLITE.of_id(transfer_id)
        spent = (transfer, "spend", owner, owner, "coin", 1, None, at, None, None)
        cursor.execute(TRANSFER, spent)
        moved = (wallet_balance - 1, wallet_seq + 1, at, 0, wallet, wallet_seq, wallet_balance)
        cursor.execute(MOVE, moved)
        moved = (sink_balance + 1, sink_seq + 1, at, 0, sink, sink_seq, sink_balance)
        cursor.execute(MOVE, moved)
        entries = [
            (wallet, wallet_seq + 1, transfer, -1, wallet_balance - 1, at, None),
            (sink, sink_seq + 1, transfer, 1, sink_balance + 1, at, None),
        ]
        cursor.executemany(ENTRY, entries)
        cursor.execute(NEWEST_DEFINITION).fetchall()
        request = {
            "target": repr(owner),
            "amount": "1",
            "currency": "'coin'",
            "memo": "None",
            "metadata": "None",
        }
        result = json.dumps(str(transfer_id))
        kept = (owner, "coins.spend", key, json.dumps(request), result, at)
        cursor.execute(KEEP_RECORD, kept)
        posted = {
            "transfer_id": str(transfer_id),
            "kind": "spend",
            "currency": "coin",
            "amount": -1,
            "balance": wallet_balance - 1,
        }
        event = (owner, rev, 0, "CoinsPosted", at, None, json.dumps(posted))
        cursor.execute(EVENT, event)
        cursor.execute("COMMIT")
        return 1

    return spend
