"""habitkit: habits, streaks and a coin ledger inside your own web app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._late import loader
from habitkit.clock import Clock, SystemClock
from habitkit.coins.economy import Economy, RewardRule
from habitkit.coins.model import Balance, Entry, Hold, Posting, Transfer
from habitkit.errors import HabitKitError
from habitkit.events import Event
from habitkit.habits.model import (
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
from habitkit.journal.model import RelayReport, StoredEvent, SweepReport
from habitkit.kit import HabitKit, HostKit, OwnedKit
from habitkit.reactions import Reaction, Subscriber, on, subscribe
from habitkit.streaks.model import HabitState, RebuildReport, Slot, Streak
from habitkit.transaction import Transaction

if TYPE_CHECKING:
    from habitkit.async_kit import AsyncHabitKit, AsyncHostKit, AsyncOwnedKit
    from habitkit.coins.books import AuditReport, Finding, Head

__all__ = [
    "AsyncHabitKit",
    "AsyncHostKit",
    "AsyncOwnedKit",
    "AuditReport",
    "Balance",
    "Changed",
    "CheckIn",
    "CheckedIn",
    "Clock",
    "DayClock",
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
]

_PAGES = {
    "async_kit": ("AsyncHabitKit", "AsyncHostKit", "AsyncOwnedKit"),
    "coins.books": ("AuditReport", "Finding", "Head"),
}
if not TYPE_CHECKING:  # which would take any name to be there
    __getattr__, __dir__ = loader(globals(), __name__, _PAGES)
