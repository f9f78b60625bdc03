"""The ports of audit, sealing, export and erasure on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict
from sqlalchemy import (
    ColumnElement,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy.tables import (
    accounts,
    blocks,
    entitlements,
    entries,
    holds,
    transfers,
    unsealed,
)
from habitkit.coins.auditing.domain.model import Block, LedgerLine, Sum, UnsealedAccount
from habitkit.coins.domain.model import Account, Settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.coins.auditing.domain.model import Digest

__all__ = ["Audit", "halves", "settled_of", "whole"]

_LINE = (
    entries.c.seq,
    entries.c.transfer_id,
    entries.c.amount,
    entries.c.balance,
    entries.c.at,
    entries.c.dated_at,
    transfers.c.kind,
    transfers.c.source,
    transfers.c.target,
    transfers.c.currency,
    transfers.c.amount.label("total"),
    transfers.c.memo,
    transfers.c.metadata,
    transfers.c.reverses,
    transfers.c.salt,
    transfers.c.digest,
    transfers.c.at.label("made_at"),
)
_WORDY = or_(transfers.c.memo.is_not(None), transfers.c.metadata.is_not(None))
"""It has a memo or metadata, which the other party may erase while an entry of it is sealed."""


class Audit:
    """Whole accounts, their chains of blocks, and what is to be erased."""

    _ACCOUNT = Prepared(lambda _: select(accounts).where(accounts.c.id == bindparam("id")))
    _HELD = Prepared(
        lambda _: select(func.coalesce(func.sum(holds.c.amount), 0)).where(
            holds.c.owner == bindparam("owner"),
            holds.c.currency == bindparam("currency"),
            holds.c.state == "open",
        )
    )
    _UNSEALED = Prepared(
        lambda insert: (
            insert(unsealed).values(account_id=bindparam("account_id")).on_conflict_do_nothing()
        )
    )
    _DIGEST = Prepared(
        lambda _: (
            update(transfers)
            .where(transfers.c.id == bindparam("transfer_id"), transfers.c.digest.is_(None), _WORDY)
            .values(salt=bindparam("new_salt"), digest=bindparam("new_digest"))
        )
    )
    _BLOCK = Prepared(
        lambda insert: insert(blocks).values({c.name: bindparam(c.name) for c in blocks.c}),
        kind="block",
    )
    _SEALED = Prepared(
        lambda _: (
            update(accounts)
            .where(accounts.c.id == bindparam("account_id"))
            .values(sealed=bindparam("new_sealed"))
        )
    )
    _DONE = Prepared(
        lambda _: delete(unsealed).where(unsealed.c.account_id == bindparam("account_id"))
    )
    _LAST = Prepared(
        lambda _: (
            select(blocks)
            .where(blocks.c.account_id == bindparam("account_id"))
            .order_by(blocks.c.last.desc())
            .limit(1)
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def account(self, account_id: UUID) -> Account | None:
        """Return one account."""
        row = self._link.record(self._ACCOUNT, {"id": account_id})
        return None if row is None else Account(**row)

    def accounts(self, after: UUID | None, limit: int, *, owner: str | None) -> list[Account]:
        """Return a page of accounts."""
        wanted: list[ColumnElement[bool]] = [] if owner is None else [accounts.c.owner == owner]
        if after is not None:
            wanted.append(accounts.c.id > after)
        statement = select(accounts).where(*wanted).order_by(accounts.c.id).limit(limit)
        return [Account(**row) for row in self._link.select_records(statement)]

    def lines(self, account_id: UUID, after: int, limit: int) -> list[LedgerLine]:
        """Return a page of entries with their transfers."""
        statement = (
            select(*_LINE)
            .outerjoin_from(entries, transfers, transfers.c.id == entries.c.transfer_id)
            .where(entries.c.account_id == account_id, entries.c.seq > after)
            .order_by(entries.c.seq)
            .limit(limit)
        )
        return [LedgerLine(**row) for row in self._link.select_records(statement)]

    def sums(self) -> list[Sum]:
        """Return the sums of each currency."""
        balances = select(accounts.c.currency, *halves(accounts.c.balance)).group_by(
            accounts.c.currency
        )
        counted = (
            select(accounts.c.currency, *halves(entries.c.amount), func.count())
            .join_from(entries, accounts, accounts.c.id == entries.c.account_id)
            .group_by(accounts.c.currency)
        )
        made = select(transfers.c.currency, func.count()).group_by(transfers.c.currency)
        balance_of = {c: whole(high, low) for c, high, low in self._link.select(balances)}
        entries_of = {
            currency: (whole(high, low), count)
            for currency, high, low, count in self._link.select(counted)
        }
        made_of = {row[0]: row[1] for row in self._link.select(made)}
        rows = []
        for currency in sorted({*balance_of, *made_of}):
            amounts, count = entries_of.get(currency, (0, 0))
            rows.append(
                Sum(
                    currency=currency,
                    balances=balance_of.get(currency, 0),
                    amounts=amounts,
                    entries=count,
                    transfers=made_of.get(currency, 0),
                )
            )
        return rows

    def held(self, owner: str, currency: str) -> int:
        """Return the sum of an owner's open holds."""
        row = self._link.row(self._HELD, {"owner": owner, "currency": currency})
        return 0 if row is None else int(row[0])

    def unsealed(self, account_ids: Sequence[UUID]) -> None:
        """Queue accounts with entries that no block covers."""
        self._link.run_many(self._UNSEALED, [{"account_id": id_} for id_ in account_ids])

    def to_seal(self, after: UUID | None, limit: int) -> list[UnsealedAccount]:
        """Return queued accounts."""
        statement = (
            select(unsealed.c.account_id, accounts.c.owner)
            .join(accounts, accounts.c.id == unsealed.c.account_id)
            .order_by(unsealed.c.account_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(unsealed.c.account_id > after)
        return [UnsealedAccount(owner, id_) for id_, owner in self._link.select(statement)]

    def digest(self, digests: Sequence[Digest]) -> None:
        """Give transfers a digest where they have none."""
        self._link.run_many(
            self._DIGEST,
            [
                {
                    "transfer_id": row.transfer_id,
                    "new_salt": row.salt,
                    "new_digest": row.digest,
                }
                for row in digests
            ],
        )

    def seal(self, block: Block, *, more: bool) -> None:
        """Add a block."""
        self._link.run(self._BLOCK, asdict(block, recurse=False))
        values = {"account_id": block.account_id, "new_sealed": block.last}
        self._link.run(self._SEALED, values)
        if not more:
            self._link.run(self._DONE, values)

    def blocks(self, account_id: UUID, after: int, limit: int) -> list[Block]:
        """Return a page of blocks."""
        statement = (
            select(blocks)
            .where(blocks.c.account_id == account_id, blocks.c.last > after)
            .order_by(blocks.c.last)
            .limit(limit)
        )
        return [Block(**row) for row in self._link.select_records(statement)]

    def last_block(self, account_id: UUID) -> Block | None:
        """Return an account's last block."""
        row = self._link.record(self._LAST, {"account_id": account_id})
        return None if row is None else Block(**row)

    def entitlements(self, owner: str, after: str | None, limit: int) -> list[Settled]:
        """Return a page of an owner's entitlements."""
        statement = select(
            entitlements.c.key, entitlements.c.currency, entitlements.c.settled
        ).where(entitlements.c.owner == owner)
        if after is not None:
            statement = statement.where(entitlements.c.key > after)
        rows = self._link.select_records(statement.order_by(entitlements.c.key).limit(limit))
        return [settled_of(row) for row in rows]

    def erase(self, account_id: UUID, after: int, last: int) -> int:
        """Erase memos, metadata and salts."""
        locked = (
            select(transfers.c.id, _WORDY)
            .join(entries, entries.c.transfer_id == transfers.c.id)
            .where(entries.c.account_id == account_id, entries.c.seq > after, entries.c.seq <= last)
            .where(or_(_WORDY, transfers.c.salt.is_not(None)))
            .order_by(entries.c.seq)
            .with_for_update(of=transfers)
        )
        rows = list(self._link.select(locked))
        of_account = [row[0] for row in rows]
        self._link.execute(
            update(transfers)
            .where(transfers.c.id.in_(of_account))
            .values(memo=null(), metadata=null(), salt=null())
        )
        return sum(bool(row[1]) for row in rows)


def settled_of(row: Mapping[str, Any]) -> Settled:
    """Return a row as what was paid for an entitlement."""
    return Settled(key=row["key"], currency=row["currency"], amount=row["settled"])


def halves(column: ColumnElement[int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return the sums of a column's upper and lower 32 bits: SQLite's own ends at 64."""
    upper = column.bitwise_rshift(literal_column("32"))
    lower = column.bitwise_and(literal_column("4294967295"))
    return func.sum(upper), func.sum(lower)


def whole(upper: int, lower: int) -> int:
    """Return the sum of which these are the halves."""
    return (int(upper) << 32) + int(lower)
