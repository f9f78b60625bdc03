"""habitkit: habits, streaks and a coin ledger inside your own web app."""

from habitkit.async_kit import AsyncHabitKit, AsyncHostKit, AsyncOwnedKit
from habitkit.clock import Clock, SystemClock
from habitkit.coins.books import AuditReport, Finding, Head
from habitkit.coins.economy import Economy, RewardRule
from habitkit.coins.model import Balance, Entry, Hold, Posting, Transfer
from habitkit.errors import HabitKitError
from habitkit.events import Event
from habitkit.habits.model import CheckedIn, CheckIn, DayClock, Habit, Schedule, Undone
from habitkit.journal.model import RelayReport, StoredEvent, SweepReport
from habitkit.kit import HabitKit, HostKit, OwnedKit
from habitkit.reactions import Reaction, Subscriber, on, subscribe
from habitkit.streaks.model import RebuildReport, Streak, StreakState
from habitkit.transaction import Transaction

__all__ = [
    "AsyncHabitKit",
    "AsyncHostKit",
    "AsyncOwnedKit",
    "AuditReport",
    "Balance",
    "CheckIn",
    "CheckedIn",
    "Clock",
    "DayClock",
    "Economy",
    "Entry",
    "Event",
    "Finding",
    "Habit",
    "HabitKit",
    "HabitKitError",
    "Head",
    "Hold",
    "HostKit",
    "OwnedKit",
    "Posting",
    "Reaction",
    "RebuildReport",
    "RelayReport",
    "RewardRule",
    "Schedule",
    "StoredEvent",
    "Streak",
    "StreakState",
    "Subscriber",
    "SweepReport",
    "SystemClock",
    "Transaction",
    "Transfer",
    "Undone",
    "on",
    "subscribe",
]
