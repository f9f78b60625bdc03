"""Sealing: new entries of wallets get block hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.coins.auditing.domain.hash_chain import (
    BEGINNING,
    block_hash,
    hash_prefixes,
    line_hash,
    words_digest,
)
from habitkit.coins.auditing.domain.model import Block, Digest
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import AUDIT, LEDGER
from habitkit.errors import ConfigurationError, UsageError
from habitkit.journal.domain.model import Failure, Swept
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.coins.auditing.domain.model import UnsealedAccount
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["seal_entries"]

_PAGE = 500


def seal_entries(_: KitSettings, limit: int) -> Steps[Swept]:
    """Seal new entries of a limited number of wallets, for the sweep."""
    count, more, after = 0, False, None
    failures: list[Failure] = []
    while not count:  # wallets whose entries are gone cannot be sealed, and stop no others
        waiting: list[UnsealedAccount] = yield Call(_to_seal, (after, limit), write=False)
        for each in waiting:
            after = each.account_id
            try:
                sealed: int = yield Call(_seal, (each.account_id, each.owner))
            except (UsageError, ConfigurationError):
                raise
            except Exception as error:  # noqa: BLE001 - one wallet must not stop the others
                failures.append(Failure(str(each.account_id), reason(error)))
                continue
            count += sealed
            more = more or sealed >= _PAGE
        if len(waiting) < limit:
            return Swept(count, tuple(failures), more)
    return Swept(count, tuple(failures), more=True)


def _to_seal(tx: Transaction, after: UUID | None, limit: int) -> list[UnsealedAccount]:
    return tx.port(AUDIT).to_seal(after, limit) if tx.supports(AUDIT) else []


def _seal(tx: Transaction, account_id: UUID, owner: str) -> int:
    """Seal the next entries of a wallet; return how many."""
    tx.lock(owner)
    store = tx.port(AUDIT)
    account = store.account(account_id)
    if account is None or account.sealed == account.seq:
        return 0
    lines = tx.port(LEDGER).lines(account_id, account.sealed, _PAGE)
    if not lines:
        return 0  # entries are missing, which the audit reports
    fresh = []
    for line in lines:
        if line.digest is None and (line.memo, line.metadata) != (None, None):
            salt = tx.new_id().bytes
            fresh.append(Digest(line.transfer_id, salt, words_digest(salt, line)))
    if fresh:
        store.digest(fresh)
        lines = tx.port(LEDGER).lines(
            account_id, account.sealed, _PAGE
        )  # another caller may have sealed it already
    hashes = [line_hash(line) for line in lines]
    before = store.last_block(account_id)
    start = BEGINNING if before is None else before.hash
    block = Block(
        account_id,
        lines[0].seq,
        lines[-1].seq,
        block_hash(start, hashes, tx.settings(CoinSettings).audit_key),
        hash_prefixes(hashes),
        tx.now,
    )
    store.seal(block, more=block.last < account.seq)
    return len(lines)
