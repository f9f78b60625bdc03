"""The fast roads of coins on PostgreSQL: one statement a posting, one statement a batch.

A statement that changes several tables is written as one ``WITH`` whose parts feed each other; it
costs one exchange with the server where the portable road takes four or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    bindparam,
    column,
    func,
    select,
    update,
    values,
)

from habitkit import _codec
from habitkit.backends.sqlalchemy._coins import FACTS, Coins, check_sum, transfer_values
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import Texts, insert_rows, rows_of
from habitkit.backends.sqlalchemy._types import Id
from habitkit.backends.sqlalchemy.tables import (
    accounts,
    entries,
    transfers,
)
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from habitkit.coins.model import Move, Transfer

__all__ = ["AFTER", "MOVE", "PostgresCoins"]

AFTER = (
    accounts.c.id,
    accounts.c.seq,
    accounts.c.balance,
    accounts.c.at,
    accounts.c.debt,
)
MOVE = (entries.c.account_id, *(entries.c[name] for name in ("seq", "amount", "balance", "at")))


def _post_one(insert: Callable[..., Any]) -> Any:
    """Return the statement of one transfer with its two moves."""
    made = insert(transfers).values({c.name: bindparam(c.name) for c in FACTS}).cte("made")
    shape = [column(c.name, c.type) for c in (*MOVE, accounts.c.debt)]
    sides = [
        tuple(bindparam(f"{side}_{c.name}", type_=c.type) for c in shape)
        for side in ("given", "taken")
    ]
    moves = select(*values(*shape, name="sides").data(sides).c).cte("moves")
    moved = (
        update(accounts)
        .where(
            accounts.c.id == moves.c.account_id,
            accounts.c.seq == moves.c.seq - 1,
            accounts.c.balance == moves.c.balance - moves.c.amount,
        )
        .values({name: moves.c[name] for name in ("balance", "seq", "at", "debt")})
        .returning(accounts.c.id)
        .cte("moved")
    )
    entered = (
        insert(entries)
        .from_select(
            [*(c.name for c in MOVE), "transfer_id"],
            select(*(moves.c[c.name] for c in MOVE), bindparam("id", type_=Id())),
        )
        .cte("entered")
    )
    return select(func.count()).select_from(moved).add_cte(made, entered)


def _post_many(insert: Callable[..., Any]) -> Any:
    """Return the statement of a batch."""
    made = insert_rows(insert, "made", FACTS).cte("made")
    entered = insert_rows(insert, "entered", tuple(entries.c)).cte("entered")
    left = rows_of("left", [*AFTER]).cte("moves")
    was = rows_of("was", [accounts.c.id, accounts.c.seq, accounts.c.balance]).cte("was")
    moved = (
        update(accounts)
        .where(
            accounts.c.id == left.c.id,
            was.c.id == left.c.id,
            accounts.c.seq == was.c.seq,
            accounts.c.balance == was.c.balance,
        )
        .values({name: left.c[name] for name in ("balance", "seq", "at", "debt")})
        .returning(accounts.c.id)
        .cte("moved")
    )
    return select(func.count()).select_from(moved).add_cte(made, entered)


class PostgresCoins(Coins):
    """Coins on PostgreSQL: a posting of any size is one statement."""

    _POST_ONE = Prepared(_post_one, kind="transfer", only="postgresql")
    _POST_MANY = Prepared(_post_many, kind="transfer", only="postgresql")

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Add transfers and their entries; each account moves on only from what was read."""
        check_sum(transfers, moves)
        if len(transfers) == 1 and len(moves) == 2:  # noqa: PLR2004 - a transfer has two sides
            given, taken = moves
            row = self._link.row(
                self._POST_ONE,
                {**transfer_values(transfers[0]), **_side("given", given), **_side("taken", taken)},
            )
            accounts_moved = 2
        else:
            first: dict[UUID, Move] = {}
            last: dict[UUID, Move] = {}
            for move in moves:
                before = last.get(move.account_id)
                if before is None:
                    first[move.account_id] = move
                elif (before.seq + 1, before.balance + move.amount) != (move.seq, move.balance):
                    msg = f"entry {move.seq} of account {move.account_id} follows no other"
                    raise IntegrityError(msg)
                last[move.account_id] = move
            row = self._link.row(self._POST_MANY, _batch(transfers, moves, first, last))
            accounts_moved = len(last)
        if row is None or row[0] != accounts_moved:
            msg = f"an account of the transfer {transfers[0].id} has moved on since it was read"
            raise IntegrityError(msg)


def _side(name: str, move: Move) -> dict[str, Any]:
    """Return the parameters of one side of a transfer."""
    account_id, seq, _, amount, balance, at, debt = move
    return {
        f"{name}_account_id": account_id,
        f"{name}_seq": seq,
        f"{name}_amount": amount,
        f"{name}_balance": balance,
        f"{name}_at": at,
        f"{name}_debt": debt,
    }


def _batch(
    transfers: Sequence[Transfer],
    moves: Sequence[Move],
    first: dict[UUID, Move],
    last: dict[UUID, Move],
) -> dict[str, str]:
    """Return the parameters of a batch."""
    text = Texts()
    made = [
        {
            "id": text[transfer.id.int],
            "kind": transfer.kind,
            "source": transfer.source,
            "target": transfer.target,
            "currency": transfer.currency,
            "amount": transfer.amount,
            "memo": transfer.memo,
            "at": text[transfer.at],
            "metadata": transfer.metadata,
            "reverses": transfer.reverses,
        }
        for transfer in transfers
    ]
    entered = [
        {
            "account_id": text[account_id.int],
            "seq": seq,
            "transfer_id": text[transfer_id.int],
            "amount": amount,
            "balance": balance,
            "at": text[at],
        }
        for account_id, seq, transfer_id, amount, balance, at, _ in moves
    ]
    left = [{"id": id_, **move._asdict()} for id_, move in last.items()]
    was = [
        {"id": id_, "seq": move.seq - 1, "balance": move.balance - move.amount}
        for id_, move in first.items()
    ]
    rows = {"made": made, "entered": entered, "left": left, "was": was}
    return {name: _codec.dump(value) for name, value in rows.items()}
