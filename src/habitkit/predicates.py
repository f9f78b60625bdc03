"""Predicates on the fields of an event, as data: ``field("amount") >= 5``.

They can be stored as JSON, and compared with each other. Numbers compare by their exact values, and
texts by their code points; a bool is no number. No comparison but ``!=`` holds for a field that is
missing, null, or of another kind than the value it is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from habitkit._operands import (
    MOST_VALUES,
    ORDERED,
    as_operand,
    checked_name,
    comparable,
    value_at,
)
from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from uuid import UUID

__all__ = ["Field", "Predicate", "field"]

_MOST_LEVELS = 100
_JOINS = ("and", "or", "not")
_OPERATORS = (*_JOINS, "==", "!=", *ORDERED, "in", "exists", "contains")


@attrs.frozen
class Predicate:
    """A predicate on fields, to be combined by ``&`` (and), ``|`` (or) and ``~`` (not).

    ``field`` makes one. Comparisons bind less than these: put each into parentheses.

    Attributes:
        op: ``and``, ``or``, ``not``, ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in``,
            ``exists`` or ``contains``.
        name: The field that is compared; empty for ``and``, ``or`` and ``not``.
        value: What it is compared with; of ``in`` a tuple. None if there is nothing.
        parts: What ``and``, ``or`` and ``not`` join.

    Example:
        >>> from habitkit.predicates import field
        >>> long_run = (field("kind") == "run") & (field("km") >= 10)
        >>> long_run.holds({"kind": "run", "km": 12.5}), long_run.holds({"kind": "run"})
        (True, False)
    """

    op: str
    name: str = ""
    value: Any = attrs.field(default=None, eq=comparable)
    parts: tuple[Predicate, ...] = ()
    _path: tuple[str, ...] = attrs.field(init=False, eq=False, repr=False)
    _wanted: Any = attrs.field(init=False, eq=False, repr=False)
    _levels: int = attrs.field(init=False, eq=False, repr=False)
    _values: int = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse what makes no predicate, and keep what the evaluation needs."""
        joins = _checked_op(self.op, "op") in _JOINS
        _check_parts(self.op, self.parts)
        if joins and (self.name or self.value is not None):
            given = self.name or self.value
            raise InvalidInput(self.op, given=given, expected="parts alone")
        value = None if joins else as_operand(self.op, self.value)
        wanted = comparable(value)
        own = len(value) if isinstance(value, tuple) else 1
        kept = {
            "name": "" if joins else checked_name(self.name, "name"),
            "value": value,
            "_path": tuple(self.name.split(".")),
            "_wanted": frozenset(wanted) if self.op == "in" else wanted,
            "_levels": 1 + max((it._levels for it in self.parts), default=0),  # noqa: SLF001 - own
            "_values": sum(it._values for it in self.parts) if joins else own,  # noqa: SLF001 - own
        }
        for name, each in kept.items():
            object.__setattr__(self, name, each)
        if self._levels > _MOST_LEVELS or self._values > MOST_VALUES:
            given = f"{self._levels} levels, {self._values} values"
            expected = f"at most {_MOST_LEVELS} levels and {MOST_VALUES} values to compare with"
            raise InvalidInput("predicate", given=given, expected=expected)

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether it is true of the fields of an event.

        Args:
            fields: Values of JSON by name.
        """
        op = self.op
        if op == "and":
            return all(part.holds(fields) for part in self.parts)
        if op == "or":
            return any(part.holds(fields) for part in self.parts)
        if op == "not":
            return not self.parts[0].holds(fields)
        return self._compares(value_at(fields, self._path))

    def names(self) -> frozenset[str]:
        """Return the names of the fields that it reads."""
        if self.parts:
            return frozenset().union(*(part.names() for part in self.parts))
        return frozenset({self.name})

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object: ``{"op": ">=", "field": "amount", "value": 5}``."""
        if self.parts:
            return {"op": self.op, "of": [part.to_dict() for part in self.parts]}
        if self.op == "exists":
            return {"op": self.op, "field": self.name}
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"op": self.op, "field": self.name, "value": value}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Predicate:
        """Make it of an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object, or nested too deeply; it says where.
        """
        return _parsed(content, "predicate", 1)

    def __and__(self, other: Predicate) -> Predicate:
        """Return the predicate that both hold."""
        return self._joined("and", "&", other)

    def __or__(self, other: Predicate) -> Predicate:
        """Return the predicate that at least one of them holds."""
        return self._joined("or", "|", other)

    def __invert__(self) -> Predicate:
        """Return the predicate that this one does not hold."""
        return self.parts[0] if self.op == "not" else Predicate("not", parts=(self,))

    def __rand__(self, other: object) -> NoReturn:
        """Refuse ``1 & predicate``, which a comparison without parentheses becomes."""
        raise _no_predicate("&", other)

    def __ror__(self, other: object) -> NoReturn:
        """Refuse ``1 | predicate``, which a comparison without parentheses becomes."""
        raise _no_predicate("|", other)

    def __bool__(self) -> NoReturn:
        """Refuse ``and``, ``or``, ``not``, ``if`` and chains such as ``1 < field("x") < 5``."""
        msg = (
            "a predicate is true or false only of the fields of an event: call holds(fields); "
            "combine predicates with &, | and ~ instead of and, or and not, and write a < b < c as "
            "two comparisons"
        )
        raise TypeError(msg)

    def _joined(self, op: str, sign: str, other: object) -> Predicate:
        if not isinstance(other, Predicate):
            raise _no_predicate(sign, other)
        parts: list[Predicate] = []
        for each in (self, other):
            parts += each.parts if each.op == op else (each,)
        return Predicate(op, parts=tuple(parts))

    def _compares(self, found: Any) -> bool:
        op, value = self.op, self.value
        if op in {"==", "!="}:
            return (comparable(found) == self._wanted) is (op == "==")
        if op == "in":
            return not isinstance(found, tuple) and comparable(found) in self._wanted
        if op == "exists":
            return found is not None
        if op == "contains":
            return isinstance(found, str | list | tuple) and value in found
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            return False
        return isinstance(found, str) is isinstance(value, str) and ORDERED[op](found, value)


