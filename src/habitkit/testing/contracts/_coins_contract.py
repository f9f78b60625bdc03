"""``CoinsContract``: what a store that keeps coins must hold."""

from __future__ import annotations

from habitkit.testing.contracts._audit_store import AuditStoreCases
from habitkit.testing.contracts._audits import AuditCases
from habitkit.testing.contracts._coin_races import CoinRaces
from habitkit.testing.contracts._coin_store import LedgerCases
from habitkit.testing.contracts._coin_store_accounts import AccountCases
from habitkit.testing.contracts._coins import CoinCases, HistoryOfCoinsCases
from habitkit.testing.contracts._economies import EconomyCases
from habitkit.testing.contracts._erasure import ErasureCases
from habitkit.testing.contracts._hold_races import HoldRaces
from habitkit.testing.contracts._hold_store import HoldStoreCases
from habitkit.testing.contracts._holds import HoldCases
from habitkit.testing.contracts._post_many import BatchCases
from habitkit.testing.contracts._reversals import ReversalCases
from habitkit.testing.contracts._rewards import RewardCases
from habitkit.testing.contracts._sealing import SealingCases
from habitkit.testing.contracts._statements import AsOfCases, StatementCases

__all__ = ["CoinsContract"]


class CoinsContract(
    LedgerCases,
    AccountCases,
    HoldStoreCases,
    AuditStoreCases,
    CoinCases,
    HistoryOfCoinsCases,
    RewardCases,
    HoldCases,
    HoldRaces,
    ReversalCases,
    BatchCases,
    StatementCases,
    AsOfCases,
    EconomyCases,
    SealingCases,
    ErasureCases,
    AuditCases,
    CoinRaces,
):
    """What a store must hold that supports the module ``coins``.

    What coins have to do with habits is tested if the store keeps habits too.
    """

    proves = frozenset({"coins"})
