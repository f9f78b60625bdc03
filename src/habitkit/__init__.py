"""habitkit: habits, streaks and a coin ledger inside your own web app."""

from __future__ import annotations

from habitkit.clock import Clock, SystemClock
from habitkit.coins.auditing.domain.model import AuditReport, Finding, Head
from habitkit.coins.domain.economy import Economy, RewardRule
from habitkit.coins.domain.model import Balance, Entry, Hold, Posting, Transfer
from habitkit.errors import HabitKitError
from habitkit.events import Event
from habitkit.habits.domain.model import (
    Changed,
    CheckedIn,
    CheckIn,
    DayClock,
    FreezeRule,
    Goal,
    Habit,
    OfflineCheckIn,
    Refusal,
    Schedule,
    Undone,
)
from habitkit.habits.domain.streaks import AtRisk, HabitState, RebuildReport, Slot, Streak
from habitkit.journal.domain.model import DeadLetter, RelayReport, StoredEvent, SweepReport
from habitkit.json_values import to_dict
from habitkit.kit import AsyncHabitKit, HabitKit
from habitkit.reactions import Reaction, Subscriber, on, subscribe
from habitkit.services import AsyncHostKit, AsyncOwnedKit, HostKit, OwnedKit
from habitkit.transaction import Transaction

__all__ = [
    "AsyncHabitKit",
    "AsyncHostKit",
    "AsyncOwnedKit",
    "AtRisk",
    "AuditReport",
    "Balance",
    "Changed",
    "CheckIn",
    "CheckedIn",
    "Clock",
    "DayClock",
    "DeadLetter",
    "Economy",
    "Entry",
    "Event",
    "Finding",
    "FreezeRule",
    "Goal",
    "Habit",
    "HabitKit",
    "HabitKitError",
    "HabitState",
    "Head",
    "Hold",
    "HostKit",
    "OfflineCheckIn",
    "OwnedKit",
    "Posting",
    "Reaction",
    "RebuildReport",
    "Refusal",
    "RelayReport",
    "RewardRule",
    "Schedule",
    "Slot",
    "StoredEvent",
    "Streak",
    "Subscriber",
    "SweepReport",
    "SystemClock",
    "Transaction",
    "Transfer",
    "Undone",
    "on",
    "subscribe",
    "to_dict",
]
