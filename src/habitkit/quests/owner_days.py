"""The days of an owner, for what has no habit day of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from habitkit.habits.owner_days import owner_timeline

if TYPE_CHECKING:
    from datetime import date, datetime

    from habitkit.habits.domain.timeline import Timeline
    from habitkit.quests.domain.counted_events import CountedEvent
    from habitkit.transaction import Transaction

__all__ = ["OwnerDays"]


class OwnerDays:
    """The days of one owner; the facts are read when the first one is asked for.

    Args:
        tx: The transaction.
        owner: Whose days.
    """

    def __init__(self, tx: Transaction, owner: str) -> None:
        """Read nothing yet."""
        self._tx = tx
        self._owner = owner

    @cached_property
    def _timeline(self) -> Timeline:
        return owner_timeline(self._tx, self._owner)

    def today(self) -> date:
        """Return the day of now."""
        return self._timeline.latest_label(self._tx.now)

    def label(self, at: datetime) -> date:
        """Return the day of an instant."""
        return self._timeline.label(at)

    def day_of(self, event: CountedEvent) -> date:
        """Return the habit day of an event, or the owner's day on which it was done."""
        return event.day or self._timeline.label(event.done_at)

    def ends(self, day: date) -> datetime:
        """Return the instant at which a day ends."""
        return self._timeline.ends(day)
