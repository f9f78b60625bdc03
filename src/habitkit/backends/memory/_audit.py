"""The port of the audit in memory."""

from __future__ import annotations

from copy import deepcopy
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.backends.memory._tables import Table
from habitkit.coins.auditing.domain.model import LedgerLine, Sum, UnsealedAccount

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from habitkit.backends.memory._holds import Holds
    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.auditing.domain.model import Block, Digest
    from habitkit.coins.domain.model import Account, Move, Settled, Transfer

__all__ = ["Audit", "apart"]


def apart(transfer: Transfer) -> Transfer:
    """Return a transfer with metadata of its own: what a caller does to his changes no fact."""
    if transfer.metadata is None:
        return transfer
    return evolve(transfer, metadata=deepcopy(transfer.metadata))


class Audit:
    """The ports of audit, sealing, export and erasure, on the tables of the ledger."""

    def __init__(
        self,
        log: UndoLog,
        accounts: Table[UUID, Account],
        transfers: Table[UUID, Transfer],
        entries: Table[tuple[UUID, int], Move],
        settled: Table[tuple[str, str], Settled],
        holds: Holds,
    ) -> None:
        """Keep the ledger's tables and make those of the blocks."""
        self._accounts = accounts
        self._transfers = transfers
        self._entries = entries
        self._settled = settled
        self.held = holds.held
        self._unsealed: Table[UUID, UUID] = Table(log, "note")
        self._digests: Table[UUID, tuple[bytes | None, bytes]] = Table(log, "digest")
        self._blocks: Table[tuple[UUID, int], Block] = Table(log, "block")

    def account(self, account_id: UUID) -> Account | None:
        """Return one account."""
        return self._accounts.get(account_id)

    def accounts(self, after: UUID | None, limit: int, *, owner: str | None) -> list[Account]:
        """Return a page of accounts."""
        accounts_found = [
            account
            for account in self._accounts
            if (owner is None or account.owner == owner) and (after is None or account.id > after)
        ]
        return sorted(accounts_found, key=attrgetter("id"))[:limit]

    def lines(self, account_id: UUID, after: int, limit: int) -> list[LedgerLine]:
        """Return a page of entries with their transfers."""
        numbers = sorted(seq for id_, seq in self._of(account_id) if seq > after)
        return [self._line(self._entries.rows[account_id, seq]) for seq in numbers[:limit]]

    def sums(self) -> list[Sum]:
        """Return the sums of each currency."""
        currencies = {id_: account.currency for id_, account in self._accounts.rows.items()}
        moves = [(currencies[move.account_id], move.amount) for move in self._entries]
        transfers = [transfer.currency for transfer in self._transfers]
        return [
            Sum(
                currency=currency,
                balances=sum(a.balance for a in self._accounts if a.currency == currency),
                amounts=sum(amount for of, amount in moves if of == currency),
                entries=sum(of == currency for of, _ in moves),
                transfers=transfers.count(currency),
            )
            for currency in sorted({*currencies.values(), *transfers})
        ]

    def unsealed(self, account_ids: Iterable[UUID]) -> None:
        """Queue accounts with entries that no block covers."""
        for account_id in account_ids:
            self._unsealed.put(account_id, account_id)

    def to_seal(self, after: UUID | None, limit: int) -> list[UnsealedAccount]:
        """Return queued accounts."""
        noted = sorted(id_ for id_ in self._unsealed if after is None or id_ > after)[:limit]
        return [UnsealedAccount(self._accounts.rows[id_].owner, id_) for id_ in noted]

    def digest(self, digests: Sequence[Digest]) -> None:
        """Give transfers a digest where they have none."""
        for row in digests:
            if row.transfer_id not in self._digests:
                self._digests.insert(row.transfer_id, (row.salt, row.digest))

    def seal(self, block: Block, *, more: bool) -> None:
        """Add a block."""
        account_id = block.account_id
        self._blocks.insert((account_id, block.last), block)
        self._accounts.put(account_id, evolve(self._accounts.rows[account_id], sealed=block.last))
        if not more:
            self._unsealed.delete(account_id)

    def blocks(self, account_id: UUID, after: int, limit: int) -> list[Block]:
        """Return a page of blocks."""
        blocks = [b for b in self._blocks if b.account_id == account_id and b.last > after]
        return sorted(blocks, key=attrgetter("last"))[:limit]

    def last_block(self, account_id: UUID) -> Block | None:
        """Return an account's last block."""
        blocks = self.blocks(account_id, 0, len(self._blocks.rows))
        return blocks[-1] if blocks else None

    def entitlements(self, owner: str, after: str | None, limit: int) -> list[Settled]:
        """Return a page of an owner's entitlements."""
        rows = self._settled.rows.items()
        rows_after = [
            row for (of, key), row in rows if of == owner and (after is None or key > after)
        ]
        return sorted(rows_after, key=attrgetter("key"))[:limit]

    def erase(self, account_id: UUID, after: int, last: int) -> int:
        """Erase memos, metadata and salts."""
        erased = 0
        for _, seq in self._of(account_id):
            if after < seq <= last:
                transfer = self._transfers.rows[self._entries.rows[account_id, seq].transfer_id]
                if (transfer.memo, transfer.metadata) != (None, None):
                    self._transfers.put(transfer.id, evolve(transfer, memo=None, metadata=None))
                    erased += 1
                if transfer.id in self._digests:
                    _, digest = self._digests.rows[transfer.id]
                    self._digests.put(transfer.id, (None, digest))
        return erased

    def _of(self, account_id: UUID) -> list[tuple[UUID, int]]:
        """Return the places of an account's entries."""
        return [place for place in self._entries.rows if place[0] == account_id]

    def _line(self, move: Move) -> LedgerLine:
        """Return an entry with its transfer."""
        transfer = self._transfers.get(move.transfer_id)
        salt, digest = self._digests.get(move.transfer_id, (None, None))
        return LedgerLine(
            seq=move.seq,
            transfer_id=move.transfer_id,
            amount=move.amount,
            balance=move.balance,
            at=move.at,
            dated_at=move.dated_at,
            kind=None if transfer is None else transfer.kind,
            source=None if transfer is None else transfer.source,
            target=None if transfer is None else transfer.target,
            currency=None if transfer is None else transfer.currency,
            total=None if transfer is None else transfer.amount,
            memo=None if transfer is None else transfer.memo,
            metadata=None if transfer is None else apart(transfer).metadata,
            reverses=None if transfer is None else transfer.reverses,
            salt=salt,
            digest=digest,
            made_at=None if transfer is None else transfer.at,
        )
