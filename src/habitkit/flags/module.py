"""The description of the flags module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.flags.events import FlagChanged
from habitkit.flags.store import FLAGS
from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.transaction import Transaction

__all__ = ["MODULE"]


class _Flags(Module):
    name = "flags"
    ports = (FLAGS,)
    events = (FlagChanged,)

    def forget(self, tx: Transaction, owner: str) -> int:
        from habitkit.flags.erasure import forget  # noqa: PLC0415 - only where it is used

        return forget(tx, owner)

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:
        from habitkit.flags.erasure import export_fields  # noqa: PLC0415

        return export_fields(tx, owner)


MODULE = _Flags()
