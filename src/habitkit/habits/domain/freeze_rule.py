"""The rule by which a streak earns freezes."""

from __future__ import annotations

from attrs import Attribute, field, frozen

from habitkit.habits.errors import InvalidHabit

__all__ = ["FreezeRule"]

_MOST_FREEZES = 1000


def _small_number(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or not 1 <= value <= _MOST_FREEZES:
        expected = f"an int from 1 to {_MOST_FREEZES}"
        raise InvalidHabit(attribute.name, given=value, expected=expected)


@frozen
class FreezeRule:
    """Freezes that a streak earns: each saves it from one missed slot.

    Attributes:
        per_slots: At each multiple of so many done slots a streak earns one.
        most_held: No more are earned while so many earned ones are unused.
    """

    per_slots: int = field(validator=_small_number)
    most_held: int = field(validator=_small_number)