class Field:
    """A field of an event; ``field`` makes one. Its comparisons are predicates.

    Attributes:
        name: Its name.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        """Keep its name.

        Raises:
            InvalidInput: If it is none; see ``field``.
        """
        self.name = checked_name(name)

    def __repr__(self) -> str:
        return f"field({self.name!r})"

    # == and != make predicates here, so that fields have no hash either.

    def __eq__(self, value: object) -> Predicate:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the predicate that it is this text, number or boolean."""
        return Predicate("==", self.name, value)

    def __ne__(self, value: object) -> Predicate:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the predicate that it is anything else, or missing."""
        return Predicate("!=", self.name, value)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __lt__(self, value: float | str | date) -> Predicate:
        """Return the predicate that it is there and less: as numbers, or as texts."""
        return Predicate("<", self.name, value)

    def __le__(self, value: float | str | date) -> Predicate:
        """Return the predicate that it is there and less or equal; see ``<``."""
        return Predicate("<=", self.name, value)

    def __gt__(self, value: float | str | date) -> Predicate:
        """Return the predicate that it is there and greater; see ``<``."""
        return Predicate(">", self.name, value)

    def __ge__(self, value: float | str | date) -> Predicate:
        """Return the predicate that it is there and greater or equal; see ``<``."""
        return Predicate(">=", self.name, value)

    def exists(self) -> Predicate:
        """Return the predicate that it is there and not null."""
        return Predicate("exists", self.name)

    def in_(self, values: Iterable[str | float | UUID | date]) -> Predicate:
        """Return the predicate that it is one of some texts, numbers or booleans."""
        return Predicate("in", self.name, values)

    def contains(self, text: str) -> Predicate:
        """Return the predicate that it is a text with this part, or a list with this element."""
        return Predicate("contains", self.name, text)

    def __bool__(self) -> NoReturn:
        """Refuse ``if field("x")`` and ``not field("x")``."""
        msg = f'{self!r} is not compared with anything; write {self!r}.exists() or {self!r} == "x"'
        raise TypeError(msg)

    def __and__(self, other: object) -> NoReturn:
        """Refuse a field that is not compared, and comparisons without parentheses."""
        raise _no_predicate("& and |", self)

    __or__ = __rand__ = __ror__ = __and__


def field(name: str) -> Field:
    """Return a field of an event, to be compared.

    Args:
        name: Its name; ``"book.pages"`` is a member of an object.

    Raises:
        InvalidInput: If it is no non-empty string, longer than 200 characters, or has nothing
            before or after a dot.
    """
    return Field(name)


def _checked_op(op: object, what: str) -> str:
    if isinstance(op, str) and op in _OPERATORS:
        return op
    raise InvalidInput(what, given=op, expected=f"one of: {', '.join(_OPERATORS)}")


def _check_parts(op: str, parts: Any, what: str = "parts", kind: type = Predicate) -> None:
    most = 1 if op == "not" else MOST_VALUES if op in _JOINS else 0
    fits = isinstance(parts, tuple) and min(most, 1) <= len(parts) <= most
    if not (fits and all(isinstance(part, kind) for part in parts)):
        expected = {0: "none", 1: "a list of one"}.get(most, f"a list of 1 to {most} predicates")
        raise InvalidInput(what, given=parts, expected=f"{expected} for {op}")


def _parsed(content: object, where: str, level: int) -> Predicate:
    if not isinstance(content, Mapping) or level > _MOST_LEVELS:
        expected = 'an object such as {"op": ">=", "field": "amount", "value": 5}'
        limit = f", in at most {_MOST_LEVELS} levels"
        raise InvalidInput(where, given=content, expected=expected + limit)
    op = _checked_op(content.get("op"), f"{where}.op")
    joins = op in _JOINS
    names = ("op", "of") if joins else ("op", "field", "value")[: 2 if op == "exists" else 3]
    if content.keys() != set(names):
        raise InvalidInput(where, given=[*content], expected=f"the members {', '.join(names)}")
    if not joins:
        name = checked_name(content["field"], f"{where}.field")
        return Predicate(op, name, as_operand(op, content.get("value"), f"{where}.value"))
    of = content["of"]
    _check_parts(op, tuple(of) if isinstance(of, list) else of, f"{where}.of", Mapping)
    parts = (_parsed(part, f"{where}.of[{i}]", level + 1) for i, part in enumerate(of))
    return Predicate(op, parts=tuple(parts))


def _no_predicate(sign: str, given: object) -> InvalidInput:
    expected = f"a predicate on each side of {sign}; put comparisons into parentheses"
    return InvalidInput("predicate", given=given, expected=expected)
