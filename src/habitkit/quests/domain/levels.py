"""Levels: how much of a currency each level needs, and the level that a balance has reached."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any

from attrs import field, frozen

from habitkit._text import storable
from habitkit.errors import InvalidInput

__all__ = ["Level", "Levels"]

_LARGEST = 2**63 - 1
_MOST_NEEDS = 1000
_LONGEST_CURRENCY = 50


def _ascending(_: object, __: object, value: object) -> None:
    """Refuse what is not a table of amounts that levels need."""
    if (
        not isinstance(value, tuple)
        or not 0 < len(value) <= _MOST_NEEDS
        or not all(type(need) is int and 0 < need <= _LARGEST for need in value)
        or not all(low < high for low, high in pairwise(value))
    ):
        raise InvalidInput(
            "needs",
            given=value,
            expected=f"1 to {_MOST_NEEDS} ints from 1 to 2**63-1, each above the one before: what "
            "the levels 2, 3 and so on need in total",
        )


def _listed(value: Any) -> Any:
    """Return a list as a tuple."""
    return tuple(value) if isinstance(value, (list, range)) else value


def _named(_: object, __: object, value: object) -> None:
    """Refuse what cannot be the name of a currency."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_CURRENCY or not storable(value):
        raise InvalidInput(
            "currency", given=value, expected=f"a string of 1 to {_LONGEST_CURRENCY} characters"
        )


@frozen
class Level:
    """How far a balance has got.

    Attributes:
        number: The level, from 1.
        into: How much more there is than this level needs; 0 for a balance below 0.
        to_next: How much is missing to the next level, a debt included; None at the last level.
    """

    number: int
    into: int
    to_next: int | None


@frozen
class Levels:
    """How much of a currency each level needs.

    The constructors ``table``, ``linear`` and ``quadratic`` make one. A formula is evaluated then:
    what is kept is the table, so equal tables are equal levels.

    Attributes:
        needs: What the levels 2, 3 and so on need in total. Level 1 needs nothing.
        currency: The currency that is counted.

    Raises:
        InvalidInput: If the needs are not 1 to 1000 ascending ints above 0, or the currency is not
            a name of 1 to 50 characters.

    Example:
        >>> from habitkit.quests import Levels
        >>> levels = Levels.table([100, 250])
        >>> levels.of(120)
        Level(number=2, into=20, to_next=130)
    """

    needs: tuple[int, ...] = field(converter=_listed, validator=_ascending)
    currency: str = field(default="xp", validator=_named)

    @classmethod
    def table(cls, needs: Sequence[int], *, currency: str = "xp") -> Levels:
        """Levels of a table.

        Args:
            needs: What level 2, 3 and so on need in total: ascending ints above 0.
            currency: The currency that is counted.

        Raises:
            InvalidInput: If they are not 1 to 1000 such ints, or that is no currency's name.
        """
        return cls(needs, currency)

    @classmethod
    def linear(cls, step: int, *, most: int = 100, currency: str = "xp") -> Levels:
        """Levels that are equally far apart: level ``k`` needs ``step * (k - 1)``.

        Args:
            step: What each level needs more than the one before, an int above 0.
            most: How many levels there are, 2 to 1001.
            currency: The currency that is counted.

        Raises:
            InvalidInput: If an argument is not acceptable, or a level needs more than 2**63-1.
        """
        if type(step) is not int or not 0 < step <= _LARGEST:
            raise InvalidInput("step", given=step, expected="an int from 1 to 2**63-1")
        return cls(_evaluated(lambda passed: Fraction(step * passed), most, 1), currency)

    @classmethod
    def quadratic(
        cls,
        a: Decimal | float,
        b: Decimal | float,
        c: Decimal | float = 0,
        *,
        round_to: int = 1,
        most: int = 100,
        currency: str = "xp",
    ) -> Levels:
        """Levels further and further apart: level ``k`` needs ``a*(k-1)**2 + b*(k-1) + c``.

        It is rounded to the nearest multiple of ``round_to``, and from the middle upwards. Numbers
        are exact: a float counts by its shortest text, so that 0.1 is one tenth.

        Args:
            a: The factor of the square.
            b: The factor of the number of levels passed.
            c: What is added for every level but the first.
            round_to: Of what the needs are multiples, an int from 1.
            most: How many levels there are, 2 to 1001.
            currency: The currency that is counted.

        Raises:
            InvalidInput: If an argument is not acceptable, or what the levels need is not
                ascending, above 0 and at most 2**63-1.
        """
        square, factor, constant = _exact("a", a), _exact("b", b), _exact("c", c)
        if type(round_to) is not int or not 0 < round_to <= _LARGEST:
            raise InvalidInput("round_to", given=round_to, expected="an int from 1 to 2**63-1")

        def need(passed: int) -> Fraction:
            return square * passed**2 + factor * passed + constant

        return cls(_evaluated(need, most, round_to), currency)

    @property
    def highest(self) -> int:
        """The number of the last level."""
        return len(self.needs) + 1

    def of(self, xp: int) -> Level:
        """Return how far a balance has got; one below 0 is at level 1.

        Raises:
            InvalidInput: If it is not an int.
        """
        number = self.number_of(xp)
        into = max(xp - self.needed(number), 0)
        return Level(number, into, None if number == self.highest else self.needs[number - 1] - xp)

    def number_of(self, xp: int) -> int:
        """Return the number of the level that a balance has reached, from 1.

        Raises:
            InvalidInput: If it is not an int.
        """
        if type(xp) is not int:
            raise InvalidInput("xp", given=xp, expected="an int")
        return bisect_right(self.needs, xp) + 1

    def needed(self, number: int) -> int:
        """Return what a level needs in total.

        Raises:
            InvalidInput: If there is no level of this number.
        """
        if type(number) is not int or not 0 < number <= self.highest:
            raise InvalidInput("number", given=number, expected=f"an int from 1 to {self.highest}")
        return self.needs[number - 2] if number > 1 else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the levels as a JSON object."""
        return {"needs": list(self.needs), "currency": self.currency}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Levels:
        """Make levels of such an object.

        Raises:
            InvalidInput: If it is not one.
        """
        untyped: object = content
        if not isinstance(untyped, Mapping) or set(untyped) != {"needs", "currency"}:
            expected = "an object with needs and currency, as to_dict returns it"
            raise InvalidInput("levels", given=content, expected=expected)
        return cls.table(untyped["needs"], currency=untyped["currency"])


def _exact(name: str, value: object) -> Fraction:
    """Return a finite number as it is written.

    Raises:
        InvalidInput: If it is not one.
    """
    if type(value) is int or type(value) is float or isinstance(value, Decimal):
        exact = Decimal(str(value) if type(value) is float else value)
        # Larger exponents than those of useful factors would make numbers of any size.
        if exact.is_finite() and -_MOST_NEEDS < exact.adjusted() < _MOST_NEEDS:
            return Fraction(exact)
    raise InvalidInput(name, given=value, expected="a finite int, Decimal or float")


def _evaluated(need: Callable[[int], Fraction], most: object, round_to: int) -> tuple[int, ...]:
    """Return what each level but the first needs, from the number of levels passed.

    Raises:
        InvalidInput: If there are too many levels, or too few.
    """
    if type(most) is not int or not 1 < most <= _MOST_NEEDS + 1:
        raise InvalidInput("most", given=most, expected=f"an int from 2 to {_MOST_NEEDS + 1}")
    half = Fraction(1, 2)
    return tuple(floor(need(passed) / round_to + half) * round_to for passed in range(1, most))
