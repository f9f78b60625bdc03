"""The description of the coins module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.coins.events import CoinsPosted, HoldClosed
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import COINS, HOLDS, LEDGER
from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.module import Sweeper
    from habitkit.transaction import Transaction

__all__ = ["MODULE"]


class _Coins(Module):
    name = "coins"
    ports = (COINS, HOLDS, LEDGER)
    events = (CoinsPosted, HoldClosed)
    settings = CoinSettings

    def sweepers(self) -> Mapping[str, Sweeper]:
        from habitkit.coins.auditing.sealing import seal_entries  # noqa: PLC0415 - only in a sweep
        from habitkit.coins.expiring_awards import expire_awards  # noqa: PLC0415
        from habitkit.coins.reservations import expire_holds  # noqa: PLC0415

        return {
            "expired_holds": expire_holds,
            "expired_awards": expire_awards,
            "sealed_entries": seal_entries,
        }

    def forget(self, tx: Transaction, owner: str) -> int:
        from habitkit.coins.erasure import forget  # noqa: PLC0415

        return forget(tx, owner)

    def export(self, tx: Transaction, owner: str) -> Mapping[str, Any]:
        from habitkit.coins.erasure import export_fields  # noqa: PLC0415

        return export_fields(tx, owner)


MODULE = _Coins()
