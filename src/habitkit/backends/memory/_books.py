"""The ports of holds and of the ledger's books in memory."""

from __future__ import annotations

from copy import deepcopy
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.backends.memory._tables import Table
from habitkit.coins import late
from habitkit.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.books import Block, Digest, Line, Sum
    from habitkit.coins.model import Account, Hold, Move, Settled, Transfer

__all__ = ["Books", "Holds", "apart"]

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
        self._holds: Table[int, Hold] = Table(log, "hold")
        self._places: Table[tuple[str, str], tuple[int, ...]] = Table(log, "hold")

    def add(self, hold: Hold) -> None:
        """Add an open hold."""
        self._holds.insert(hold.id.int, hold)
        place = (hold.owner, hold.currency)
        self._places.put(place, (*self._places.get(place, ()), hold.id.int))

    def get(self, hold_id: UUID) -> Hold | None:
        """Return a hold."""
        return self._holds.get(hold_id.int)

    def end(self, hold: Hold) -> None:
        """Write what has become of an open hold."""
        before = self._holds.get(hold.id.int)
        if before is None or before.state != "open":
            msg = f"the hold {hold.id} is not open"
            raise IntegrityError(msg)
        ended = evolve(before, state=hold.state, settled=hold.settled, ended_at=hold.ended_at)
        self._holds.put(hold.id.int, ended)

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


class Books:
    """What auditing, sealing, export and erasure need, on the tables of the ledger."""

    def __init__(
        self,
        log: UndoLog,
        accounts: Table[int, Account],
        transfers: Table[int, Transfer],
        entries: Table[tuple[int, int], Move],
        settled: Table[tuple[str, str], Settled],
        holds: Holds,
    ) -> None:
        """Keep the ledger's tables and make those of the blocks."""
        self._accounts = accounts
        self._transfers = transfers
        self._entries = entries
        self._settled = settled
        self.held = holds.held
        self._unsealed: Table[int, UUID] = Table(log, "note")
        self._digests: Table[int, tuple[bytes | None, bytes]] = Table(log, "digest")
        self._blocks: Table[tuple[int, int], Block] = Table(log, "block")

    def account(self, account_id: UUID) -> Account | None:
        """Return one account."""
        return self._accounts.get(account_id.int)

    def accounts(self, after: UUID | None, limit: int, *, owner: str | None) -> list[Account]:
        """Return a page of accounts."""
        found = [
            account
            for account in self._accounts
            if (owner is None or account.owner == owner) and (after is None or account.id > after)
        ]
        return sorted(found)[:limit]

    def lines(self, account_id: UUID, after: int, limit: int) -> list[Line]:
        """Return a page of entries with their transfers."""
        numbers = sorted(seq for id_, seq in self._of(account_id) if seq > after)
        return [self._line(self._entries.rows[account_id.int, seq]) for seq in numbers[:limit]]

    def sums(self) -> list[Sum]:
        """Return each currency in figures."""
        currencies = {id_: account.currency for id_, account in self._accounts.rows.items()}
        moves = [(currencies[move.account_id.int], move.amount) for move in self._entries]
        transfers = [transfer.currency for transfer in self._transfers]
        return [
            late.Sum(
                currency,
                sum(a.balance for a in self._accounts if a.currency == currency),
                sum(amount for of, amount in moves if of == currency),
                sum(of == currency for of, _ in moves),
                transfers.count(currency),
            )
            for currency in sorted({*currencies.values(), *transfers})
        ]

    def unsealed(self, account_ids: Iterable[UUID]) -> None:
        """Note that accounts have entries that no block covers."""
        for account_id in account_ids:
            self._unsealed.put(account_id.int, account_id)

    def to_seal(self, after: UUID | None, limit: int) -> list[tuple[UUID, str]]:
        """Return accounts so noted."""
        noted = sorted(id_ for id_ in self._unsealed if after is None or id_ > after)[:limit]
        return [(account_id, self._accounts.rows[account_id.int].owner) for account_id in noted]

    def digest(self, digests: Sequence[Digest]) -> None:
        """Give transfers a digest where they have none."""
        for transfer_id, salt, digest in digests:
            if transfer_id.int not in self._digests:
                self._digests.insert(transfer_id.int, (salt, digest))

    def seal(self, block: Block, *, more: bool) -> None:
        """Add a block."""
        number = block.account_id.int
        self._blocks.insert((number, block.last), block)
        self._accounts.put(number, self._accounts.rows[number]._replace(sealed=block.last))
        if not more:
            self._unsealed.delete(number)

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
        return sorted(found)[:limit]

    def forget(self, account_id: UUID, after: int, last: int) -> int:
        """Erase memos, metadata and salts."""
        erased = 0
        for _, seq in self._of(account_id):
            if after < seq <= last:
                number = self._entries.rows[account_id.int, seq].transfer_id.int
                transfer = self._transfers.rows[number]
                if (transfer.memo, transfer.metadata) != (None, None):
                    self._transfers.put(number, evolve(transfer, memo=None, metadata=None))
                    erased += 1
                if number in self._digests:
                    self._digests.put(number, (None, self._digests.rows[number][1]))
        return erased

    def _of(self, account_id: UUID) -> list[tuple[int, int]]:
        """Return the places of an account's entries."""
        return [place for place in self._entries.rows if place[0] == account_id.int]

    def _line(self, move: Move) -> Line:
        """Return an entry with its transfer."""
        _, seq, transfer_id, amount, balance, at, _ = move
        own = (seq, transfer_id, amount, balance, at)
        transfer = self._transfers.get(transfer_id.int)
        salt, digest = self._digests.get(transfer_id.int, (None, None))
        if transfer is None:
            return late.Line(
                *own, None, None, None, None, None, None, None, None, salt, digest, None
            )
        return late.Line(
            *own,
            transfer.kind,
            transfer.source,
            transfer.target,
            transfer.currency,
            transfer.amount,
            transfer.memo,
            apart(transfer).metadata,
            transfer.reverses,
            salt,
            digest,
            transfer.at,
        )
