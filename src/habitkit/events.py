"""The event vocabulary: what can have happened, as frozen values.

An event with a ``key`` is derived: it is an element of a set that the facts determine, and the key
names its place (``done:{habit}:{day}``), never a run or an order of arrival. When facts change so
that an element is no longer in the set, ``Retracted`` says so.

A host adds its own by subclassing ``Event``, or records loose ones with ``kit.events.record``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from attrs import frozen

__all__ = [
    "VOCABULARY",
    "CoinsPosted",
    "Event",
    "HabitCompleted",
    "HabitCreated",
    "HoldClosed",
    "Recorded",
    "Retracted",
    "StreakBroken",
    "StreakReached",
]


@frozen
class Event:
    """The base of every event.

    Attributes:
        owner: Whose event it is.
        at: When it happened: an aware datetime in UTC.
    """

    owner: str
    at: datetime

    @property
    def key(self) -> str | None:
        """The element's place in the derived set, or None for a plain event."""
        return None

    @property
    def type(self) -> str:
        """The name under which the event is stored and subscribed to."""
        return type(self).__name__


@frozen
class HabitCreated(Event):
    """A habit was created.

    Attributes:
        habit_id: The habit.
        title: What it is called.
    """

    habit_id: UUID
    title: str


@frozen
class HabitCompleted(Event):
    """A day of a habit is done.

    Attributes:
        habit_id: The habit.
        day: The habit day that is done.
        credit: ``full`` if the day is earned, by a check-in that was received in time, else
            ``history``.
        received_at: When the first of the check-ins that count for it was received, in UTC: what
            it earns is decided by the rules of that time.
        sealed: True if it came to be done when that was final: it earns nothing, and what was paid
            before stays.
    """

    habit_id: UUID
    day: date
    credit: Literal["full", "history"]
    received_at: datetime | None = None
    sealed: bool = False

    @property
    def key(self) -> str:
        """``done:{habit}:{day}``."""
        return f"done:{self.habit_id}:{self.day.isoformat()}"


@frozen
class StreakReached(Event):
    """A run of days that were done in time reached a multiple of seven.

    Days that became known too late make a streak longer, but no milestone.

    Attributes:
        habit_id: The habit.
        day: The day on which the run reached that length.
        slots: The length.
        received_at: When the first of the check-ins that count for that day was received, in UTC.
    """

    habit_id: UUID
    day: date
    slots: int
    received_at: datetime | None = None

    @property
    def key(self) -> str:
        """``streak:{habit}:{day}:{slots}``."""
        return f"streak:{self.habit_id}:{self.day.isoformat()}:{self.slots}"


@frozen
class StreakBroken(Event):
    """A streak ended by a missed slot that can no longer be mended.

    Attributes:
        habit_id: The habit.
        day: The first day of the missed slot.
        slots: How many slots the streak had.
    """

    habit_id: UUID
    day: date
    slots: int

    @property
    def key(self) -> str:
        """``broken:{habit}:{day}``."""
        return f"broken:{self.habit_id}:{self.day.isoformat()}"


@frozen
class Retracted(Event):
    """A derived event is no longer true.

    Attributes:
        of: The type of the event that is taken back.
        retracted_key: Its key.
        sealed: True if its day was sealed by then: what it earned stays.
    """

    of: str
    retracted_key: str
    sealed: bool = False

    @property
    def key(self) -> str:
        """The key of the event that is taken back."""
        return self.retracted_key


@frozen
class CoinsPosted(Event):
    """A transfer touched a wallet of this owner.

    Attributes:
        transfer_id: The transfer.
        kind: What sort of transfer: ``award``, ``spend``, ``transfer``, ``reward`` ...
        currency: The currency.
        amount: What the wallet gained; negative if it lost.
        balance: What the wallet holds afterwards.
    """

    transfer_id: UUID
    kind: str
    currency: str
    amount: int
    balance: int


@frozen
class HoldClosed(Event):
    """A hold on coins has ended.

    Attributes:
        hold_id: The hold.
        state: ``settled``, ``released`` or ``expired``.
        currency: The currency.
        amount: How many coins were held.
        settled: How many of them were spent; the rest is available again.
    """

    hold_id: UUID
    state: Literal["open", "settled", "released", "expired"]
    currency: str
    amount: int
    settled: int


@frozen
class Recorded(Event):
    """An event of the host's own that has no class.

    Attributes:
        name: The type under which it was recorded.
        fields: Its content, values that JSON can hold.
    """

    name: str
    fields: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The type under which it was recorded."""
        return self.name


VOCABULARY: Mapping[str, type[Event]] = MappingProxyType(
    {
        cls.__name__: cls
        for cls in (
            HabitCreated,
            HabitCompleted,
            StreakReached,
            StreakBroken,
            Retracted,
            CoinsPosted,
            HoldClosed,
        )
    }
)
