"""Coins: a double-entry ledger with holds and block hashes, and what facts entitle an owner to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._late import loader
from habitkit.coins.economy import Economy, RewardRule, RuleSet
from habitkit.coins.model import Account, Balance, Entry, Hold, Posting, Settled, Transfer

if TYPE_CHECKING:
    from habitkit.coins.books import AuditReport, Block, Finding, Head, LedgerExport, Line

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
    "Line",
    "Posting",
    "RewardRule",
    "RuleSet",
    "Settled",
    "Transfer",
]

_PAGES = {"books": ("AuditReport", "Block", "Finding", "Head", "LedgerExport", "Line")}
if not TYPE_CHECKING:  # which would take any name to be there
    __getattr__, __dir__ = loader(globals(), __name__, _PAGES)
