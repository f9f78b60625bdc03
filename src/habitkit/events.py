"""The base of all events, and those that belong to no module; each module has its own events.py.

An event with a ``key`` is derived: it is an element of a set that the facts determine, and the key
names its place (``done:{habit}:{day}``), never a run or an order of arrival. When facts change so
that an element is no longer in the set, a ``Retracted`` event is emitted.

A host adds its own by subclassing ``Event``, or records loose ones with ``kit.events.record``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from attrs import frozen

__all__ = [
    "Event",
    "Recorded",
    "Retracted",
]


@frozen
class Event:
    """The base of every event.

    Attributes:
        owner: Whose event it is.
        at: When it happened: an aware datetime in UTC.
    """

    words: ClassVar[tuple[str, ...]] = ()
    """The fields that contain text of a person, which ``kit.forget`` erases."""

    owner: str
    at: datetime

    @property
    def key(self) -> str | None:
        """The element's place in the derived set, or None for a plain event."""
        return None

    @property
    def type(self) -> str:
        """The name under which the event is stored and subscribed to."""
        return type(self).__name__


@frozen
class Retracted(Event):
    """A derived event is no longer true.

    Attributes:
        of: The type of the event that is retracted.
        retracted_key: Its key.
        sealed: True if its day was sealed by then: what it earned stays.
    """

    of: str
    retracted_key: str
    sealed: bool = False

    @property
    def key(self) -> str:
        """The key of the event that is retracted."""
        return self.retracted_key


@frozen
class Recorded(Event):
    """An event of the host's own that has no class.

    Attributes:
        name: The type under which it was recorded.
        fields: Its content, values that JSON can hold.
    """

    name: str
    fields: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The type under which it was recorded."""
        return self.name
