"""Export of an owner's ledger, and erasure of the text in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict

from habitkit import ids
from habitkit.coins.auditing.audits import accounts_of, blocks_of, lines_of, pages
from habitkit.coins.auditing.domain.model import LedgerExport
from habitkit.coins.store import AUDIT, EXPIRING, HOLDS, LEDGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitkit.coins.auditing.domain.model import Block, LedgerLine
    from habitkit.coins.domain.expiring import ExpiringAward
    from habitkit.coins.domain.model import Hold, Settled
    from habitkit.transaction import Transaction

__all__ = ["export", "export_fields", "forget"]

_PAGE = 500


def export(tx: Transaction, owner: str) -> LedgerExport:
    """Return everything the ledger keeps about an owner."""
    tx.own(ids.owner(owner))
    accounts = tuple(accounts_of(tx, owner))
    audited = tx.supports(AUDIT)
    holds: list[Hold] = []
    for currency in sorted({account.currency for account in accounts}):
        holds += _holds(tx, owner, currency)
    return LedgerExport(
        owner,
        accounts,
        {account.id: tuple(lines_of(tx, account.id)) for account in accounts},
        tuple(holds),
        tuple(_entitlements(tx, owner)),
        {account.id: tuple(blocks_of(tx, account.id)) for account in accounts if audited},
        tuple(_expiring(tx, owner)),
    )


def export_fields(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return the same for ``kit.export``: values by name, those of an account by its id."""
    found = export(tx, owner)
    return {
        "accounts": [asdict(account) for account in found.accounts],
        "lines": {str(id_): list(map(_fields, lines)) for id_, lines in found.lines.items()},
        "holds": found.holds,
        "expiring": found.expiring,
        "entitlements": found.entitlements,
        "blocks": {str(id_): list(map(_fields, blocks)) for id_, blocks in found.blocks.items()},
    }


def _fields(value: LedgerLine | Block) -> dict[str, Any]:
    """Return a value by field, bytes as hexadecimal digits."""
    return asdict(
        value, value_serializer=lambda _, __, it: it.hex() if isinstance(it, bytes) else it
    )


def forget(tx: Transaction, owner: str) -> int:
    """Erase every memo and all metadata of transfers that an owner is a party to.

    Amounts, balances and block hashes stay as they are, and the audit stays clean.

    Returns:
        How many transfers had something to erase.
    """
    tx.own(ids.owner(owner))
    tx.lock(owner)
    wallets = [account for account in accounts_of(tx, owner) if account.role == "wallet"]
    erased = 0
    # The other party may forget the same transfers now: both take them by currency, oldest first.
    for account in sorted(wallets, key=lambda wallet: wallet.currency):
        for start in range(0, account.seq, _PAGE):
            erased += tx.port(LEDGER).erase(account.id, start, start + _PAGE)
    return erased


def _holds(tx: Transaction, owner: str, currency: str) -> Iterator[Hold]:
    """Read an owner's holds page by page."""
    holds = tx.port(HOLDS)
    return pages(lambda after: holds.page(owner, currency, after, _PAGE, open_at=None), "seq", None)


def _expiring(tx: Transaction, owner: str) -> Iterator[ExpiringAward]:
    """Read an owner's expiring awards page by page."""
    if not tx.supports(EXPIRING):
        return iter(())
    return pages(lambda after: tx.port(EXPIRING).of_owner(owner, after, _PAGE), "id", None)


def _entitlements(tx: Transaction, owner: str) -> Iterator[Settled]:
    """Read an owner's entitlements page by page."""
    return pages(lambda after: tx.port(LEDGER).entitlements(owner, after, _PAGE), "key", None)
