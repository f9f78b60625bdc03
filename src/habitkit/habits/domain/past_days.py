"""Days of a history that another tracker kept."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

from habitkit.habits.domain import rules
from habitkit.habits.domain.amounts import ONE
from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PastDay", "past_days"]


def _amount(value: Decimal | float) -> Decimal:
    return rules.amount(value)


@frozen
class PastDay:
    """A day of the history of a habit, as another tracker kept it.

    Attributes:
        day: The habit day.
        amount: How much was done, as an int, Decimal or float; 0 is recorded, too, where the goal
            counts amounts.
        note: What the owner wrote, at most 2000 characters, or None.
        skipped: True if the day was skipped instead; it has no amount and no note then.

    Raises:
        InvalidHabit: If a value is not of these, or a skipped day has an amount or a note.
    """

    day: date
    amount: Decimal = field(default=ONE, converter=_amount)
    note: str | None = None
    skipped: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse values that cannot be recorded."""
        rules.day(self.day, "day")
        rules.note(self.note)
        if not isinstance(self.skipped, bool):
            raise InvalidHabit("skipped", given=self.skipped, expected="True or False")
        if self.skipped and (self.note is not None or self.amount != ONE):
            given = f"amount={self.amount}, note={self.note!r}"
            raise InvalidHabit("skipped", given=given, expected="no amount and no note")


def past_days(days: Iterable[date | PastDay]) -> list[PastDay]:
    """Return dates and past days as past days, each once, those done first, in order.

    Raises:
        InvalidHabit: If one is neither, or a day is given twice with different values.
    """
    records: dict[tuple[bool, date], PastDay] = {}
    for given in days:
        record = given if isinstance(given, PastDay) else PastDay(rules.day(given, "days"))
        if records.setdefault((record.skipped, record.day), record) != record:
            expected = f"each day once, or with equal values; {record.day} has two"
            raise InvalidHabit("days", given=record, expected=expected)
    return [records[key] for key in sorted(records)]
