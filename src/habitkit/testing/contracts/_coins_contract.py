"""``CoinsContract``: the guarantees of a store that keeps coins."""

from __future__ import annotations

from habitkit.testing.contracts._audit_store import AuditStoreCases
from habitkit.testing.contracts._coin_races import CoinRaces
from habitkit.testing.contracts._coin_store import LedgerCases
from habitkit.testing.contracts._coin_store_accounts import AccountCases
from habitkit.testing.contracts._coin_store_transfers import TransferCases
from habitkit.testing.contracts._expiring_store import ExpiringStoreCases
from habitkit.testing.contracts._export_store import ExportCases
from habitkit.testing.contracts._hold_races import HoldRaces
from habitkit.testing.contracts._hold_store import HoldStoreCases
from habitkit.testing.contracts._ledger_transactions import LedgerTransactionCases

__all__ = ["CoinsContract"]


class CoinsContract(
    LedgerCases,
    AccountCases,
    TransferCases,
    HoldStoreCases,
    ExpiringStoreCases,
    ExportCases,
    AuditStoreCases,
    LedgerTransactionCases,
    CoinRaces,
    HoldRaces,
):
    """The guarantees of a store that supports the module ``coins``."""

    proves = frozenset({"coins"})
