"""Conditions on the context, for the builders of flags: ``attr("plan") == "pro"``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.flags.domain.sem_ver import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Attribute", "Condition", "attr"]

_VERSION_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "^", "~")


@frozen(eq=False)
class Condition:
    """A condition, to be combined by ``&`` (and), ``|`` (or) and ``~`` (not).

    Comparisons bind less than these: put each into parentheses.

    Attributes:
        rule: The condition in JsonLogic, with flagd's operators.

    Example:
        >>> from habitkit.flags import attr
        >>> ((attr("plan") == "pro") & (attr("age") != 18)).rule
        {'and': [{'===': [{'var': 'plan'}, 'pro']}, {'!==': [{'var': 'age'}, 18]}]}
    """

    rule: Any

    def __and__(self, other: Condition) -> Condition:
        """Return the condition that both hold."""
        return self._with("and", "&", other)

    def __or__(self, other: Condition) -> Condition:
        """Return the condition that at least one of them holds."""
        return self._with("or", "|", other)

    def __invert__(self) -> Condition:
        """Return the condition that this one does not hold."""
        return Condition({"!": [self.rule]})

    def __rand__(self, other: object) -> NoReturn:
        """Refuse ``1 & condition``, which a comparison without parentheses becomes."""
        raise _not_a_condition("&", other)

    def __ror__(self, other: object) -> NoReturn:
        """Refuse ``1 | condition``, which a comparison without parentheses becomes."""
        raise _not_a_condition("|", other)

    def __bool__(self) -> NoReturn:
        """Refuse ``and``, ``or``, ``not``, ``if`` and chains such as ``1 < attr("x") < 5``."""
        msg = (
            "a condition is true or false only when a flag is evaluated; combine conditions with "
            "&, | and ~ instead of and, or and not, and write a < b < c as two comparisons"
        )
        raise TypeError(msg)

    def _with(self, name: str, sign: str, other: object) -> Condition:
        if not isinstance(other, Condition):
            raise _not_a_condition(sign, other)
        rules: list[Any] = []
        for rule in (self.rule, other.rule):
            rules += rule[name] if rule.keys() == {name} else [rule]
        return Condition({name: rules})


class Attribute(Condition):
    """An attribute of the context; ``attr`` makes one. By itself it is a condition: it is true.

    No comparison but ``!=`` holds for an attribute that is missing or null.

    Attributes:
        rule: The condition that it is true, in JsonLogic.
    """

    def __init__(self, name: str) -> None:
        """Keep how a rule reads the attribute."""
        super().__init__({"===": [{"var": name}, True]})

    @property
    def _var(self) -> dict[str, Any]:
        read: dict[str, Any] = self.rule["==="][0]
        return read

    # == and != build rules here, so that attributes have no hash either.

    def __eq__(self, value: object) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the condition that it is this text, number or boolean, of the same type."""
        return Condition({"===": [self._var, _scalar(value)]})

    def __ne__(self, value: object) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the condition that it is anything else, or missing."""
        return Condition({"!==": [self._var, _scalar(value)]})

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __lt__(self, value: float | str) -> Condition:
        """Return the condition that it is there and less.

        JsonLogic takes a missing attribute for 0, so that it would be below 18; hence the rule also
        says that the attribute exists. Two texts compare as texts; else texts become numbers.
        """
        return self._ordered("<", value)

    def __le__(self, value: float | str) -> Condition:
        """Return the condition that it is there and less or equal; see ``<``."""
        return self._ordered("<=", value)

    def __gt__(self, value: float | str) -> Condition:
        """Return the condition that it is there and greater; see ``<``."""
        return self._ordered(">", value)

    def __ge__(self, value: float | str) -> Condition:
        """Return the condition that it is there and greater or equal; see ``<``."""
        return self._ordered(">=", value)

    def exists(self) -> Condition:
        """Return the condition that it is there and not null."""
        return Condition({"!==": [self._var, None]})

    def in_(self, values: Iterable[str | float]) -> Condition:
        """Return the condition that it is one of some texts, numbers or booleans.

        Raises:
            InvalidInput: If they are a text, or contain anything else.
        """
        if isinstance(values, str | bytes):
            raise InvalidInput("values", given=values, expected="a list, such as ['pro', 'team']")
        return Condition({"in": [self._var, [_scalar(value) for value in values]]})

    def contains(self, text: str) -> Condition:
        """Return the condition that it is a text with this part, or a list with this element."""
        return Condition({"in": [_text("text", text), self._var]})

    def starts_with(self, text: str) -> Condition:
        """Return the condition that it is a text that starts with this one."""
        return Condition({"starts_with": [self._var, _text("text", text)]})

    def ends_with(self, text: str) -> Condition:
        """Return the condition that it is a text that ends with this one."""
        return Condition({"ends_with": [self._var, _text("text", text)]})

    def version(self, operator: str, version: str) -> Condition:
        """Return the condition that it is a version that compares so to another, as SemVer says.

        Args:
            operator: One of ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``^`` (same major version)
                and ``~`` (same minor version).
            version: Such as ``"1.2.0"``.

        Raises:
            InvalidInput: If one of them is not what is expected.
        """
        if operator not in _VERSION_OPERATORS:
            expected = f"one of {' '.join(_VERSION_OPERATORS)}"
            raise InvalidInput("operator", given=operator, expected=expected)
        if not _is_version(version):
            raise InvalidInput("version", given=version, expected='a version such as "1.2.0"')
        return Condition({"sem_ver": [self._var, operator, version]})

    def _ordered(self, operator: str, value: object) -> Condition:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidInput(
                "value", given=value, expected=f"a number or a text after {operator}"
            )
        return self.exists() & Condition({operator: [self._var, _scalar(value)]})


def attr(name: str) -> Attribute:
    """Return an attribute of the context, to be compared.

    Args:
        name: Its name; ``"user.plan"`` is a member of an object, ``"targetingKey"`` is who a flag
            is evaluated for.

    Raises:
        InvalidInput: If it is no non-empty string.

    Example:
        >>> from habitkit.flags import attr
        >>> (attr("age") < 18).rule
        {'and': [{'!==': [{'var': 'age'}, None]}, {'<': [{'var': 'age'}, 18]}]}
    """
    return Attribute(_text("name", name))


def _text(what: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise InvalidInput(what, given=value, expected="a non-empty string")


def _scalar(value: object) -> str | float:
    """Return what a rule can compare with by its value."""
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    expected = "a text, a finite number, True or False; exists() tells whether there is a value"
    raise InvalidInput("value", given=value, expected=expected)


def _is_version(value: object) -> bool:
    return isinstance(value, str) and parse_version(value) is not None


def _not_a_condition(sign: str, given: object) -> InvalidInput:
    expected = f"a condition on each side of {sign}; put comparisons into parentheses"
    return InvalidInput("condition", given=given, expected=expected)
