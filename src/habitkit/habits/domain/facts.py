"""The facts about habits: each immutable, with an identity of its own, in a set that only grows."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID, uuid5

from attrs import field, frozen

from habitkit.habits.domain.amounts import ONE
from habitkit.habits.domain.amounts import amount as exact
from habitkit.habits.domain.changes import ClockChanged, FreezeRuleChanged, ScheduleChanged
from habitkit.habits.domain.fact_kinds import OfAKind
from habitkit.habits.errors import InvalidHabit

__all__ = [
    "Archived",
    "CheckIn",
    "CheckInVoid",
    "ClockChanged",
    "Credit",
    "Fact",
    "FreezeGranted",
    "FreezeRuleChanged",
    "OtherFact",
    "Pause",
    "Restored",
    "ScheduleChanged",
    "Skip",
    "StreakRepaired",
    "Void",
    "ZoneChanged",
]

Credit = Literal["full", "history"]


def _amount(value: Decimal | float) -> Decimal:
    return exact("amount", value)


@frozen
class CheckIn(OfAKind):
    """The fact that a habit was done; all of it is fixed at capture and never recomputed.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        day: The habit day it counts for.
        at: When it was done, in UTC.
        tz: The zone in which the day was taken.
        note: What the owner wrote, or None.
        credit: ``full`` if received in time, else ``history``: a streak, but no coins.
        source: Where it came from: ``app`` or the importer's name.
        received_at: When the kit received it, in UTC.
        amount: How much, in the unit of the habit's goal.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID
    owner: str
    day: date
    at: datetime
    tz: str
    note: str | None
    credit: Credit
    source: str
    received_at: datetime
    amount: Decimal = field(default=ONE, converter=_amount)
    seq: int = 0

    @property
    def successor(self) -> UUID:
        """The id of the check-in that takes its place when it is edited."""
        return uuid5(self.id, "edit")


@frozen
class Void(OfAKind):
    """The fact that another fact is undone.

    Attributes:
        id: Its identity.
        habit_id: The habit; None for a fact of the owner.
        owner: Whose habit.
        fact_id: The fact that no longer counts.
        received_at: When the kit received it, in UTC.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID | None
    owner: str
    fact_id: UUID
    received_at: datetime
    seq: int = 0


class CheckInVoid(Void):
    """The fact that a check-in is undone.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        fact_id: The check-in that no longer counts.
        received_at: When the kit learned of it, in UTC.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    __slots__ = ()


@frozen
class _OfADay(OfAKind):
    """The fields that four kinds of facts about one day of a habit share."""

    id: UUID
    habit_id: UUID
    owner: str
    at: datetime
    day: date
    seq: int = 0


class Skip(_OfADay):
    """The fact that a day was skipped: it counts as neither done nor missed.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        day: The habit day.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    __slots__ = ()


@frozen
class Pause(OfAKind):
    """The fact that a habit or an owner paused for some days: a vacation, an illness.

    Attributes:
        id: Its identity.
        habit_id: The habit, or None for all habits of the owner.
        owner: Whose.
        at: When it was recorded, in UTC.
        start: The first day.
        end: The last day; None while the end is open.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID | None
    owner: str
    at: datetime
    start: date
    end: date | None
    seq: int = 0

    def __attrs_post_init__(self) -> None:
        """Refuse a pause that ends before it starts."""
        if self.end is not None and self.end < self.start:
            expected = f"a day not before the start, {self.start}"
            raise InvalidHabit("end", given=self.end, expected=expected)


@frozen
class FreezeGranted(OfAKind):
    """The fact that freezes were bought or given: each saves the streak from one missed slot.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        effective_day: The first day whose slot it may save.
        count: How many.
        expires_day: The last day whose slot it may save, or None.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    habit_id: UUID
    owner: str
    at: datetime
    effective_day: date
    count: int
    expires_day: date | None
    seq: int = 0

    def __attrs_post_init__(self) -> None:
        """Refuse less than one."""
        if self.count < 1:
            raise InvalidHabit("count", given=self.count, expected="an int of at least 1")


class StreakRepaired(_OfADay):
    """The fact that a missed slot was repaired: it no longer breaks the streak.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        day: A day of the slot.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    __slots__ = ()


class Archived(_OfADay):
    """The fact that a habit was archived: from its day on nothing is due.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        day: The habit day of that instant.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    __slots__ = ()


class Restored(_OfADay):
    """The fact that a habit was restored: from its day on it is due as before.

    Attributes:
        id: Its identity.
        habit_id: The habit.
        owner: Whose habit.
        at: When it was recorded, in UTC.
        day: The habit day of that instant.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    __slots__ = ()


@frozen
class ZoneChanged(OfAKind):
    """The fact that the owner was in another zone from an instant on.

    Attributes:
        id: Its identity.
        owner: Who travelled.
        at: From when on, in UTC.
        tz: The IANA name of the zone.
        received_at: When the kit received it, in UTC; ``at`` may be long before.
        seq: The place in the order in which the owner's facts and habits were recorded.
    """

    id: UUID
    owner: str
    at: datetime
    tz: str
    received_at: datetime
    seq: int = 0


OtherFact = (
    Void
    | Skip
    | Pause
    | FreezeGranted
    | StreakRepaired
    | ScheduleChanged
    | ClockChanged
    | FreezeRuleChanged
    | Archived
    | Restored
    | ZoneChanged
)
"""A fact other than a check-in."""

Fact = CheckIn | OtherFact
"""Any fact from which the state of a habit is computed."""
