"""Objectives that collect items, and that do damage to a boss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Self

from attrs import field, frozen

from habitkit.errors import InvalidInput
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.counting import digest_of
from habitkit.quests.domain.objective_checks import (
    amount_of,
    amount_to_json,
    amounts_by_type,
    counts_by_name,
    members,
    read_amount,
)
from habitkit.quests.domain.objectives import Counted, Measured, Reached, exact_sum, place_of
from habitkit.quests.events import ItemGranted

__all__ = ["Collect", "Damage"]

_ITEM_GRANTED = ItemGranted.__name__
_HEALING = "healing"


def _items(given: Mapping[str, int]) -> Mapping[str, int]:
    return counts_by_name("items", given)


def _hit_points(given: float | Decimal) -> Decimal:
    return amount_of("hp", given)


def _damage(given: Mapping[Any, Any]) -> Mapping[str, Decimal]:
    return amounts_by_type("per_event", given)


def _rage(given: Mapping[Any, Any] | None) -> Mapping[str, Decimal]:
    return {} if given is None or given == {} else amounts_by_type("rage", given)


@frozen
class Collect:
    """So many of each of some items, as they are granted.

    Attributes:
        items: How many are wanted, by the name of the item.

    Raises:
        InvalidInput: If it is no such mapping.
    """

    kind: ClassVar[str] = "collect"
    additive: ClassVar[bool] = False

    items: Mapping[str, int] = field(converter=_items, hash=False)

    @property
    def goal(self) -> Decimal:
        """How many items are wanted."""
        return Decimal(sum(self.items.values()))

    @property
    def types(self) -> frozenset[str]:
        """The event of an item that is granted."""
        return frozenset({_ITEM_GRANTED})

    def measure(self, event: CountedEvent) -> Measured | None:
        """Return one item, if it is a wanted one."""
        item = event.fields.get("item")
        if event.type != _ITEM_GRANTED or event.retracted or not isinstance(item, str):
            return None
        return Measured(value=digest_of(item)) if item in self.items else None

    def evaluate(self, counted: Counted) -> Reached:
        """Return how many wanted items there are; the last one that is needed completes it."""
        wanted = {digest_of(item): count for item, count in self.items.items()}
        found: Counter[str] = Counter()
        missing, complete = sum(wanted.values()), None
        for each in counted.contributions:
            found[each.value] += 1
            if found[each.value] <= wanted.get(each.value, 0):
                missing -= 1
                if missing == 0:
                    complete = place_of(each)
        return Reached(self.goal - missing, self.goal, complete)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object, without its kind."""
        return {"items": dict(self.items)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object."""
        return cls(**members(cls.kind, content, ("items",)))


@frozen
class Damage:
    """A boss with hit points, of which events take some away.

    It is complete as soon as none are left; what heals it later changes nothing any more.

    Attributes:
        hp: Its hit points.
        per_event: How many an event takes away, by type: a class of events or a name.
        rage: How many an event gives back, by type; never more than were taken away.

    Raises:
        InvalidInput: If a value is not what is expected, or a type takes away and gives back.
    """

    kind: ClassVar[str] = "damage"
    additive: ClassVar[bool] = False

    hp: Decimal = field(converter=_hit_points)
    per_event: Mapping[str, Decimal] = field(converter=_damage, hash=False)
    rage: Mapping[str, Decimal] = field(default=None, converter=_rage, hash=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a type of events that does both.

        Raises:
            InvalidInput: If there is one.
        """
        if self.per_event.keys() & self.rage.keys():
            expected = "types of events that are not in per_event"
            raise InvalidInput("rage", given=dict(self.rage), expected=expected)

    @property
    def goal(self) -> Decimal:
        """The hit points of the boss."""
        return self.hp

    @property
    def types(self) -> frozenset[str]:
        """The types of events that take away or give back."""
        return frozenset({*self.per_event, *self.rage})

    def measure(self, event: CountedEvent) -> Measured | None:
        """Return what an event takes away or, with a mark as its value, gives back."""
        if event.retracted:
            return None
        if event.type in self.rage:
            return Measured(self.rage[event.type], _HEALING)
        taken = self.per_event.get(event.type)
        return None if taken is None else Measured(taken)

    def evaluate(self, counted: Counted) -> Reached:
        """Return the damage; the first event after which no hit points are left completes it."""
        damage = Decimal(0)
        for each in counted.contributions:
            if each.value == _HEALING:
                damage = max(Decimal(0), exact_sum((damage, -each.amount)))
            else:
                damage = exact_sum((damage, each.amount))
            if damage >= self.hp:
                return Reached(self.hp, self.hp, place_of(each))
        return Reached(damage, self.hp)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object, without its kind."""
        found: dict[str, Any] = {
            "hp": amount_to_json(self.hp),
            "per_event": {name: amount_to_json(it) for name, it in self.per_event.items()},
        }
        if self.rage:
            found["rage"] = {name: amount_to_json(it) for name, it in self.rage.items()}
        return found

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object."""
        found = members(cls.kind, content, ("hp", "per_event"), ("rage",))
        return cls(read_amount("hp", found["hp"]), found["per_event"], found.get("rage"))
