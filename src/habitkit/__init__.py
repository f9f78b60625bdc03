"""habitkit: habits, streaks and a coin ledger inside your own web app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.clock import Clock, SystemClock
from habitkit.coins.audit.domain.model import AuditReport, Finding, Head
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
from habitkit.habits.domain.streaks import HabitState, RebuildReport, Slot, Streak
from habitkit.journal.domain.model import RelayReport, StoredEvent, SweepReport
from habitkit.kit import HabitKit, HostKit, OwnedKit
from habitkit.reactions import Reaction, Subscriber, on, subscribe
from habitkit.transaction import Transaction

if TYPE_CHECKING:
    from habitkit.async_kit import AsyncHabitKit, AsyncHostKit, AsyncOwnedKit

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

if not TYPE_CHECKING:  # a type checker would take any name to be there

    def __getattr__(name: str) -> Any:
        """Import the async kit when it is first asked for: most hosts need only one of the two."""
        if name in {"AsyncHabitKit", "AsyncHostKit", "AsyncOwnedKit"}:
            from habitkit import async_kit  # noqa: PLC0415

            return getattr(async_kit, name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
