"""The ports of holds and of the audit in memory."""

from __future__ import annotations

from copy import deepcopy
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.backends.memory._tables import Table
from habitkit.coins.audit.domain.model import LedgerLine, Sum
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.audit.domain.model import Block, Digest
    from habitkit.coins.domain.model import Account, Hold, Move, Settled, Transfer

__all__ = ["Audit", "Holds", "apart"]

_by_seq = attrgetter("seq")


def apart(transfer: Transfer) -> Transfer:
    """Return a transfer with metadata of its own: what a caller does to his changes no fact."""
    if transfer.metadata is None:
        return transfer
    return evolve(transfer, metadata=deepcopy(transfer.metadata))


class Holds:
    """Holds, and by owner and currency which there are."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._holds: Table[UUID, Hold] = Table(log, "hold")
        self._places: Table[tuple[str, str], tuple[UUID, ...]] = Table(log, "hold")

    def add(self, hold: Hold) -> None:
        """Add an open hold."""
        self._holds.insert(hold.id, hold)
        place = (hold.owner, hold.currency)
        self._places.put(place, (*self._places.get(place, ()), hold.id))

    def get(self, hold_id: UUID) -> Hold | None:
        """Return a hold."""
        return self._holds.get(hold_id)

    def end(self, hold: Hold) -> None:
        """Write what has become of an open hold."""
        before = self._holds.get(hold.id)
        if before is None or before.state != "open":
            msg = f"the hold {hold.id} is not open"
            raise IntegrityError(msg)
        ended = evolve(before, state=hold.state, settled=hold.settled, ended_at=hold.ended_at)
        self._holds.put(hold.id, ended)

    def page(
        self, owner: str, currency: str, after: int | None, limit: int, *, open_at: datetime | None
    ) -> list[Hold]:
        """Return a page of an owner's holds."""
        found = [
            hold
            for hold in self._of(owner, currency)
            if (after is None or hold.seq > after)
            and (open_at is None or (hold.state == "open" and not hold.lapsed(open_at)))
        ]
        return sorted(found, key=_by_seq)[:limit]

    def lapsed(self, owner: str, currency: str, at: datetime, *, still_open: bool) -> int:
        """Return the sum of holds that had expired by an instant while escrow still held them."""
        return sum(
            hold.amount
            for hold in self._of(owner, currency)
            if hold.at <= at
            and hold.expires_at is not None
            and hold.expires_at <= at
            and (hold.ended_at is None or (hold.ended_at > at and not still_open))
        )

    def overdue(
        self, now: datetime, limit: int, *, owner: str | None = None, currency: str | None = None
    ) -> list[Hold]:
        """Return open holds that are past their time."""
        among = self._holds if owner is None or currency is None else self._of(owner, currency)
        found = [hold for hold in among if hold.lapsed(now)]
        return sorted(found, key=lambda hold: (hold.expires_at or now, hold.id))[:limit]

    def held(self, owner: str, currency: str) -> int:
        """Return the sum of an owner's open holds."""
        return sum(hold.amount for hold in self._of(owner, currency) if hold.state == "open")

    def _of(self, owner: str, currency: str) -> list[Hold]:
        """Return an owner's holds."""
        return [self._holds.rows[id_] for id_ in self._places.get((owner, currency), ())]


class Audit:
    """What auditing, sealing, export and erasure need, on the tables of the ledger."""

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
        found = [
            account
            for account in self._accounts
            if (owner is None or account.owner == owner) and (after is None or account.id > after)
        ]
        return sorted(found, key=attrgetter("id"))[:limit]

    def lines(self, account_id: UUID, after: int, limit: int) -> list[LedgerLine]:
        """Return a page of entries with their transfers."""
        numbers = sorted(seq for id_, seq in self._of(account_id) if seq > after)
        return [self._line(self._entries.rows[account_id, seq]) for seq in numbers[:limit]]

    def sums(self) -> list[Sum]:
        """Return each currency in figures."""
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
        """Note that accounts have entries that no block covers."""
        for account_id in account_ids:
            self._unsealed.put(account_id, account_id)

    def to_seal(self, after: UUID | None, limit: int) -> list[tuple[UUID, str]]:
        """Return accounts so noted."""
        noted = sorted(id_ for id_ in self._unsealed if after is None or id_ > after)[:limit]
        return [(account_id, self._accounts.rows[account_id].owner) for account_id in noted]

    def digest(self, digests: Sequence[Digest]) -> None:
        """Give transfers a digest where they have none."""
        for row in digests:
            if row.transfer_id not in self._digests:
                self._digests.insert(row.transfer_id, (row.salt, row.digest))

    def seal(self, block: Block, *, more: bool) -> None:
        """Add a block."""
        account_id = block.account_id
        self._blocks.insert((account_id, block.last), block)
        self._accounts.put(account_id, self._accounts.rows[account_id]._replace(sealed=block.last))
        if not more:
            self._unsealed.delete(account_id)

    def blocks(self, account_id: UUID, after: int, limit: int) -> list[Block]:
        """Return a page of blocks."""
        found = [b for b in self._blocks if b.account_id == account_id and b.last > after]
        return sorted(found, key=attrgetter("last"))[:limit]

    def last_block(self, account_id: UUID) -> Block | None:
        """Return an account's last block."""
        found = self.blocks(account_id, 0, len(self._blocks.rows))
        return found[-1] if found else None

    def entitlements(self, owner: str, after: str | None, limit: int) -> list[Settled]:
        """Return a page of an owner's entitlements."""
        rows = self._settled.rows.items()
        found = [row for (of, key), row in rows if of == owner and (after is None or key > after)]
        return sorted(found, key=attrgetter("key"))[:limit]

    def forget(self, account_id: UUID, after: int, last: int) -> int:
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
