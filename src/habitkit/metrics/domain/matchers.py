"""Which series of a metric are meant, and how they are grouped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from attrs import field, frozen

from habitkit.metrics.domain.series import Labels
from habitkit.metrics.errors import InvalidMetric

__all__ = [
    "ALL",
    "By",
    "Each",
    "Matcher",
    "Where",
    "accepts",
    "checked_by",
    "checked_name",
    "checked_where",
    "group_of",
    "matches",
    "not_",
    "one_of",
]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_LONGEST_VALUE = 1000
_MOST_VALUES = 1000
_LARGEST = 2**63
_OPPOSITE = {"=": "!=", "in": "not in", "=~": "!~"}
_OPPOSITE |= {after: before for before, after in _OPPOSITE.items()}


class Each(Enum):
    """The type of ``ALL``."""

    ALL = "all"

    def __repr__(self) -> str:
        return self.name


ALL: Final = Each.ALL
"""As ``by``: a result for each combination of attributes, instead of one total."""

By: TypeAlias = "tuple[str, ...] | Literal[Each.ALL] | None"


@frozen
class Matcher:
    """A condition on the value of an attribute; one that is missing counts as an empty text.

    Attributes:
        op: ``=``, ``!=``, ``in``, ``not in``, ``=~`` or ``!~``: the last two are regular
            expressions for the whole text.
        values: What it is compared with: one text, or of ``in`` and ``not in`` several.
    """

    op: str = field()
    values: tuple[str, ...]
    _regex: re.Pattern[str] | None = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse what is no condition, and compile a regular expression."""
        if self.op not in _OPPOSITE:
            expected = f"one of: {', '.join(_OPPOSITE)}"
            raise InvalidMetric("where", given=self.op, expected=expected)
        for value in self.values:
            if type(value) is not str or len(value) > _LONGEST_VALUE:
                expected = f"texts of at most {_LONGEST_VALUE} characters"
                raise InvalidMetric("where", given=value, expected=expected)
        most = _MOST_VALUES if "in" in self.op else 1
        if not 1 <= len(self.values) <= most:
            expected = f"at least 1 and at most {most} texts for {self.op!r}"
            raise InvalidMetric("where", given=self.values, expected=expected)
        regex = _compiled(self.values[0]) if "~" in self.op else None
        object.__setattr__(self, "_regex", regex)

    def accepts(self, value: str) -> bool:
        """Tell whether the value of an attribute fulfils it."""
        if self._regex is not None:
            return (self._regex.fullmatch(value) is not None) is (self.op == "=~")
        return (value in self.values) is (self.op in {"=", "in"})

    def to_json(self) -> Any:
        """Return it as it stands in the ``where`` of an expression's ``to_dict``."""
        if self.op == "=":
            return self.values[0]
        return {self.op: list(self.values) if "in" in self.op else self.values[0]}

    @classmethod
    def from_json(cls, content: object) -> Matcher:
        """Make it of what ``to_json`` returns.

        Raises:
            InvalidMetric: If it is something else.
        """
        if isinstance(content, Mapping) and len(content) == 1:
            ((op, given),) = content.items()
            values = tuple(given) if isinstance(given, list) else (given,)
            if op != "=" and isinstance(op, str):
                return cls(op, values)
        if isinstance(content, str):
            return cls("=", (content,))
        expected = 'a text, or an object such as {"!=": "eu"} or {"in": ["eu", "us"]}'
        raise InvalidMetric("where", given=content, expected=expected)

    def __repr__(self) -> str:
        if self.op == "=":
            return repr(self.values[0])
        if self.op not in {"in", "=~"}:
            return f"not_({Matcher(_OPPOSITE[self.op], self.values)!r})"
        name = "one_of" if self.op == "in" else "matches"
        return f"{name}({', '.join(map(repr, self.values))})"


Where: TypeAlias = "Mapping[str, str | int | Matcher]"


def not_(condition: str | int | Matcher) -> Matcher:
    """Return the opposite of a condition: ``not_("eu")``, ``not_(one_of("eu", "us"))``."""
    matcher = _matcher(condition, "not_")
    return Matcher(_OPPOSITE[matcher.op], matcher.values)


def one_of(*values: str | int) -> Matcher:
    """Return the condition that the value is one of some texts."""
    return Matcher("in", tuple(_text(value, "one_of") for value in values))


def matches(pattern: str) -> Matcher:
    """Return the condition that a regular expression matches the whole value.

    Args:
        pattern: As the module ``re`` reads it, at most 1,000 characters long. Keep to what RE2
            knows too if the expression is written as PromQL.
    """
    untyped: Any = pattern
    return Matcher("=~", (str.__str__(pattern) if isinstance(untyped, str) else untyped,))


def checked_where(where: object, what: str = "where") -> tuple[tuple[str, Matcher], ...]:
    """Return conditions as pairs, sorted by attribute.

    Raises:
        InvalidMetric: If it is no mapping of names to texts or conditions.
    """
    if where is None:
        return ()
    if not isinstance(where, Mapping):
        expected = 'a mapping such as {"zone": "eu"}, or None'
        raise InvalidMetric(what, given=where, expected=expected)
    pairs = (
        (checked_name(name, what), _matcher(value, f"{what}[{name!r}]"))
        for name, value in where.items()
    )
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def accepts(where: tuple[tuple[str, Matcher], ...], attributes: Labels) -> bool:
    """Tell whether the attributes of a series fulfil all conditions."""
    values = dict(attributes)
    return all(matcher.accepts(values.get(name, "")) for name, matcher in where)


def checked_by(by: object) -> By:
    """Return how results are grouped.

    Raises:
        InvalidMetric: If it is no list of names, nor None or ``ALL``.
    """
    if by is None or by is ALL:
        return by
    if isinstance(by, Iterable) and not isinstance(by, str | Mapping):
        return tuple(sorted({checked_name(name, "by") for name in by}))
    expected = 'names of attributes such as ("zone",), ALL, or None for one total'
    raise InvalidMetric("by", given=by, expected=expected)


def group_of(by: By, attributes: Labels) -> Labels:
    """Return the labels of the result that a series belongs to; missing ones are left out."""
    if by is ALL:
        return attributes
    return tuple(pair for pair in attributes if pair[0] in by) if by else ()


def checked_name(name: object, what: str) -> str:
    """Return the name of a metric or an attribute.

    Raises:
        InvalidMetric: If it is none.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return str.__str__(name)  # of a member of an enum its value
    expected = "a name of at most 100 of a-z, 0-9 and '_', that begins with a letter"
    raise InvalidMetric(what, given=name, expected=expected)


def _matcher(condition: object, what: str) -> Matcher:
    return condition if isinstance(condition, Matcher) else Matcher("=", (_text(condition, what),))


def _text(value: object, what: str) -> str:
    """Return the value of an attribute as it is recorded: True is ``true``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return int.__repr__(value)
    expected = "a text, an int, a bool, or one of not_(), one_of() and matches()"
    raise InvalidMetric(what, given=value, expected=expected)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        expected = f"a regular expression ({error})"
        raise InvalidMetric("where", given=pattern, expected=expected) from None
