"""What a store returns of habits and of the facts about them."""

from datetime import datetime
from uuid import UUID

from attrs import frozen

from habitkit.habits.domain.facts import CheckIn, Fact

__all__ = ["DueHabit", "ExpiringStreak", "Note", "StoredFact", "VoidedCheckIn"]


@frozen
class StoredFact:
    """A fact that was found by its id.

    Attributes:
        fact: The fact.
        voided: True for a check-in that a ``CheckInVoid`` undoes. False for other facts, whose
            voids are among ``HabitStore.facts``.
    """

    fact: Fact
    voided: bool


@frozen
class VoidedCheckIn:
    """A check-in that was undone.

    Attributes:
        check_in: The check-in.
        voided_at: When its void was received, in UTC.
    """

    check_in: CheckIn
    voided_at: datetime


@frozen
class Note:
    """The note of a check-in.

    Attributes:
        habit_id: The habit.
        text: What the owner wrote.
    """

    habit_id: UUID
    text: str


@frozen
class DueHabit:
    """A habit that the sweep has to visit.

    Attributes:
        owner: Whose habit.
        habit_id: The habit.
    """

    owner: str
    habit_id: UUID


@frozen
class ExpiringStreak:
    """A habit whose streak needs something to be recorded until an instant.

    Attributes:
        owner: Whose habit.
        habit_id: The habit.
        act_by: The instant, as of the last evaluation, in UTC.
    """

    owner: str
    habit_id: UUID
    act_by: datetime
