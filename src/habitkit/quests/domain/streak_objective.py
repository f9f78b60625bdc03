"""The objective to reach a streak."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Self
from uuid import UUID

from attrs import field, frozen
from attrs.validators import optional

from habitkit.errors import InvalidId
from habitkit.habits.events import (
    FreezeEarned,
    FreezeUsed,
    HabitCompleted,
    HabitCreated,
    StreakBroken,
    StreakReached,
)
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.objective_checks import expect_count, expect_name, members
from habitkit.quests.domain.objectives import Counted, Measured, Reached

__all__ = ["ReachStreak"]

_CHANGES = (
    FreezeEarned,
    FreezeUsed,
    HabitCompleted,
    HabitCreated,  # the streak of a habit of which something is avoided begins by itself
    StreakBroken,
    StreakReached,
)
_TYPES = frozenset(kind.__name__ for kind in _CHANGES)


def _id(given: UUID | str | None) -> UUID | None:
    """Return the id of a habit that a host gives as such or as text."""
    untyped: object = given
    if untyped is None or isinstance(untyped, UUID):
        return untyped
    try:
        if isinstance(untyped, str):
            return UUID(untyped)
    except ValueError:
        pass
    raise InvalidId("habit", given=given, expected="a UUID, or one as a string, or None")


@frozen
class ReachStreak:
    """A streak of so many slots, as people see it.

    Imported days make it longer; it is reached with a day that is not imported, unless the quest
    counts the credit ``history`` too.

    Attributes:
        n: How many slots.
        habit: Only of this habit; None for any.
        tag: Only of habits with this tag; None for any.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    kind: ClassVar[str] = "reach_streak"
    additive: ClassVar[bool] = False

    n: int = field(validator=expect_count)
    habit: UUID | None = field(default=None, converter=_id)
    tag: str | None = field(default=None, validator=optional(expect_name))

    @property
    def goal(self) -> Decimal:
        """How many slots are wanted."""
        return Decimal(self.n)

    @property
    def types(self) -> frozenset[str]:
        """The events that show that a streak has changed."""
        return _TYPES

    def measure(self, event: CountedEvent) -> Measured | None:  # noqa: ARG002 - as of all objectives
        """Return None: no event adds to it, the streaks themselves are read."""
        return None

    def evaluate(self, counted: Counted) -> Reached:
        """Return how long the longest streak got, and when it was long enough first."""
        reach = counted.streak(self.n, self.habit, self.tag)
        complete = None if reach.complete_at is None else (reach.complete_at, reach.key)
        return Reached(Decimal(reach.slots), self.goal, complete)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object, without its kind."""
        found: dict[str, Any] = {"n": self.n}
        if self.habit is not None:
            found["habit"] = str(self.habit)
        return found if self.tag is None else {**found, "tag": self.tag}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object."""
        return cls(**members(cls.kind, content, ("n",), ("habit", "tag")))
