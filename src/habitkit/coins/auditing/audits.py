"""The use cases of the audit: checking the ledger, and returning the heads of its chains."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from habitkit import ids
from habitkit.coins.auditing.domain.checker import Checker
from habitkit.coins.auditing.domain.model import (
    AuditReport,
    Block,
    Finding,
    Head,
)
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import AUDIT, COINS, LEDGER
from habitkit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from habitkit.coins.auditing.domain.model import LedgerLine
    from habitkit.coins.domain.model import Account
    from habitkit.coins.drafts import Place
    from habitkit.transaction import Transaction

__all__ = ["accounts_of", "audit", "blocks_of", "check_sums", "head", "lines_of", "pages"]

Row = TypeVar("Row")

_PAGE = 500
_MAX_FINDINGS = 1000
_UNREADABLE = (ValueError, TypeError, ArithmeticError, AttributeError, LookupError)
"""The errors that reading a row may raise when it holds a value its column cannot have."""


class _CannotRead(Exception):
    """The next entry holds a value that its column cannot have."""

    def __init__(self, reason: Exception) -> None:
        self.reason = reason


def audit(tx: Transaction, owner: str | None = None, *, heads: Sequence[Head] = ()) -> AuditReport:
    """Check that the ledger adds up and that no sealed entry was changed.

    The audit reads in one transaction, so it sees one state, unless that runs at READ COMMITTED, as
    in ``kit.run`` and most hosts' own: there, use REPEATABLE READ or call it while nobody writes.

    For each account it checks that entries are numbered without gaps, each balance follows from the
    one before, each entry matches its transfer, the reversals of a transfer add up to at most its
    amount, balance, date and debt of the account are those of
    its last entry, escrow equals the sum of open holds, the chain of block hashes is complete, and
    the accounts on the other side exist. For the whole ledger it also checks that each currency
    sums to zero, each transfer has two entries and unsealed entries are queued for sealing.

    Args:
        tx: The transaction.
        owner: Whose accounts; the whole ledger by default.
        heads: What ``head`` returned earlier and was kept elsewhere: then entries that were cut
            off together with their blocks are noticed. Heads of other owners are ignored.

    Returns:
        What was checked and found.

    Raises:
        NotFound: In a kit of one owner, if the whole ledger is asked for.
        InvalidInput: If the heads are not a list of results of ``head``.
    """
    if owner is not None:
        tx.own(ids.owner(owner))
    elif tx.scope is not None:
        raise NotFound("ledger", owner)
    untyped: object = heads
    if not isinstance(untyped, (list, tuple)) or not all(
        isinstance(each, Head) for each in untyped
    ):
        raise InvalidInput("heads", given=heads, expected="a list of results of head()")
    expected: dict[UUID, list[Head]] = {}
    for each in heads:
        if owner in {None, each.owner}:
            expected.setdefault(each.account_id, []).append(each)
    counted = entries = sealed = 0
    findings: list[Finding] = [] if owner is not None else check_sums(tx)
    noted = _noted(tx) if owner is None else None
    there: set[Place] = set()
    partners: dict[Place, None] = {}
    for account in accounts_of(tx, owner):
        checker = Checker(
            account,
            expected.pop(account.id, ()),
            tx.settings(CoinSettings).audit_key,
            partial(_amount_of, tx),
        )
        problem = _check(tx, checker)
        if problem is None and account.role == "wallet" and noted is not None:
            problem = checker.check_note(noted=account.id in noted)
        if problem is not None and len(findings) < _MAX_FINDINGS:
            findings.append(problem)
        there.add((account.owner, account.role, account.currency))
        partners |= {(account.owner, r, account.currency): None for r in sorted(checker.partners)}
        counted += 1
        entries += checker.entries
        sealed += checker.sealed
    findings += [
        Finding("the account is missing", owner=of, currency=currency, role=role)
        for of, role, currency in partners
        if (of, role, currency) not in there
    ]
    findings += [
        Finding(
            f"the wallet {lost.account_id} is missing", owner=lost.owner, currency=lost.currency
        )
        for lost, *_ in expected.values()
    ]
    return AuditReport(counted, entries, sealed, tuple(findings[:_MAX_FINDINGS]))


def head(tx: Transaction, owner: str) -> list[Head]:
    """Return the heads of the hash chains of an owner's wallets, one per currency.

    Keep them where people with write access to the database cannot change them, for ``audit``.
    """
    tx.own(ids.owner(owner))
    heads = []
    for account in accounts_of(tx, owner):
        if account.role == "wallet":
            last = tx.port(AUDIT).last_block(account.id)
            heads.append(
                Head(account.id, owner, account.currency, last.last, last.hash.hex())
                if last
                else Head(account.id, owner, account.currency, 0, "")
            )
    return heads


def _check(tx: Transaction, checker: Checker) -> Finding | None:
    """Return the first problem of an account, or None."""
    account = checker.account
    try:
        problem = checker.run(_lines_one_by_one(tx, account.id), blocks_of(tx, account.id))
        if problem is None and account.role == "escrow":
            problem = checker.check_holds(tx.port(AUDIT).held(account.owner, account.currency))
    except _CannotRead as error:
        return checker.unreadable(checker.entries + 1, error.reason)
    except _UNREADABLE as error:
        return checker.unreadable(checker.entries, error)
    return problem


def _amount_of(tx: Transaction, transfer_id: UUID) -> int | None:
    """Return the amount of a transfer; None if there is no such transfer."""
    transfer = tx.port(COINS).transfer(transfer_id)
    return None if transfer is None else transfer.amount


def _noted(tx: Transaction) -> set[UUID]:
    """Return which accounts are queued for sealing."""
    account_ids: set[UUID] = set()
    after: UUID | None = None
    while True:
        page = tx.port(AUDIT).to_seal(after, _PAGE)
        account_ids.update(each.account_id for each in page)
        if len(page) < _PAGE:
            return account_ids
        after = page[-1].account_id


def _lines_one_by_one(tx: Transaction, account_id: UUID) -> Iterator[LedgerLine]:
    """Read an account's entries page by page; those of a page that cannot be read, one by one."""
    lines, after = tx.port(LEDGER).lines, 0
    while True:
        size = _PAGE
        try:
            page = lines(account_id, after, size)
        except _UNREADABLE:
            size = 1
            try:
                page = lines(account_id, after, size)
            except _UNREADABLE as error:
                raise _CannotRead(error) from error
        yield from page
        if len(page) < size:
            return
        after = page[-1].seq


