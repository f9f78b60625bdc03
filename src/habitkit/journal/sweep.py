"""The journal's part of the sweep: apply messages, forget old idempotency keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import ConfigurationError, UsageError
from habitkit.journal import idempotency
from habitkit.journal.domain.model import Failure, Swept
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call

if TYPE_CHECKING:
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["apply_messages", "forget_old_keys"]


def apply_messages(_: KitSettings, limit: int) -> Steps[Swept]:
    """Apply messages that wait in inboxes, one transaction an owner, up to a limit."""
    applied = 0
    failures: list[Failure] = []
    owners: list[str] = yield Call(_owners_with_messages, (limit,), write=False)
    for owner in owners:
        left = limit - applied - len(failures)
        if left <= 0:
            break
        try:
            done, failed = yield Call(_apply_messages, (owner, left))
        except (UsageError, ConfigurationError):
            raise
        except Exception as error:  # noqa: BLE001 - one owner must not stop the others
            failures.append(Failure(owner, reason(error)))
            continue
        applied += done
        failures += failed
    return Swept(applied, tuple(failures), more=applied + len(failures) >= limit)


def forget_old_keys(_: KitSettings, limit: int) -> Steps[Swept]:
    """Delete idempotency records and applied messages that are too old, up to a limit."""
    forgotten: int = yield Call(idempotency.forget_old_keys, (limit,))
    return Swept(forgotten, more=forgotten >= limit)


def _owners_with_messages(tx: Transaction, limit: int) -> list[str]:
    return tx.stores.inbox.owners(limit)


def _apply_messages(tx: Transaction, owner: str, limit: int) -> tuple[int, list[Failure]]:
    return tx.apply_messages(owner, limit)
