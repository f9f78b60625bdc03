"""Objectives: what has to be done to complete a quest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import partial
from typing import Any, ClassVar, Protocol
from uuid import UUID

from attrs import evolve, field, frozen

from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.runs import Contribution

__all__ = [
    "Counted",
    "Measured",
    "Objective",
    "Place",
    "Reached",
    "StreakReach",
    "StreakReader",
    "exact_sum",
    "place_of",
]

Place = tuple[datetime, str]
"""Where an event stands in time: its ``done_at``, and its key among those of one instant."""

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Adds without rounding, so that the order does not matter (decimal FAQ of Python's manual)."""


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return a sum that is not rounded, so that it does not depend on the order."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def place_of(contribution: Contribution) -> Place:
    """Return where a contribution stands in time."""
    return contribution.done_at, contribution.event_key


@frozen
class Measured:
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


class StreakReader(Protocol):
    """Reads the visible streaks of the owner in the time of the quest."""

    def __call__(
        self, slots: int, habit: UUID | None, tag: str | None, /, since: Place | None = None
    ) -> StreakReach:
        """Return how far the longest of some streaks got.

        Args:
            slots: The wanted length.
            habit: Only of this habit; None for any.
            tag: Only of habits with this tag; None for any.
            since: Only slots that lie strictly after this place: ``complete_at`` is then the first
                of those with which a streak is that long, wherever that streak began. None for all.
        """
        ...


def _no_streak(
    slots: int,  # noqa: ARG001 - the signature of a reader
    habit: UUID | None,  # noqa: ARG001
    tag: str | None,  # noqa: ARG001
    since: Place | None = None,  # noqa: ARG001
) -> StreakReach:
    return StreakReach(0)


@frozen
class Counted:
    """What an objective is evaluated on.

    Attributes:
        contributions: What events have added to this leaf, in the order of ``done_at`` and key.
        streak: Reads the visible streaks of the owner, as ``streak(slots, habit, tag)``.
    """

    contributions: Sequence[Contribution] = ()
    streak: StreakReader = field(default=_no_streak, eq=False, repr=False)

    def after(self, place: Place) -> Counted:
        """Return what of it lies strictly after a place."""
        first = bisect_right(self.contributions, place, key=place_of)
        streak = partial(self.streak, since=place)
        return evolve(self, contributions=self.contributions[first:], streak=streak)


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
    order in which they became known does not matter. What is reached never falls below the goal
    again: ``complete`` is the first place at which it was reached.

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

    def measure(self, event: CountedEvent) -> Measured | None:
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
