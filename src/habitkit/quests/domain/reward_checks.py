"""Checks of what rewards and rules are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from habitkit._text import storable
from habitkit.errors import InvalidInput
from habitkit.events import Event
from habitkit.quests.domain.amounts import Amount, checked_amount
from habitkit.quests.domain.counted_events import NEVER_COUNTED

__all__ = [
    "LONGEST_CURRENCY",
    "LONGEST_NAME",
    "Currencies",
    "as_currencies",
    "expect_members",
    "habit_of",
    "is_name",
    "is_rule_name",
    "name_or_none",
    "some_freezes",
    "type_name",
]

LONGEST_CURRENCY = 50
LONGEST_NAME = 100
_MOST_CURRENCIES = 100
_MOST_FREEZES = 1000
_OWN = {"coin": "coins", "xp": "xp"}


class Currencies(Mapping[str, Amount]):
    """The amounts by currency, sorted; it cannot be changed, and has a hash."""

    __slots__ = ("_amounts",)

    def __init__(self, amounts: Mapping[str, Amount]) -> None:
        """Keep a copy."""
        self._amounts = {name: amounts[name] for name in sorted(amounts)}

    def __getitem__(self, name: str) -> Amount:
        return self._amounts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._amounts)

    def __len__(self) -> int:
        return len(self._amounts)

    def __hash__(self) -> int:
        return hash(tuple(self._amounts.items()))

    def __repr__(self) -> str:
        return repr(self._amounts)


def as_currencies(given: Mapping[str, Amount]) -> Mapping[str, Amount]:
    """Return valid amounts by currency; those of 0 are left out.

    Raises:
        InvalidInput: If it is no mapping of currencies to amounts, or has ``coin`` or ``xp`` in it.
    """
    untyped: Any = given
    if not isinstance(untyped, Mapping) or len(untyped) > _MOST_CURRENCIES:
        expected = f'a dict of at most {_MOST_CURRENCIES} amounts, such as {{"gem": 5}}'
        raise InvalidInput("currencies", given=given, expected=expected)
    for name in untyped:
        if isinstance(name, str) and name in _OWN:
            expected = f"other currencies; write {_OWN[name]}=... for {name!r}"
            raise InvalidInput("currencies", given=name, expected=expected)
        if not is_name(name, LONGEST_CURRENCY):
            expected = f"currencies of 1 to {LONGEST_CURRENCY} characters"
            raise InvalidInput("currencies", given=name, expected=expected)
    amounts = {name: checked_amount(each, f"currencies[{name!r}]") for name, each in given.items()}
    return Currencies({name: each for name, each in amounts.items() if each != 0})


def some_freezes(_: object, __: object, value: Any) -> None:
    """Refuse what is no number of freezes: a validator.

    Raises:
        InvalidInput: If it is no int from 0 to 1000.
    """
    if type(value) is not int or not 0 <= value <= _MOST_FREEZES:
        expected = f"an int from 0 to {_MOST_FREEZES}"
        raise InvalidInput("freezes", given=value, expected=expected)


def name_or_none(_: object, attribute: Any, value: Any) -> None:
    """Refuse what is neither a name nor None: a validator.

    Raises:
        InvalidInput: If it is neither.
    """
    if value is not None and not is_name(value):
        expected = f"1 to {LONGEST_NAME} characters, valid UTF-8 without NUL, or None"
        raise InvalidInput(attribute.name, given=value, expected=expected)


def habit_of(given: object) -> str | None:
    """Return a habit's id as its text, or None if it is none."""
    try:
        return str(UUID(given)) if isinstance(given, str) else None
    except ValueError:  # a host's own event may have any text there
        return None


def is_name(value: object, longest: int = LONGEST_NAME) -> bool:
    """Tell whether it is a name that every store can keep, of 1 to so many characters."""
    return isinstance(value, str) and 0 < len(value) <= longest and storable(value)


def is_rule_name(value: Any) -> bool:
    """Tell whether it is a name of a rule: there is no colon in it, which divides keys."""
    return is_name(value) and ":" not in value


def expect_members(
    what: str, content: object, needed: set[str], more: set[str]
) -> Mapping[str, Any]:
    """Return an object of JSON that has some members, and maybe more.

    Args:
        what: What to call it in an error.
        content: What was given.
        needed: The names of members that it must have.
        more: The names of those that it may have.

    Raises:
        InvalidInput: If it is no object, or has other members.
    """
    if not isinstance(content, Mapping):
        raise InvalidInput(what, given=content, expected="an object")
    if needed <= content.keys() <= needed | more:
        return content
    expected = f"the members {sorted(needed)}, and none but {sorted(more)} besides"
    if not needed:
        expected = f"no members but {sorted(more)}"
    raise InvalidInput(what, given=[*content], expected=expected)


def type_name(given: type[Event] | str) -> str:
    """Return the type of events of a class or a name.

    Raises:
        InvalidInput: If it is neither, or that of an event that no rule is on.
    """
    untyped: Any = given
    is_class = isinstance(untyped, type) and issubclass(untyped, Event)
    name: Any = untyped.__name__ if is_class else untyped
    if is_name(name) and name not in NEVER_COUNTED:
        return str.__str__(name)
    expected = f"a class of events or its name, and none of {', '.join(NEVER_COUNTED)}"
    raise InvalidInput("on", given=given, expected=expected)
