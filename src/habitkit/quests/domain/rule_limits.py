"""Limits of rules: how many events of one group a rule rewards, the first ones in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from attrs import field, frozen

from habitkit.errors import InvalidInput
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.counting import digest_of

__all__ = ["Limit", "Once", "PerDay", "PerSlot", "as_limit", "limit_from_dict"]

_LONGEST_ID = 100
_MOST_PER_DAY = 1_000_000
_EXPECTED = "PerDay(n), PerSlot(), Once() or None"


def _times(_: object, __: object, value: Any) -> None:
    if type(value) is not int or not 1 <= value <= _MOST_PER_DAY:
        expected = f"an int from 1 to {_MOST_PER_DAY}"
        raise InvalidInput("most", given=value, expected=expected)


@frozen
class PerDay:
    """Reward the first events of each habit day.

    Attributes:
        most: How many of them.
    """

    most: int = field(validator=_times)

    def group(self, event: CountedEvent, day: date) -> str:  # noqa: ARG002 - as of the others
        """Return what an event is counted with: the events of its habit day."""
        return day.isoformat()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"per": "day", "most": self.most}


@frozen
class PerSlot:
    """Reward the first event of each slot of a habit."""

    most: ClassVar[int] = 1

    def group(self, event: CountedEvent, day: date) -> str:
        """Return what an event is counted with: those of its habit and of the day in its fields.

        Args:
            event: The event.
            day: Its habit day, if it has none in its fields.
        """
        habit = event.fields.get("habit_id", "")
        if not isinstance(habit, str) or len(habit) > _LONGEST_ID:  # as a host's own event may say
            habit = digest_of(habit)  # an index takes no longer texts
        return f"{habit}:{(event.day or day).isoformat()}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"per": "slot"}


@frozen
class Once:
    """Reward the first event alone."""

    most: ClassVar[int] = 1

    def group(self, event: CountedEvent, day: date) -> str:  # noqa: ARG002 - as of the others
        """Return what an event is counted with: all events of the rule."""
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"per": "owner"}


Limit = PerDay | PerSlot | Once
"""How many events a rule rewards. Each has ``most`` and ``group``."""


def as_limit(given: Limit | type[PerSlot | Once] | None) -> Limit | None:
    """Return a limit; of the classes ``PerSlot`` and ``Once`` an instance.

    Raises:
        InvalidInput: If it is none.
    """
    if given is PerSlot or given is Once:
        return given()
    if given is None or isinstance(given, PerDay | PerSlot | Once):
        return given
    raise InvalidInput("limit", given=given, expected=_EXPECTED)


def limit_from_dict(content: object) -> Limit:
    """Make a limit of an object as its ``to_dict`` returns it.

    Raises:
        InvalidInput: If it is no such object.
    """
    if isinstance(content, Mapping):
        if content.get("per") == "day" and content.keys() == {"per", "most"}:
            return PerDay(content["most"])
        for limit in (PerSlot(), Once()):
            if content == limit.to_dict():
                return limit
    expected = '{"per": "day", "most": 3}, {"per": "slot"} or {"per": "owner"}'
    raise InvalidInput("limit", given=content, expected=expected)
