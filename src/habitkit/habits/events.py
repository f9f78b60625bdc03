"""The events of habits and streaks; a key names what an event is about, such as a day."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from attrs import frozen

from habitkit.events import Event

__all__ = [
    "FreezeEarned",
    "FreezeUsed",
    "HabitChanged",
    "HabitCompleted",
    "HabitCreated",
    "StreakBroken",
    "StreakReached",
]


@frozen
class HabitCreated(Event):
    """A habit was created.

    Attributes:
        habit_id: The habit.
        title: What it is called.
    """

    words = ("title",)
    habit_id: UUID
    title: str


@frozen
class HabitChanged(Event):
    """Facts or tags of a habit were changed, and no other event tells of it.

    A streak may be another one for it, such as after a skipped day. It is not kept in the journal
    and not delivered to subscribers: only reactions that name this very class get it.

    Attributes:
        habit_id: The habit.
    """

    habit_id: UUID


@frozen
class HabitCompleted(Event):
    """A slot of a habit is done by what was recorded in it, or what is known about it changed.

    The last event of a key counts. A slot that is only filled in, or done without a record, has
    none.

    Attributes:
        habit_id: The habit.
        day: The habit day that is done; the first one of a slot with several days.
        credit: ``full`` if the day is earned, by check-ins that were received in time, else
            ``history``. ``automatic`` is for what no record made true: the kit emits no such event,
            as what is filled in keeps a streak and earns nothing.
        received_at: When the first of the check-ins that count for it was received, in UTC, or None
            for ``history``: what it earns is decided by the rules of that time.
        sealed: True if it became done when the day was sealed: it earns nothing, and what was paid
            before stays.
        done_at: When it was done, in UTC: when the check-in that completes it was done, moved into
            its habit day if it was recorded for it later; the end of the slot where only that
            decides. It follows from the facts alone; ``at`` is when the event was emitted. Where
            ``sealed``, later facts do not change it.
    """

    habit_id: UUID
    day: date
    credit: Literal["full", "history", "automatic"]
    received_at: datetime | None = None
    sealed: bool = False
    done_at: datetime | None = None

    @property
    def key(self) -> str:
        """``done:{habit}:{day}``."""
        return f"done:{self.habit_id}:{self.day.isoformat()}"


@frozen
class StreakReached(Event):
    """A streak of days that were recorded in time reached a multiple of seven.

    Days that were recorded too late, filled in or done without a record make the visible streak
    longer, but reach no milestone.

    Attributes:
        habit_id: The habit.
        day: The day on which the run reached that length.
        slots: The length of the credited streak, as in ``HabitState.credited``.
        received_at: When the first of the check-ins that count for that day was received, in UTC.
        done_at: When that day was done, in UTC, as in ``HabitCompleted``.
    """

    habit_id: UUID
    day: date
    slots: int
    received_at: datetime | None = None
    done_at: datetime | None = None

    @property
    def key(self) -> str:
        """``streak:{habit}:{day}:{slots}``."""
        return f"streak:{self.habit_id}:{self.day.isoformat()}:{self.slots}"


@frozen
class StreakBroken(Event):
    """A streak was ended by a missed slot that can no longer be repaired.

    Attributes:
        habit_id: The habit.
        day: The first day of the missed slot.
        slots: How many slots the streak had. If a later fact changes that, the event is emitted
            again.
        done_at: The end of the missed slot, in UTC.
    """

    habit_id: UUID
    day: date
    slots: int
    done_at: datetime | None = None

    @property
    def key(self) -> str:
        """``broken:{habit}:{day}``."""
        return f"broken:{self.habit_id}:{self.day.isoformat()}"


@frozen
class FreezeEarned(Event):
    """A streak has earned a freeze by the habit's ``FreezeRule``.

    Attributes:
        habit_id: The habit.
        day: The first day of the slot with which it was earned.
        slots: How many slots the streak had with it.
        done_at: When that slot was done, in UTC, as in ``HabitCompleted``.
    """

    habit_id: UUID
    day: date
    slots: int
    done_at: datetime | None = None

    @property
    def key(self) -> str:
        """``freeze:{habit}:{day}``."""
        return f"freeze:{self.habit_id}:{self.day.isoformat()}"


@frozen
class FreezeUsed(Event):
    """A freeze has saved a streak from a missed slot.

    A check-in that arrives later for that slot gives the freeze back, and the event is retracted.

    Attributes:
        habit_id: The habit.
        day: The first day of the missed slot.
        slots: How many slots the streak has that was saved.
        done_at: The end of the missed slot, in UTC.
    """

    habit_id: UUID
    day: date
    slots: int
    done_at: datetime | None = None

    @property
    def key(self) -> str:
        """``frozen:{habit}:{day}``."""
        return f"frozen:{self.habit_id}:{self.day.isoformat()}"
