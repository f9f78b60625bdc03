"""Coins on PostgreSQL: one statement per posting, one statement per batch.

A statement that changes several tables is written as one ``WITH`` whose parts feed each other; it
costs one exchange with the server where the portable statements take four or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
    update,
    values,
)

from habitkit import _codec
from habitkit.backends.sqlalchemy._account_moves import account_moves
from habitkit.backends.sqlalchemy._coins import (
    FACTS,
    FEW,
    Coins,
    check_sum,
    transfer_values,
)
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import (
    array_of,
    columns_of,
    id_array,
    instant_array,
    shared_by_all,
    text_array,
)
from habitkit.backends.sqlalchemy._types import Id
from habitkit.backends.sqlalchemy.tables import (
    accounts,
    entries,
    transfers,
)
from habitkit.coins.domain.model import Account
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from habitkit.backends.sqlalchemy._account_moves import AccountMove
    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.coins.domain.model import Move, Transfer

__all__ = ["PostgresCoins", "coins_of"]

_AFTER = (
    accounts.c.id,
    accounts.c.seq,
    accounts.c.balance,
    accounts.c.at,
    accounts.c.debt,
)
_MOVE = (
    entries.c.account_id,
    *(entries.c[name] for name in ("seq", "amount", "balance", "at", "dated_at")),
)
_ENTRY = (*_MOVE, entries.c.transfer_id)
_ACCOUNT_MOVE = (
    *_AFTER,
    Column("seq_before", BigInteger),
    Column("balance_before", BigInteger),
)


def _post_one(insert: Callable[..., Any]) -> Any:
    """Return the statement of one transfer with its two moves."""
    made = insert(transfers).values({c.name: bindparam(c.name) for c in FACTS}).cte("made")
    shape = [column(c.name, c.type) for c in (*_MOVE, accounts.c.debt)]
    sides = [
        tuple(bindparam(f"{side}_{c.name}", type_=c.type) for c in shape)
        for side in ("source", "target")
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
            [*(c.name for c in _MOVE), "transfer_id"],
            select(*(moves.c[c.name] for c in _MOVE), bindparam("id", type_=Id())),
        )
        .cte("entered")
    )
    return select(func.count()).select_from(moved).add_cte(made, entered)


def _post_many(insert: Callable[..., Any]) -> Any:
    """Return the statement of a batch."""
    made, entered = (
        insert(columns[0].table)
        .from_select([c.name for c in columns], columns_of(name, columns, shared))
        .cte(name)
        for name, columns, shared in (
            ("made", FACTS, ("kind", "currency", "at")),
            ("entered", _ENTRY, ("at",)),
        )
    )
    by_account = columns_of("account_move", _ACCOUNT_MOVE, ("at", "debt")).cte("account_moves")
    moved = (
        update(accounts)
        .where(
            accounts.c.id == by_account.c.id,
            accounts.c.seq == by_account.c.seq_before,
            accounts.c.balance == by_account.c.balance_before,
        )
        .values({name: by_account.c[name] for name in ("balance", "seq", "at", "debt")})
        .returning(accounts.c.id)
        .cte("moved")
    )
    return select(func.count()).select_from(moved).add_cte(made, entered)


def _array_read_once(name: str) -> Any:
    """Return an array of texts, given as its text: read once, and not for each row of a scan.

    The cast around the subquery changes nothing, but that the subquery is one value to ``ANY``.
    """
    array = select(cast(bindparam(name, type_=Text()), ARRAY(Text))).scalar_subquery()
    return cast(array, ARRAY(Text))


class PostgresCoins(Coins):
    """Coins on PostgreSQL: a posting of any size is one statement."""

    _POST_ONE = Prepared(_post_one, kind="transfer", only="postgresql")
    _POST_MANY = Prepared(_post_many, kind="transfer", only="postgresql")
    _ACCOUNTS_OF_MANY = Prepared(
        lambda _: select(accounts).where(
            accounts.c.owner == any_(_array_read_once("owners")),
            accounts.c.currency == bindparam("currency"),
        ),
        only="postgresql",
    )

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        """Return owners' accounts of a currency."""
        if len(owners) <= FEW:
            return super().accounts(owners, currency)
        values = {"owners": text_array(owners), "currency": currency}
        return [Account(**row) for row in self._link.records(self._ACCOUNTS_OF_MANY, values)]

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Add transfers and their entries; each account moves on only from what was read."""
        check_sum(transfers, moves)
        if len(transfers) == 1 and len(moves) == 2:  # noqa: PLR2004 - a transfer has two sides
            source, target = moves
            row = self._link.row(
                self._POST_ONE,
                {
                    **transfer_values(transfers[0]),
                    **_side("source", source),
                    **_side("target", target),
                },
            )
            accounts_moved = 2
        else:
            by_account = account_moves(moves)
            row = self._link.row(self._POST_MANY, _batch(transfers, moves, by_account.values()))
            accounts_moved = len(by_account)
        if row is None or row[0] != accounts_moved:
            msg = f"an account of the transfer {transfers[0].id} was changed after it was read"
            raise IntegrityError(msg)


def _side(name: str, move: Move) -> dict[str, Any]:
    """Return the parameters of one side of a transfer."""
    return {
        f"{name}_account_id": move.account_id,
        f"{name}_seq": move.seq,
        f"{name}_amount": move.amount,
        f"{name}_balance": move.balance,
        f"{name}_at": move.at,
        f"{name}_debt": move.debt,
        f"{name}_dated_at": move.dated_at,
    }


def _batch(
    transfers: Sequence[Transfer], moves: Sequence[Move], per_account: Collection[AccountMove]
) -> dict[str, Any]:
    """Return the parameters of a batch: columns, in the order of its rows."""
    last = [each.last for each in per_account]
    return {
        **_made(transfers),
        "entered_account_id": id_array([move.account_id for move in moves]),
        "entered_seq": array_of([move.seq for move in moves]),
        "entered_transfer_id": id_array([move.transfer_id for move in moves]),
        "entered_amount": array_of([move.amount for move in moves]),
        "entered_balance": array_of([move.balance for move in moves]),
        **shared_by_all("entered_at", [move.at for move in moves], instant_array),
        "entered_dated_at": instant_array([move.dated_at for move in moves]),
        "account_move_id": id_array([move.account_id for move in last]),
        "account_move_seq_before": array_of([each.seq_before for each in per_account]),
        "account_move_balance_before": array_of([each.balance_before for each in per_account]),
        "account_move_seq": array_of([move.seq for move in last]),
        "account_move_balance": array_of([move.balance for move in last]),
        **shared_by_all("account_move_at", [move.at for move in last], instant_array),
        **shared_by_all("account_move_debt", [move.debt for move in last], array_of),
    }


def _made(transfers: Sequence[Transfer]) -> dict[str, Any]:
    """Return the columns of the transfers of a batch."""
    metadata = [None if t.metadata is None else _codec.to_json(t.metadata) for t in transfers]
    return {
        "made_id": id_array([t.id for t in transfers]),
        **shared_by_all("made_kind", [t.kind for t in transfers], text_array),
        "made_source": text_array([t.source for t in transfers]),
        "made_target": text_array([t.target for t in transfers]),
        **shared_by_all("made_currency", [t.currency for t in transfers], text_array),
        "made_amount": array_of([t.amount for t in transfers]),
        "made_memo": text_array([t.memo for t in transfers]),
        **shared_by_all("made_at", [t.at for t in transfers], instant_array),
        "made_metadata": text_array(metadata),
        "made_reverses": id_array([t.reverses for t in transfers]),
    }


def coins_of(link: Link) -> Coins:
    """Return the coins' port for a dialect."""
    return PostgresCoins(link) if link.dialect.name == "postgresql" else Coins(link)
