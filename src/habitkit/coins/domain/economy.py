"""The economy: which currencies exist, and the rewards that facts earn.

Rules change while facts keep arriving, late ones too. So an economy has versions, and a fact is
evaluated by the version that was in force when it was received: whatever the order in which facts
arrive, and whenever they are evaluated again, the same fact is due the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen

from habitkit._text import storable
from habitkit.coins.errors import InvalidAmount, UnknownCurrency
from habitkit.errors import InvalidEvent, InvalidInput
from habitkit.events import Event
from habitkit.habits.events import HabitCompleted, StreakReached

__all__ = ["Economy", "RewardRule", "RuleSet"]

_LONGEST_CURRENCY = 50
_BEGINNING = datetime.min.replace(tzinfo=UTC)


def _derived(_: object, __: object, value: Any) -> None:
    """Refuse an event class without a key, by which a reward is taken back."""
    if not (isinstance(value, type) and issubclass(value, Event)) or value.key is Event.key:
        raise InvalidEvent("on", given=value, expected="an Event class that defines a key")


def _payable(_: object, __: object, value: Any) -> None:
    """Refuse what is not an amount of coins."""
    if type(value) is not int or not 0 < value < 2**63:
        raise InvalidAmount("give", given=value, expected="an int from 1 to 2**63-1")


def _named(_: object, __: object, value: Any) -> None:
    """Refuse a name that a key cannot contain."""
    if not isinstance(value, str) or not value or not storable(value):
        raise InvalidInput(
            "name", given=value, expected="a non-empty string, valid UTF-8 without NUL"
        )


def _declared(_: object, __: object, value: Any) -> None:
    """Refuse currencies that a column of a database cannot keep."""
    if not isinstance(value, (frozenset, set)) or not all(map(_is_currency, value)):
        raise InvalidInput(
            "currencies",
            given=value,
            expected=f"a set of strings of 1 to {_LONGEST_CURRENCY} characters",
        )


def _is_currency(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_CURRENCY and storable(value)


def _from_when(_: object, __: object, value: Any) -> None:
    """Refuse an instant without a zone, which cannot be compared with those of facts."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput("since", given=value, expected="an aware datetime")


@frozen
class RewardRule:
    """A reward for one type of event.

    Attributes:
        name: Part of the entitlement's key; never reuse it for something else.
        on: The type of event: a derived one, which has a key of its own.
        give: How many coins, an int from 1 to 2**63-1.
        currency: In which currency.
    """

    name: str = field(validator=_named)
    on: type[Event] = field(validator=_derived)
    give: int = field(validator=_payable)
    currency: str = "coin"


def _by_type(rules: Iterable[RewardRule]) -> dict[str, list[RewardRule]]:
    """Return rules by the name of the type of event they are on."""
    by_type: dict[str, list[RewardRule]] = {}
    for rule in rules:
        by_type.setdefault(rule.on.__name__, []).append(rule)
    return by_type


@frozen
class RuleSet:
    """The reward rules that are in force from an instant on.

    Attributes:
        since: From when, in UTC; what was received earlier is evaluated by the set before.
        rules: The rules.
    """

    since: datetime = field(validator=_from_when)
    rules: tuple[RewardRule, ...]

    @cached_property
    def on(self) -> Mapping[str, list[RewardRule]]:
        """The rules by the name of the type of event they are on."""
        return _by_type(self.rules)


@frozen
class Economy:
    """The declared currencies, and the rules by which facts earn rewards.

    Attributes:
        rules: The reward rules from the beginning on.
        currencies: The declared currencies; others are refused.
        changes: Later sets of rules, oldest first; see ``changed``.

    Example:
        >>> from datetime import UTC, datetime
        >>> from habitkit import Economy, RewardRule
        >>> from habitkit.habits import HabitCompleted
        >>> economy = Economy(rules=(RewardRule("completion", HabitCompleted, 10),))
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> economy = economy.changed(march, (RewardRule("completion", HabitCompleted, 12),))
        >>> [rule_set.rules[0].give for rule_set in economy.rule_sets]
        [10, 12]
    """

    rules: tuple[RewardRule, ...]
    currencies: frozenset[str] = field(default=frozenset({"coin"}), validator=_declared)
    changes: tuple[RuleSet, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse rules with an undeclared currency, and rules with the same name on one event."""
        for rule_set in self.rule_sets:
            for rule in rule_set.rules:
                if rule.currency not in self.currencies:
                    names = ", ".join(sorted(self.currencies))
                    raise UnknownCurrency("rules", given=rule.currency, expected=f"one of: {names}")
            places = [(rule.on, rule.name) for rule in rule_set.rules]
            if len(set(places)) < len(places):
                raise InvalidInput(
                    "rules",
                    given=rule_set.rules,
                    expected="a different name for each rule on the same event",
                )
        since = [rule_set.since for rule_set in self.rule_sets]
        if since != sorted(set(since)):
            raise InvalidInput(
                "changes", given=since, expected="instants in ascending order, without duplicates"
            )

    @cached_property
    def rule_sets(self) -> tuple[RuleSet, ...]:
        """All sets of rules; the first one has no earliest instant."""
        return (RuleSet(_BEGINNING, self.rules), *self.changes)

    @cached_property
    def rules_on(self) -> Mapping[str, list[RewardRule]]:
        """All rules ever in force by the name of the type of event they are on."""
        return _by_type(rule for rule_set in self.rule_sets for rule in rule_set.rules)

    @property
    def rewarded(self) -> set[type[Event]]:
        """The types of events that any rule of any time is on."""
        return {rule.on for rules in self.rules_on.values() for rule in rules}

    def rules_at(self, instant: datetime) -> RuleSet:
        """Return the rules in force at an instant."""
        for rule_set in reversed(self.changes):
            if rule_set.since <= instant:
                return rule_set
        return self.rule_sets[0]

    def changed(self, since: datetime, rules: tuple[RewardRule, ...]) -> Economy:
        """Return an economy with other rules from an instant on; what came before stays as it was.

        Args:
            since: An aware instant, later than every earlier change. Choose one that has not come
                yet: a change in the past would evaluate facts again that were paid for already.
            rules: The rules from then on.

        Raises:
            InvalidInput: If the instant is naive or not later than the last change.
        """
        untyped: object = since
        if not isinstance(untyped, datetime) or untyped.utcoffset() is None:
            raise InvalidInput("since", given=since, expected="an aware datetime")
        return evolve(self, changes=(*self.changes, RuleSet(untyped.astimezone(UTC), tuple(rules))))

    @classmethod
    def default(cls) -> Economy:
        """10 coins for each done day, 50 more at each seventh day of a streak.

        The currency ``xp`` exists too, for levels.
        """
        return cls(
            rules=(
                RewardRule("completion", HabitCompleted, 10),
                RewardRule("streak", StreakReached, 50),
            ),
            currencies=frozenset({"coin", "xp"}),
        )

    @classmethod
    def without_rewards(cls, *currencies: str) -> Economy:
        """An economy without rewards; ``coin`` and the given currencies exist."""
        return cls(rules=(), currencies=frozenset({"coin", *currencies}))
