"""Rewards, and the rules by which events earn them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

from attrs import field, frozen
from attrs import fields as fields_of

from habitkit.errors import InvalidInput
from habitkit.events import Event
from habitkit.predicates import Predicate
from habitkit.quests.domain.amounts import (
    Amount,
    amount_from_json,
    amount_of,
    amount_to_json,
    checked_amount,
)
from habitkit.quests.domain.reward_checks import (
    LONGEST_NAME,
    as_currencies,
    expect_members,
    habit_of,
    is_name,
    is_rule_name,
    name_or_none,
    some_freezes,
    type_name,
)
from habitkit.quests.domain.rule_limits import (
    Limit,
    Once,
    PerDay,
    PerSlot,
    as_limit,
    limit_from_dict,
)

__all__ = [
    "Due",
    "DueKind",
    "Limit",
    "Once",
    "PerDay",
    "PerSlot",
    "Reward",
    "RewardPart",
    "Rule",
    "expect_habit",
]

DueKind = Literal["currency", "badge", "freezes", "item"]
"""What a part of a reward is."""


@frozen
class Due:
    """One part of what an event is due.

    Attributes:
        key: The place that entitles to it, such as ``done:{habit}:{day}:{rule}``.
        kind: ``currency``, ``badge``, ``freezes`` or ``item``.
        name: The currency, the badge, the id of the habit, or the item.
        amount: How many; 0 for what is no longer due.
    """

    key: str
    kind: DueKind
    name: str
    amount: int


@frozen
class RewardPart:
    """One part of a reward.

    Attributes:
        suffix: What its key has after the place of the reward; empty for the first currency.
        kind: ``currency``, ``badge``, ``freezes`` or ``item``.
        name: The currency, the badge or the item; empty for freezes.
        amount: How many.
    """

    suffix: str
    kind: DueKind
    name: str
    amount: Amount


def _amount(_: object, attribute: Any, value: Any) -> None:
    checked_amount(value, attribute.name)


@frozen
class Reward:
    """What is given for something.

    Attributes:
        coins: How many coins: a number, or a formula such as ``per("slots", 5)``.
        xp: How much of the currency ``xp``.
        freezes: How many freezes for the habit of the event, 0 to 1000.
        badge: The badge that is unlocked, or None.
        item: The item that is given, or None.
        currencies: The amounts of other currencies, by their names.

    Example:
        >>> from habitkit.quests import Reward, steps
        >>> reward = Reward(coins=10, xp=steps("slots", {7: 50, 30: 200}))
        >>> [(due.key, due.name, due.amount) for due in reward.dues("week", {"slots": 8})]
        [('week', 'coin', 10), ('week:xp', 'xp', 50)]
    """

    by_dict: ClassVar[bool] = True
    """It is stored by ``to_dict``, as it contains formulas."""

    coins: Amount = field(default=0, validator=_amount)
    xp: Amount = field(default=0, validator=_amount)
    freezes: int = field(default=0, validator=some_freezes)
    badge: str | None = field(default=None, validator=name_or_none)
    item: str | None = field(default=None, validator=name_or_none)
    currencies: Mapping[str, Amount] = field(factory=dict, converter=as_currencies)

    @cached_property
    def parts(self) -> tuple[RewardPart, ...]:
        """Its parts; of the currencies, ``coin`` and ``xp`` come first."""
        amounts = {"coin": self.coins, "xp": self.xp, **self.currencies}
        names = [name for name, amount in amounts.items() if amount != 0]
        found = [
            RewardPart(f":{name}" if found_before else "", "currency", name, amounts[name])
            for found_before, name in enumerate(names)
        ]
        if self.badge is not None:
            found.append(RewardPart(":badge", "badge", self.badge, 1))
        if self.freezes:
            found.append(RewardPart(":freezes", "freezes", "", self.freezes))
        if self.item is not None:
            found.append(RewardPart(":item", "item", self.item, 1))
        return tuple(found)

    @property
    def is_empty(self) -> bool:
        """Whether it gives nothing."""
        return not self.parts

    @property
    def currency_names(self) -> tuple[str, ...]:
        """The currencies that it gives, ``coin`` and ``xp`` first."""
        return tuple(part.name for part in self.parts if part.kind == "currency")

    def dues(self, place: str, fields: Mapping[str, Any], habit: str | None = None) -> list[Due]:
        """Return what is due for an event; parts of 0 are left out.

        Args:
            place: What entitles to it: ``{event.key}:{rule}``.
            fields: The fields of the event.
            habit: The id of the habit that freezes are for; by default the event's ``habit_id``.
                Without a habit there are no freezes.
        """
        found: list[Due] = []
        for part in self.parts:
            amount = amount_of(part.amount, fields)
            name: str | None = part.name
            if part.kind == "freezes":
                name = habit_of(fields.get("habit_id") if habit is None else habit)
            if amount and name is not None:
                found.append(Due(place + part.suffix, part.kind, name, amount))
        return found

    def nothing(self, place: str) -> list[Due]:
        """Return all that can be due at a place with the amount 0; freezes are without a habit."""
        return [Due(place + part.suffix, part.kind, part.name, 0) for part in self.parts]

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; what it does not give is left out."""
        found: dict[str, Any] = {
            "coins": amount_to_json(self.coins),
            "xp": amount_to_json(self.xp),
            "freezes": self.freezes,
            "badge": self.badge,
            "item": self.item,
            "currencies": {name: amount_to_json(each) for name, each in self.currencies.items()},
        }
        return {name: each for name, each in found.items() if each}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Reward:
        """Make it of an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object.
        """
        names = {of.name for of in fields_of(cls)}
        found = dict(expect_members("reward", content, set(), names))
        for name in {"coins", "xp"} & found.keys():
            found[name] = amount_from_json(found[name], name)
        if isinstance(found.get("currencies"), Mapping):
            found["currencies"] = {
                name: amount_from_json(each, f"currencies[{name!r}]")
                for name, each in found["currencies"].items()
            }
        return cls(**found)


