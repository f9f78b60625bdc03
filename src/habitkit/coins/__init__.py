"""Coins: a double-entry ledger with holds and block hashes, and what facts entitle an owner to."""

from habitkit.coins.audit.domain.model import (
    AuditReport,
    Block,
    Finding,
    Head,
    LedgerExport,
    LedgerLine,
)
from habitkit.coins.domain.economy import Economy, RewardRule, RuleSet
from habitkit.coins.domain.model import Account, Balance, Entry, Hold, Posting, Settled, Transfer

__all__ = [
    "Account",
    "AuditReport",
    "Balance",
    "Block",
    "Economy",
    "Entry",
    "Finding",
    "Head",
    "Hold",
    "LedgerExport",
    "LedgerLine",
    "Posting",
    "RewardRule",
    "RuleSet",
    "Settled",
    "Transfer",
]
