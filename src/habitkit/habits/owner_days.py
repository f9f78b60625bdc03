"""The days of an owner: those of where the owner is, whatever the clocks of the habits are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from habitkit.habits.domain import rules
from habitkit.habits.domain.day_clock import DayClock
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from habitkit.habits.domain.timeline import Timeline
    from habitkit.transaction import Transaction

__all__ = ["owner_timeline"]

_NO_HABIT = UUID(int=0)  # so that the facts of habits are not read


def owner_timeline(tx: Transaction, owner: str) -> Timeline:
    """Return the days of an owner: from midnight in the zone that the owner was in, at first UTC.

    Args:
        tx: The transaction.
        owner: Whose days.
    """
    return rules.days_by(DayClock(), tx.port(HABITS).facts(owner, _NO_HABIT))
