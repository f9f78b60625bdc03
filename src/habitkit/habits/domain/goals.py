"""Goals: what it takes to have done a habit."""

from __future__ import annotations

from sys import float_info
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from habitkit._text import storable
from habitkit.habits.errors import InvalidHabit

if TYPE_CHECKING:
    from habitkit.habits.domain.schedules import Schedule

__all__ = ["Fold", "Goal", "Unrecorded", "number"]

Fold = Literal["sum", "max", "last"]
Unrecorded = Literal["missed", "done", "exempt"]

_KINDS = ("done", "at_least", "at_most", "between", "avoid")
_LONGEST_UNIT = 50
_LARGEST = float_info.max


@frozen
class Goal:
    """A goal: what the amounts recorded in a slot must add up to.

    The constructors ``done``, ``at_least``, ``at_most``, ``between`` and ``avoid`` make one.

    Attributes:
        kind: Which constructor made it.
        low: The least amount that meets the goal, or None.
        high: The largest amount that meets the goal, or None.
        unit: What is counted, for people to read: ``km``, ``pages``.
        fold: How several amounts become one: ``sum``, ``max``, or ``last``, the one of the greatest
            ``(at, seq)``.
        unrecorded: What ``at_most`` makes of a slot with no record.
    """

    kind: Literal["done", "at_least", "at_most", "between", "avoid"] = "done"
    low: float | None = None
    high: float | None = None
    unit: str = ""
    fold: Fold = "sum"
    unrecorded: Unrecorded = "missed"

    def __attrs_post_init__(self) -> None:
        """Refuse values that no constructor makes."""
        if self.kind not in _KINDS:
            raise InvalidHabit("goal", given=self.kind, expected=f"one of {', '.join(_KINDS)}")
        bounds = {"at_least": (True, False), "at_most": (False, True), "between": (True, True)}
        needed = bounds.get(self.kind, (False, False))
        if (_bound("low", self.low), _bound("high", self.high)) != needed:
            both = f"low {self.low}, high {self.high}"
            expected = f"{_bounds_of(needed)} for the kind {self.kind!r}"
            raise InvalidHabit("goal", given=both, expected=expected)
        if self.low is not None and self.high is not None and self.low > self.high:
            both = f"{self.low} to {self.high}"
            raise InvalidHabit("between", given=both, expected="low not above high")
        if self.kind == "at_least" and not self.low:
            raise InvalidHabit("at_least", given=self.low, expected="an amount above 0")
        _text("unit", self.unit)
        if self.fold not in {"sum", "max", "last"}:
            raise InvalidHabit("fold", given=self.fold, expected="'sum', 'max' or 'last'")
        if self.unrecorded not in {"missed", "done", "exempt"}:
            expected = "'missed', 'done' or 'exempt'"
            raise InvalidHabit("unrecorded", given=self.unrecorded, expected=expected)

    @classmethod
    def done(cls) -> Goal:
        """Any check-in whose amount is above 0."""
        return cls("done")

    @classmethod
    def at_least(cls, amount: float, unit: str = "", *, fold: Fold = "sum") -> Goal:
        """At least an amount: ``Goal.at_least(5, "km")``.

        Raises:
            InvalidHabit: If the amount is not a finite number above 0.
        """
        return cls("at_least", low=amount, unit=unit, fold=fold)

    @classmethod
    def at_most(
        cls, amount: float, unit: str = "", *, fold: Fold = "sum", unrecorded: Unrecorded = "missed"
    ) -> Goal:
        """At most an amount, decided when the slot ends.

        Args:
            amount: The largest amount that meets the goal.
            unit: What is counted.
            fold: How several amounts become one.
            unrecorded: What a slot with no record is: ``missed``, ``done`` or ``exempt``.

        Raises:
            InvalidHabit: If the amount is not a finite number of at least 0.
        """
        return cls("at_most", high=amount, unit=unit, fold=fold, unrecorded=unrecorded)

    @classmethod
    def between(cls, low: float, high: float, unit: str = "", *, fold: Fold = "sum") -> Goal:
        """From one amount to another, both included, decided when the slot ends.

        Raises:
            InvalidHabit: If they are not finite numbers of at least 0, the smaller first.
        """
        return cls("between", low=low, high=high, unit=unit, fold=fold)

    @classmethod
    def avoid(cls) -> Goal:
        """Not at all: each check-in with an amount above 0 is a slip."""
        return cls("avoid")

    def fit(self, schedule: Schedule) -> None:
        """Refuse a schedule of which this goal can evaluate no slot.

        Raises:
            InvalidHabit: If they do not go together.
        """
        reached = self.kind in {"done", "at_least"}
        if schedule.kind == "rolling" and not reached:
            expected = "'done' or 'at_least' for a rolling schedule"
            raise InvalidHabit("goal", given=self.kind, expected=expected)
        if schedule.after_done and (not reached or self.turns):
            expected = (
                "'done', or 'at_least' with fold 'sum' or 'max', for a schedule anchored at the "
                "last done day"
            )
            raise InvalidHabit("goal", given=f"{self.kind} by {self.fold}", expected=expected)
        if schedule.kind == "quota" and schedule.n > 1 and self.kind in {"avoid", "at_most"}:
            expected = f"a quota of 1 for the goal {self.kind!r}"
            raise InvalidHabit("n", given=schedule.n, expected=expected)

    @property
    def turns(self) -> bool:
        """True if what meets the goal now may not meet it when the slot ends."""
        return self.kind in {"avoid", "at_most", "between"} or self.fold == "last"


def _text(what: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > _LONGEST_UNIT or not storable(value):
        expected = f"a string of at most {_LONGEST_UNIT} characters, valid UTF-8 without NUL"
        raise InvalidHabit(what, given=value, expected=expected)


def _bounds_of(needed: tuple[bool, bool]) -> str:
    """Describe which of ``low`` and ``high`` a kind of goal takes."""
    return " and ".join(
        f"{bound} {'an amount' if taken else 'None'}"
        for bound, taken in zip(("low", "high"), needed, strict=True)
    )


def _bound(what: str, value: object) -> bool:
    """Return whether there is a bound."""
    if value is None:
        return False
    number(what, value)
    return True


def number(what: str, value: object) -> float:
    """Return an amount.

    Raises:
        InvalidHabit: If it is not a finite number of at least 0; a bool is not one.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    raise InvalidHabit(what, given=value, expected="a finite number of at least 0")
