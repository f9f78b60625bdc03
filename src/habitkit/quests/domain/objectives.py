"""Objectives: what has to be done to complete a quest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Protocol
from uuid import UUID

from attrs import field, frozen

from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.runs import Contribution

__all__ = ["Counted", "Measure", "Objective", "Place", "Reached", "StreakReach"]

Place = tuple[datetime, str]
"""Where an event stands in time: its ``done_at``, and its key among those of one instant."""


@frozen
class Measure:
    """What one event adds to a leaf of an objective.

    Attributes:
        amount: How much, above 0.
        value: For what is counted once: the value, as a digest; else empty.
    """

    amount: Decimal = Decimal(1)
    value: str = ""


@frozen
class StreakReach:
    """How far a visible streak got in a time.

    Attributes:
        slots: The length of the longest streak that ends in that time.
        complete_at: When the wanted length was reached first, in UTC, or None.
        key: The place of that slot among those of the same instant.
    """

    slots: int
    complete_at: datetime | None = None
    key: str = ""


@frozen
class Counted:
    """What an objective is evaluated on.

    Attributes:
        contributions: What events have added to this leaf, in the order of ``done_at`` and key.
        streak: ``(slots, habit, tag) -> StreakReach``: reads the visible streaks of the owner in
            the time of the quest.
    """

    contributions: Sequence[Contribution] = ()
    streak: Callable[[int, UUID | None, str | None], StreakReach] = field(
        default=lambda *_: StreakReach(0), eq=False, repr=False
    )


@frozen
class Reached:
    """How far an objective is.

    Attributes:
        value: What is reached.
        goal: What is to be reached.
        complete: The place in time of what completed it, or None.
    """

    value: Decimal
    goal: Decimal
    complete: Place | None = None


class Objective(Protocol):
    """What a kind of objective implements; ``Count`` is the simplest example.

    An objective is a frozen value. A quest keeps what each event adds to it (``measure``), and
    evaluates what was kept (``evaluate``), in the order in which things were done, so that the
    order in which they became known does not matter.

    Attributes:
        kind: The name under which it is stored, such as ``"count"``; a plugin's has a dot in it.
        additive: True if what is reached is the sum of the amounts: it is then evaluated in full
            only where that sum reaches the goal.
    """

    kind: ClassVar[str]
    additive: ClassVar[bool]

    @property
    def goal(self) -> Decimal:
        """What is to be reached."""
        ...

    @property
    def types(self) -> frozenset[str]:
        """The types of events that can change it."""
        ...

    def measure(self, event: CountedEvent) -> Measure | None:
        """Return what an event adds; None if it does not count."""
        ...

    def evaluate(self, counted: Counted) -> Reached:
        """Return how far it is."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object, without its kind."""
        ...

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Objective:
        """Make it of such an object."""
        ...
