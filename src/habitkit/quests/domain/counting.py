"""Objectives that count what events say: how many, how much, how many different values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from attrs import field as field_of
from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.objective_checks import (
    amount_of,
    amount_to_json,
    expect_count,
    expect_name,
    members,
    number_of,
    read_amount,
    type_name,
)
from habitkit.quests.domain.objectives import Counted, Measured, Place, Reached, exact_sum, place_of

if TYPE_CHECKING:
    from habitkit.predicates import Predicate

__all__ = ["Count", "Distinct", "Sum", "digest_of"]

_DIGITS = 16


def _goal(given: float | Decimal) -> Decimal:
    return amount_of("n", given)


def _expect_predicate(_: object, __: object, value: Any) -> None:
    """Refuse what cannot be asked about the fields of an event."""
    if value is not None and not all(
        callable(getattr(value, it, 0)) for it in ("holds", "to_dict")
    ):
        expected = 'a predicate such as field("amount") >= 5, or None'
        raise InvalidInput("where", given=value, expected=expected)


def _where_to_json(where: Predicate | None) -> dict[str, Any]:
    return {} if where is None else {"where": where.to_dict()}


def _read_where(stored: Mapping[str, Any] | None) -> Predicate | None:
    if stored is None:
        return None
    from habitkit.predicates import Predicate  # noqa: PLC0415 - few objectives have one

    return Predicate.from_dict(stored)


def _matches(event: CountedEvent, name: str, where: Predicate | None) -> bool:
    """Tell whether an event is of a type, true, and as a predicate wants it."""
    is_one = event.type == name and not event.retracted
    return is_one and (where is None or where.holds(event.fields))


def digest_of(value: object) -> str:
    """Return hexadecimal digits of a JSON value: the start of the SHA-256 of its canonical text.

    Equal numbers have equal digits, 1 and 1.0 too, as databases keep no difference.
    """
    text = json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _canonical(it) for name, it in value.items()}
    return [*map(_canonical, value)] if isinstance(value, list | tuple) else value


@frozen
class Count:
    """So many events of a type.

    Attributes:
        event: The type: a class of events, or the name under which they are recorded.
        n: How many.
        where: Only those whose fields are like this, such as ``field("amount") >= 5``.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    kind: ClassVar[str] = "count"
    additive: ClassVar[bool] = True

    event: str = field_of(converter=type_name)
    n: int = field_of(validator=expect_count)
    where: Predicate | None = field_of(default=None, validator=_expect_predicate)

    @property
    def goal(self) -> Decimal:
        """How many are wanted."""
        return Decimal(self.n)

    @property
    def types(self) -> frozenset[str]:
        """The type of the events."""
        return frozenset({self.event})

    def measure(self, event: CountedEvent) -> Measured | None:
        """Return 1 for an event that counts."""
        return Measured() if _matches(event, self.event, self.where) else None

    def evaluate(self, counted: Counted) -> Reached:
        """Return how many there are; the n-th completes it."""
        found = counted.contributions
        complete = place_of(found[self.n - 1]) if len(found) >= self.n else None
        return Reached(Decimal(len(found)), self.goal, complete)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object, without its kind."""
        return {"event": self.event, "n": self.n, **_where_to_json(self.where)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object."""
        found = members(cls.kind, content, ("event", "n"), ("where",))
        return cls(found["event"], found["n"], _read_where(found.get("where")))


@frozen
class Sum:
    """A field of the events of a type, summed up.

    Numbers above 0 count, added as decimals without rounding; anything else adds nothing.

    Attributes:
        event: The type: a class of events, or the name under which they are recorded.
        field: The name of the field.
        n: What the sum has to be.
        where: Only those whose fields are like this, such as ``field("unit") == "km"``.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    kind: ClassVar[str] = "sum"
    additive: ClassVar[bool] = True

    event: str = field_of(converter=type_name)
    field: str = field_of(validator=expect_name)
    n: Decimal = field_of(converter=_goal)
    where: Predicate | None = field_of(default=None, validator=_expect_predicate)

    @property
    def goal(self) -> Decimal:
        """What the sum has to be."""
        return self.n

    @property
    def types(self) -> frozenset[str]:
        """The type of the events."""
        return frozenset({self.event})

    def measure(self, event: CountedEvent) -> Measured | None:
        """Return the number in the field."""
        if not _matches(event, self.event, self.where):
            return None
        number = number_of(event.fields.get(self.field))
        return Measured(number) if number is not None and number > 0 else None

    def evaluate(self, counted: Counted) -> Reached:
        """Return the sum; the first event with which it is large enough completes it."""
        total, complete = Decimal(0), None
        for each in counted.contributions:
            total = exact_sum((total, each.amount))
            if complete is None and total >= self.n:
                complete = place_of(each)
        return Reached(total, self.n, complete)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object, without its kind."""
        found = {"event": self.event, "field": self.field, "n": amount_to_json(self.n)}
        return {**found, **_where_to_json(self.where)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object."""
        found = members(cls.kind, content, ("event", "field", "n"), ("where",))
        n, where = read_amount("n", found["n"]), _read_where(found.get("where"))
        return cls(found["event"], found["field"], n, where)


@frozen
class Distinct:
    """So many different values of a field in the events of a type.

    A field that is missing or null has no value. Of values only digests are kept.

    Attributes:
        event: The type: a class of events, or the name under which they are recorded.
        field: The name of the field.
        n: How many different values.
        where: Only events whose fields are like this.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    kind: ClassVar[str] = "distinct"
    additive: ClassVar[bool] = False

    event: str = field_of(converter=type_name)
    field: str = field_of(validator=expect_name)
    n: int = field_of(validator=expect_count)
    where: Predicate | None = field_of(default=None, validator=_expect_predicate)

    @property
    def goal(self) -> Decimal:
        """How many values are wanted."""
        return Decimal(self.n)

    @property
    def types(self) -> frozenset[str]:
        """The type of the events."""
        return frozenset({self.event})

    def measure(self, event: CountedEvent) -> Measured | None:
        """Return the digest of the value in the field."""
        if not _matches(event, self.event, self.where):
            return None
        value = event.fields.get(self.field)
        return None if value is None else Measured(value=digest_of(value))

    def evaluate(self, counted: Counted) -> Reached:
        """Return how many values there are; the first event of the n-th one completes it."""
        values: set[str] = set()
        complete: Place | None = None
        for each in counted.contributions:
            values.add(each.value)
            if complete is None and len(values) == self.n:
                complete = place_of(each)
        return Reached(Decimal(len(values)), self.goal, complete)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it, as a JSON object, without its kind."""
        found = {"event": self.event, "field": self.field, "n": self.n}
        return {**found, **_where_to_json(self.where)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make it of such an object."""
        found = members(cls.kind, content, ("event", "field", "n"), ("where",))
        return cls(found["event"], found["field"], found["n"], _read_where(found.get("where")))
