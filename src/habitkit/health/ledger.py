"""The daily check's part of the ledger: sums, and the accounts of a sample of owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.coins.auditing.audits import audit, check_sums
from habitkit.coins.store import AUDIT, LEDGER
from habitkit.health.domain.daily import DailyFinding
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from habitkit.coins.auditing.domain.model import AuditReport
    from habitkit.coins.auditing.domain.model import Finding as Fault
    from habitkit.coins.domain.model import Account
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["check_ledger"]

_PAGE = 500
_REMEDY = "see what has changed the ledger; kit.coins.audit() says more, and a backup what it was"


def check_ledger(
    settings: KitSettings, takes: Callable[[str], bool], visited: set[str]
) -> Steps[list[DailyFinding]]:
    """Check that each currency adds up, and audit the accounts of a sample of owners.

    Args:
        settings: The kit's settings.
        takes: Whether an owner is in the sample.
        visited: Gets the owners whose accounts were checked.
    """
    if not {"coins", AUDIT.name} <= settings.supported:
        return []
    faults: list[Fault] = yield Call(check_sums, (), write=False)
    seen: set[str] = set()
    after: UUID | None = None
    while True:
        page: list[Account] = yield Call(_page, (after,), write=False)
        for owner in dict.fromkeys(account.owner for account in page):
            if owner not in seen and takes(owner):
                report: AuditReport = yield Call(audit, (owner,), write=False)
                faults += report.findings
                seen.add(owner)
        if len(page) < _PAGE:
            break
        after = page[-1].id
    visited |= seen
    return [DailyFinding("ledger.fault", "error", _text(fault), _REMEDY) for fault in faults]


def _page(tx: Transaction, after: UUID | None) -> list[Account]:
    return tx.port(LEDGER).accounts(after, _PAGE, owner=None)


def _text(fault: Fault) -> str:
    """Return a fault with the account that has it."""
    names = [fault.owner, fault.role, fault.currency]
    entry = "" if fault.seq is None else f", entry {fault.seq}"
    return f"{' '.join(name for name in names if name)}{entry}: {fault.problem}"