def check_sums(tx: Transaction) -> list[Finding]:
    """Find currencies that do not add up."""
    findings = []
    for row in tx.port(AUDIT).sums():
        if row.balances or row.amounts:
            sums = f"balances sum to {row.balances} and entries to {row.amounts}"
            problem = f"{sums}, expected 0 and 0"
            findings.append(Finding(problem, currency=row.currency))
        if row.entries != 2 * row.transfers:
            problem = f"{row.transfers} transfers have {row.entries} entries, expected two each"
            findings.append(Finding(problem, currency=row.currency))
    return findings


def accounts_of(tx: Transaction, owner: str | None) -> Iterator[Account]:
    """Read accounts page by page."""
    return pages(lambda after: tx.port(LEDGER).accounts(after, _PAGE, owner=owner), "id", None)


def lines_of(tx: Transaction, account_id: UUID) -> Iterator[LedgerLine]:
    """Read an account's entries page by page."""
    return pages(lambda after: tx.port(LEDGER).lines(account_id, after, _PAGE), "seq", 0)


def blocks_of(tx: Transaction, account_id: UUID) -> Iterator[Block]:
    """Read a wallet's blocks page by page."""
    return pages(lambda after: tx.port(AUDIT).blocks(account_id, after, _PAGE), "last", 0)


def pages(page: Callable[[Any], Sequence[Row]], place: str, start: object) -> Iterator[Row]:
    """Read what comes in pages until one is not full; the next one begins after the last row."""
    after = start
    while True:
        rows = page(after)
        yield from rows
        if len(rows) < _PAGE:
            return
        after = getattr(rows[-1], place)
