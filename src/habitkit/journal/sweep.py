"""The journal's part of the sweep: apply messages, forget old idempotency keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.journal.domain.model import Failure, SweepReport
from habitkit.journal.idempotency import forget_old_keys
from habitkit.workflow import Call

if TYPE_CHECKING:
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["sweep_journal"]


def sweep_journal(limit: int) -> Steps[SweepReport]:
    """Apply messages that wait and forget old keys, up to a limit of each: for the sweep."""
    applied = 0
    failures: list[Failure] = []
    owners: list[str] = yield Call(_owners_with_messages, (limit,), write=False)
    for owner in owners:
        left = limit - applied - len(failures)
        if left <= 0:
            break
        done, failed = yield Call(_apply_messages, (owner, left))
        applied += done
        failures += failed
    forgotten: int = yield Call(_forget_old_keys, (limit,))
    more = applied + len(failures) >= limit or forgotten >= limit
    return SweepReport(applied=applied, failed=tuple(failures), forgotten=forgotten, more=more)


def _owners_with_messages(tx: Transaction, limit: int) -> list[str]:
    return tx.stores.inbox.owners(limit)


def _apply_messages(tx: Transaction, owner: str, limit: int) -> tuple[int, list[Failure]]:
    return tx.apply_messages(owner, limit)


def _forget_old_keys(tx: Transaction, limit: int) -> int:
    return forget_old_keys(tx, limit)
