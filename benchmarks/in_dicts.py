"""A check-in and a spend on plain dicts: the floor of the memory store, for information."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks._kinds import NOW

if TYPE_CHECKING:
    from benchmarks._ledger_fill import Order


class Dicts:
    """Nothing can be undone, no rule is held, no other thread may come."""

    def __init__(self) -> None:
        """Make empty tables."""
        self.habits: dict[uuid.UUID, tuple[str, str]] = {}
        self.revs: dict[str, int] = {}
        self.snapshots: dict[uuid.UUID, tuple[date, int, int]] = {}
        self.facts: dict[uuid.UUID, dict[str, Any]] = {}
        self.settled: dict[tuple[str, str], int] = {}
        self.accounts: dict[tuple[str, str], tuple[int, int]] = {}
        self.transfers: dict[uuid.UUID, dict[str, Any]] = {}
        self.entries: dict[tuple[str, str, int], tuple[Any, ...]] = {}
        self.events: dict[tuple[str, int, int], tuple[Any, ...]] = {}

    def check_in(self, habit_id: uuid.UUID) -> int:
        """Check in for today and earn ten coins; return the length of the streak."""
        now = NOW
        today = now.date()
        owner, _ = self.habits[habit_id]
        rev = self.revs[owner] = self.revs.get(owner, 0) + 1
        last, streak, best = self.snapshots[habit_id]
        streak = streak + 1 if last == today - timedelta(1) else 1
        fact_id, transfer_id = uuid.uuid4(), uuid.uuid4()
        self.facts[fact_id] = {
            "id": fact_id,
            "habit_id": habit_id,
            "owner": owner,
            "day": today,
            "at": now,
            "tz": "UTC",
            "note": None,
            "credit": "full",
            "source": "app",
            "received_at": now,
        }
        self.snapshots[habit_id] = (today, streak, max(best, streak))
        place = f"done:{habit_id}:{today}"
        key = (owner, f"{place}:completion")
        if key not in self.settled:
            self.settled[key] = 10
        self.transfers[transfer_id] = {"id": transfer_id, "owner": owner, "amount": 10, "at": now}
        for role, amount in (("mint", -10), ("wallet", 10)):
            balance, seq = self.accounts[owner, role]
            self.accounts[owner, role] = (balance + amount, seq + 1)
            self.entries[owner, role, seq + 1] = (transfer_id, amount, balance + amount, now)
        posted = ("CoinsPosted", now, None, transfer_id, 10, self.accounts[owner, "wallet"][0])
        self.events[owner, rev, 0] = ("HabitCompleted", now, place, habit_id, today, "full", False)
        self.events[owner, rev, 1] = posted
        return streak


class Wallets:
    """The same for a spend."""

    def __init__(self, balances: dict[str, int]) -> None:
        """Give each owner a wallet with so many coins, and a sink."""
        self.balances = {(owner, "wallet"): balance for owner, balance in balances.items()}
        self.balances.update({(owner, "sink"): 0 for owner in balances})
        self.seqs = dict.fromkeys(self.balances, 0)
        self.revs = dict.fromkeys(balances, 0)
        self.records: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.transfers: dict[uuid.UUID, dict[str, Any]] = {}
        self.entries: dict[tuple[str, str, int], tuple[Any, ...]] = {}
        self.events: dict[tuple[str, int, int], tuple[Any, ...]] = {}

    def spend(self, order: Order) -> int:
        """Spend a coin once a key; return how many were spent."""
        owner, key, now = order.owner, order.key, datetime.now(UTC)
        rev = self.revs[owner] = self.revs[owner] + 1
        if (owner, key) in self.records or self.balances[owner, "wallet"] < 1:
            return 0
        transfer_id = uuid.uuid4()
        self.transfers[transfer_id] = {"id": transfer_id, "owner": owner, "amount": 1, "at": now}
        for role, amount in (("wallet", -1), ("sink", 1)):
            balance = self.balances[owner, role] = self.balances[owner, role] + amount
            seq = self.seqs[owner, role] = self.seqs[owner, role] + 1
            self.entries[owner, role, seq] = (transfer_id, amount, balance, now)
        self.records[owner, key] = (owner, 1, "coin", None, None, transfer_id, now)
        balance = self.balances[owner, "wallet"]
        self.events[owner, rev, 0] = ("CoinsPosted", now, None, transfer_id, -1, balance)
        return 1
