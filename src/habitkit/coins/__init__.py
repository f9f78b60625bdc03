"""Coins: a double-entry ledger with holds and block hashes, and the rewards for done habits.

The use cases are those of ``kit.coins``, for ``kit.run`` and reactions: ``coins.award(tx, ...)``.
"""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.coins.auditing.domain.model import (
        AuditReport,
        Block,
        Finding,
        Head,
        LedgerExport,
        LedgerLine,
    )
    from habitkit.coins.domain.economy import Economy, RewardRule, RuleSet
    from habitkit.coins.domain.expiring import AwardUse, ExpiringAward, ExpiringCoins
    from habitkit.coins.domain.model import (
        Account,
        Balance,
        Entry,
        Hold,
        Posting,
        Reversed,
        Settled,
        Transfer,
    )
    from habitkit.coins.errors import (
        AlreadyReversed,
        BalanceOverflow,
        BatchRefused,
        HoldEnded,
        InsufficientFunds,
        InvalidAmount,
        TransferNotReversible,
        UnknownCurrency,
    )
    from habitkit.coins.events import CoinsPosted, HoldClosed
    from habitkit.coins.service import (
        audit,
        award,
        balance,
        expiring,
        export,
        forget,
        head,
        hold,
        holds,
        owners,
        post_many,
        release,
        reserve,
        reverse,
        set_floor,
        settle,
        spend,
        statement,
        transfer,
    )
    from habitkit.coins.settings import CoinSettings
    from habitkit.coins.store import (
        AUDIT,
        COINS,
        EXPIRING,
        HOLDS,
        LEDGER,
        AuditStore,
        CoinStore,
        ExpiringStore,
        HoldStore,
        LedgerStore,
    )

__all__ = [
    "AUDIT",
    "COINS",
    "EXPIRING",
    "HOLDS",
    "LEDGER",
    "Account",
    "AlreadyReversed",
    "AuditReport",
    "AuditStore",
    "AwardUse",
    "Balance",
    "BalanceOverflow",
    "BatchRefused",
    "Block",
    "CoinSettings",
    "CoinStore",
    "CoinsPosted",
    "Economy",
    "Entry",
    "ExpiringAward",
    "ExpiringCoins",
    "ExpiringStore",
    "Finding",
    "Head",
    "Hold",
    "HoldClosed",
    "HoldEnded",
    "HoldStore",
    "InsufficientFunds",
    "InvalidAmount",
    "LedgerExport",
    "LedgerLine",
    "LedgerStore",
    "Posting",
    "Reversed",
    "RewardRule",
    "RuleSet",
    "Settled",
    "Transfer",
    "TransferNotReversible",
    "UnknownCurrency",
    "audit",
    "award",
    "balance",
    "expiring",
    "export",
    "forget",
    "head",
    "hold",
    "holds",
    "owners",
    "post_many",
    "release",
    "reserve",
    "reverse",
    "set_floor",
    "settle",
    "spend",
    "statement",
    "transfer",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        [
            "domain.model",
            "domain.expiring",
            "domain.economy",
            "auditing.domain.model",
            "errors",
            "events",
            "settings",
            "store",
            "service",
        ],
    )