def expect_habit(rule: Rule, kind: type[Event]) -> None:
    """Refuse a rule that gives freezes for events without a habit.

    Args:
        rule: The rule.
        kind: The class of the events that it is on.

    Raises:
        InvalidInput: If the rule gives freezes, and the class has no field ``habit_id``.
    """
    _expect_habit(rule.give, kind)


def _expect_habit(give: Reward, kind: type[Event]) -> None:
    if give.freezes and all(of.name != "habit_id" for of in fields_of(kind)):
        expected = f"no freezes for {kind.__name__}, which has no habit_id"
        raise InvalidInput("give", given=give.freezes, expected=expected)


def _rule_name(_: object, __: object, value: Any) -> None:
    if not is_rule_name(value):
        expected = f"1 to {LONGEST_NAME} characters without a colon, valid UTF-8 without NUL"
        raise InvalidInput("name", given=value, expected=expected)


def _predicate_or_none(_: object, __: object, value: Any) -> None:
    if value is not None and not isinstance(value, Predicate):
        expected = 'a predicate, such as field("amount") >= 5, or None'
        raise InvalidInput("when", given=value, expected=expected)


def _some_reward(_: object, __: object, value: Any) -> None:
    if not isinstance(value, Reward) or value.is_empty:
        raise InvalidInput("give", given=value, expected="a reward, such as Reward(coins=10)")


@frozen
class Rule:
    """A reward for each event of a type.

    Attributes:
        name: Part of the key of what it gives; never reuse it for something else.
        on: The type of the events; a class of events may be given.
        when: What has to hold for the fields of an event, or None.
        give: The reward.
        limit: How many events it rewards, the first ones: ``PerDay(n)``, ``PerSlot``, ``Once``; or
            None for all.

    Example:
        >>> from habitkit.habits import StreakReached
        >>> from habitkit.predicates import field
        >>> from habitkit.quests import Reward, Rule
        >>> month = Rule("month", StreakReached, field("slots") == 28, Reward(badge="month"))
        >>> month.on, month == Rule.from_dict(month.to_dict())
        ('StreakReached', True)
    """

    name: str = field(validator=_rule_name)
    on: str = field(converter=type_name)
    when: Predicate | None = field(default=None, validator=_predicate_or_none)
    give: Reward = field(default=Reward(), validator=_some_reward)
    limit: Limit | None = field(default=None, converter=as_limit)

    def __attrs_pre_init__(
        self,
        name: object,
        on: object,
        when: object = None,
        give: object = None,
        limit: object = None,
    ) -> None:
        """Refuse freezes for events without a habit, while the class is known."""
        if isinstance(on, type) and issubclass(on, Event) and isinstance(give, Reward):
            _expect_habit(give, on)

    @classmethod
    def of_economy(cls, name: str, on: type[Event] | str, give: Reward) -> Rule:
        """Make a rule of an ``Economy``, in whose name there may be a colon, or many characters.

        The name stays as it is, for it is a part of keys that are stored.

        Raises:
            InvalidInput: If it is no non-empty string that every store can keep, or the rest is
                not acceptable.
        """
        untyped: Any = name
        if not (isinstance(untyped, str) and is_name(name, len(name))):
            expected = "a non-empty string, valid UTF-8 without NUL"
            raise InvalidInput("name", given=name, expected=expected)
        rule = cls("economy", on, give=give)
        object.__setattr__(rule, "name", name)
        return rule

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        found: dict[str, Any] = {"name": self.name, "on": self.on, "give": self.give.to_dict()}
        if self.when is not None:
            found["when"] = self.when.to_dict()
        if self.limit is not None:
            found["limit"] = self.limit.to_dict()
        if not is_rule_name(self.name):
            found["economy"] = True
        return found

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Rule:
        """Make it of an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object.
        """
        found = expect_members(
            "rule", content, {"name", "on", "give"}, {"when", "limit", "economy"}
        )
        if found.get("economy") is True and found.keys() == {"name", "on", "give", "economy"}:
            return cls.of_economy(found["name"], found["on"], Reward.from_dict(found["give"]))
        when, limit = found.get("when"), found.get("limit")
        return cls(
            found["name"],
            found["on"],
            None if when is None else Predicate.from_dict(when),
            Reward.from_dict(found["give"]),
            None if limit is None else limit_from_dict(limit),
        )
