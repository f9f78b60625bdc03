"""The journal's part of the sweep: apply messages, forget old idempotency keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.journal import idempotency
from habitkit.journal.domain.model import Swept
from habitkit.maintenance import sweep_items
from habitkit.workflow import Call

if TYPE_CHECKING:
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["apply_messages", "forget_old_keys"]


def apply_messages(settings: KitSettings, limit: int) -> Steps[Swept]:
    """Apply messages that wait in inboxes, one transaction an owner, up to a limit."""
    tried: dict[str, int] = {}  # by owner, as a transaction may run twice

    def owners(tx: Transaction, count: int) -> list[str]:
        return tx.stores.inbox.owners(count, settings.messages.keys())

    def apply(tx: Transaction, owner: str) -> Swept:
        tried[owner] = 0
        left = limit - sum(tried.values())
        if left <= 0:
            return Swept(0, more=True)
        applied, failures = tx.apply_messages(owner, left)
        tried[owner] = applied + len(failures)
        return Swept(applied, tuple(failures), more=tried[owner] >= left)

    return sweep_items(owners, apply, str, limit)


def forget_old_keys(_: KitSettings, limit: int) -> Steps[Swept]:
    """Delete idempotency records and applied messages that are too old, up to a limit."""
    forgotten: int = yield Call(idempotency.forget_old_keys, (limit,))
    return Swept(forgotten, more=forgotten >= limit)
