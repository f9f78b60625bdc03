"""Combining the entries of a batch into one change per account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.coins.domain.model import Move

__all__ = ["AccountMove", "account_moves"]


class AccountMove:
    """The change of one account by a batch, from before its first entry to its last one."""

    __slots__ = ("balance_before", "last", "seq_before")

    def __init__(self, first: Move) -> None:
        """Begin with its first entry."""
        self.seq_before = first.seq - 1
        self.balance_before = first.balance - first.amount
        self.last = first

    def go_on(self, move: Move) -> None:
        """Take its next entry.

        Raises:
            IntegrityError: If it does not follow the one before.
        """
        last = self.last
        if (last.seq + 1, last.balance + move.amount) != (move.seq, move.balance):
            msg = f"entry {move.seq} of account {move.account_id} has no entry before it"
            raise IntegrityError(msg)
        self.last = move


def account_moves(moves: Sequence[Move]) -> dict[UUID, AccountMove]:
    """Return how each account moves, by its id."""
    by_account: dict[UUID, AccountMove] = {}
    for move in moves:
        account_move = by_account.get(move.account_id)
        if account_move is None:
            by_account[move.account_id] = AccountMove(move)
        else:
            account_move.go_on(move)
    return by_account
