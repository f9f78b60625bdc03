"""The description of the journal, a module that every store supports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.events import Retracted
from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.module import Sweeper
    from habitkit.transaction import Transaction

__all__ = ["MODULE"]


class _Journal(Module):
    name = "journal"
    events = (Retracted,)

    def sweepers(self) -> Mapping[str, Sweeper]:
        from habitkit.journal.sweep import apply_messages, forget_old_keys  # noqa: PLC0415

        return {"messages": apply_messages, "old_keys": forget_old_keys}

    def forget(self, tx: Transaction, owner: str) -> int:
        from habitkit.journal.erasure import forget  # noqa: PLC0415

        return forget(tx, owner)

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:
        from habitkit.journal.erasure import export  # noqa: PLC0415

        return export(tx, owner)


MODULE = _Journal()
