"""Coins: a double-entry ledger, and what the facts entitle an owner to."""

from habitkit.coins.model import Balance, Economy, Entry, RewardRule, Transfer

__all__ = ["Balance", "Economy", "Entry", "RewardRule", "Transfer"]
