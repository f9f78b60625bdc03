"""Events as rules and quests count them, and which of them are credited.

Of the events of one key the last one counts, and a retracted one does not. What is sealed is final:
it neither adds nor takes away, so an event that counted when its day was sealed goes on counting,
whatever is emitted of its key afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen

from habitkit.events import Event, Recorded, Retracted
from habitkit.experiments.domain.event_values import instant_of
from habitkit.habits.events import HabitChanged

__all__ = ["NEVER_COUNTED", "CountedEvent", "credited", "is_final"]

NEVER_COUNTED = tuple(kind.__name__ for kind in (Event, HabitChanged, Recorded, Retracted))
"""The types that no rule is on and no quest counts: of no event, of many, or not kept."""

_RETRACTED = Retracted.__name__
_CREDITS = ("full", "history", "automatic")


@frozen
class CountedEvent:
    """An event of the journal, live or stored.

    What a host's own event has in fields of these names counts, if it is what is expected there.

    Attributes:
        type: Its type; of a retraction the type of what is retracted.
        key: Its key; of an event without one its place in the journal, ``@{rev}.{position}``.
        at: When it was emitted or, of a host's own event, when it happened.
        fields: Its content, as JSON values; empty for a retraction.
        retracted: True for a retraction.
        sealed: True if its day was sealed before: it changes nothing that is earned.
        order: Its place among the events that are read together.
    """

    type: str
    key: str
    at: datetime
    fields: Mapping[str, Any] = field(factory=dict, hash=False)
    retracted: bool = False
    sealed: bool = False
    order: int = 0

    @classmethod
    def of(
        cls,
        type: str,  # noqa: A002 - the event's type is called type
        key: str,
        at: datetime,
        fields: Mapping[str, Any],
        order: int = 0,
    ) -> CountedEvent:
        """Return the event of a type, a key (or a place) and fields as the journal has them."""
        sealed = fields.get("sealed") is True and not key.startswith("@")
        if type == _RETRACTED:
            return cls(str(fields["of"]), key, at, {}, retracted=True, sealed=sealed, order=order)
        return cls(type, key, at, fields, sealed=sealed, order=order)

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands in time: ``done_at``, and the key among those of one instant."""
        return (self.done_at, self.key)

    @cached_property
    def done_at(self) -> datetime:
        """When it was done: its ``done_at``, or ``at`` if it has none."""
        return instant_of(self.fields.get("done_at")) or self.at

    @property
    def day(self) -> date | None:
        """The habit day in its fields, or None."""
        text = self.fields.get("day")
        try:
            return date.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:  # a host's own event may have any text there
            return None

    @property
    def habit_day(self) -> date | None:
        """The habit day in the key of an event of habits, of a retraction too; else None."""
        try:
            return date.fromisoformat(self.key.split(":")[2])
        except (IndexError, ValueError):
            return self.day

    @cached_property
    def received_at(self) -> datetime:
        """When its fact was received: the rules of that instant hold for it."""
        return instant_of(self.fields.get("received_at")) or self.at

    @property
    def credit(self) -> str:
        """``full``, ``history`` or ``automatic``; ``full`` for an event that does not say."""
        credit = self.fields.get("credit")
        return credit if credit in _CREDITS else "full"


def credited(events: Iterable[CountedEvent]) -> list[CountedEvent]:
    """Return the events that count, each once, in the order in which their keys were first seen.

    Args:
        events: Events in the order of the journal, retractions among them.
    """
    found: dict[str, CountedEvent] = {}
    for event in events:
        if is_final(event, event.key in found):
            continue
        if event.retracted:
            found.pop(event.key, None)
        else:
            found[event.key] = evolve(event, sealed=False) if event.sealed else event
    return list(found.values())


def is_final(event: CountedEvent, counted: bool) -> bool:  # noqa: FBT001
    """Tell whether an event changes nothing that is counted.

    Args:
        event: The event.
        counted: Whether one of its key counts already.
    """
    return event.sealed and (counted or event.retracted or event.credit == "full")
