"""Boosts: for a time, what reward rules give in some currencies is multiplied.

An amount is multiplied by three numbers, of the boosts that hold for it: the product of the factors
of the compound ones, one plus the sum of ``factor - 1`` of the additive ones, and the largest
factor of those of which only the highest counts. All of it is exact, and rounded down at the end,
so it does not depend on the order of the boosts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from habitkit.errors import InvalidInput
from habitkit.quests.domain.amounts import LARGEST, exact_decimal
from habitkit.quests.domain.reward_checks import (
    LONGEST_CURRENCY,
    LONGEST_NAME,
    expect_members,
    is_name,
)

__all__ = ["Boost", "BoostTimes", "Stacking", "boosted"]

Stacking: TypeAlias = Literal["compound", "additive", "highest"]
"""How a boost is combined with others that hold at the same time."""

_STACKINGS = ("compound", "additive", "highest")
_LARGEST_FACTOR = 100
_MOST_CURRENCIES = 100


def _boost_name(_: object, __: object, value: Any) -> None:
    if not is_name(value):
        expected = f"1 to {LONGEST_NAME} characters, valid UTF-8 without NUL"
        raise InvalidInput("name", given=value, expected=expected)


def _factor(given: float | Decimal | str) -> Decimal:
    number = exact_decimal(given)
    if number is None or not 1 < number <= _LARGEST_FACTOR:
        expected = (
            f"a number above 1 and at most {_LARGEST_FACTOR} (int, Decimal, its text, or float), "
            "of at most 30 decimal places"
        )
        raise InvalidInput("factor", given=given, expected=expected)
    return number


def _in_utc(given: datetime, name: str) -> datetime:
    untyped: Any = given
    if isinstance(untyped, datetime) and untyped.utcoffset() is not None:
        try:
            return untyped.astimezone(UTC)
        except OverflowError:
            pass
    expected = "an aware datetime whose instant in UTC is in the years 1 to 9999"
    raise InvalidInput(name, given=given, expected=expected)


def _start(given: datetime) -> datetime:
    return _in_utc(given, "start")


def _end(given: datetime) -> datetime:
    return _in_utc(given, "end")


def _currencies(given: Iterable[str]) -> tuple[str, ...]:
    """Return the names of currencies sorted, each once."""
    untyped: Any = given
    names: list[Any] = []
    if isinstance(untyped, Iterable) and not isinstance(untyped, str | bytes):
        names = list(untyped)
    if not 0 < len(names) <= _MOST_CURRENCIES or not all(
        is_name(name, LONGEST_CURRENCY) for name in names
    ):
        expected = f'1 to {_MOST_CURRENCIES} names of currencies, such as ("coin", "xp")'
        raise InvalidInput("currencies", given=given, expected=expected)
    return tuple(sorted(set(names)))


def _stacking(value: Stacking) -> Stacking:
    if value not in _STACKINGS:
        expected = "one of " + ", ".join(map(repr, _STACKINGS))
        raise InvalidInput("stacking", given=value, expected=expected)
    return value


@frozen
class Boost:
    """For a time, reward rules give more in some currencies.

    Attributes:
        name: Its name; no other boost has it, before or after.
        factor: By how much amounts are multiplied, above 1 and at most 100, as an exact decimal; of
            a float its shortest text counts.
        start: From when on it holds, in UTC.
        end: The first instant at which it does not hold any more, in UTC.
        currencies: For which currencies it holds.
        stacking: How it is combined with others that hold at the same time. The factors of
            ``compound`` ones are multiplied. The extras of ``additive`` ones, ``factor - 1``, are
            added to one common factor. Of ``highest`` ones the largest factor counts alone. What
            these three kinds give is multiplied.

    Raises:
        InvalidInput: If a value is not what is expected.

    Example:
        >>> from datetime import UTC, datetime
        >>> from habitkit.quests import Boost
        >>> friday, monday = datetime(2027, 3, 5, tzinfo=UTC), datetime(2027, 3, 8, tzinfo=UTC)
        >>> weekend = Boost("weekend", 1.5, friday, monday, currencies=["xp"])
        >>> weekend.factor, weekend.holds_at(friday), weekend.holds_at(monday)
        (Decimal('1.5'), True, False)
    """

    name: str = field(validator=_boost_name)
    factor: Decimal = field(converter=_factor)
    start: datetime = field(converter=_start)
    end: datetime = field(converter=_end)
    currencies: tuple[str, ...] = field(default=("coin", "xp"), converter=_currencies)
    stacking: Stacking = field(default="compound", converter=_stacking)

    def __attrs_post_init__(self) -> None:
        """Refuse a boost that never holds.

        Raises:
            InvalidInput: If it is one.
        """
        if self.start >= self.end:
            raise InvalidInput("end", given=self.end, expected=f"an instant after {self.start}")

    def holds_at(self, instant: datetime) -> bool:
        """Tell whether it holds at an instant: from ``start`` on, and before ``end``."""
        return self.start <= instant < self.end

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object, without its name."""
        return {
            "factor": f"{self.factor:f}",
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "currencies": list(self.currencies),
            "stacking": self.stacking,
        }

    @classmethod
    def from_dict(cls, name: str, content: Mapping[str, Any]) -> Boost:
        """Make it of its name and an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object.
        """
        needed = {"factor", "start", "end", "currencies", "stacking"}
        found = dict(expect_members("boost", content, needed, set()))
        for which in ("start", "end"):
            try:
                found[which] = datetime.fromisoformat(found[which])
            except (TypeError, ValueError):
                expected = "an instant as text, such as 2027-03-05T00:00:00+00:00"
                raise InvalidInput(which, given=found[which], expected=expected) from None
        return cls(name, **found)


def boosted(amount: int, currency: str, at: datetime, boosts: Iterable[Boost]) -> int:
    """Return how much is given instead of an amount: rounded down, at most 2**63-1.

    Args:
        amount: How much it is without boosts, from 0.
        currency: In which currency.
        at: When what earns it was received.
        boosts: The boosts, in any order; those that do not hold then change nothing.
    """
    compound, additive, highest = Fraction(1), Fraction(1), Fraction(1)
    for boost in boosts:
        if currency in boost.currencies and boost.holds_at(at):
            factor = Fraction(boost.factor)
            if boost.stacking == "compound":
                compound *= factor
            elif boost.stacking == "additive":
                additive += factor - 1
            else:
                highest = max(highest, factor)
    return min(floor(amount * compound * additive * highest), LARGEST)


@frozen
class BoostTimes:
    """Boosts by the time in which they hold, so that finding them does not depend on their number.

    Attributes:
        boosts: The boosts.
    """

    boosts: tuple[Boost, ...]

    @cached_property
    def _instants(self) -> list[datetime]:
        """The instants at which a boost begins or ends."""
        return sorted({instant for each in self.boosts for instant in (each.start, each.end)})

    @cached_property
    def _holding(self) -> list[tuple[Boost, ...]]:
        """The boosts that hold from each of these instants to the next."""
        return [tuple(b for b in self.boosts if b.holds_at(it)) for it in self._instants]

    def at(self, instant: datetime) -> tuple[Boost, ...]:
        """Return the boosts that hold at an instant."""
        reached = bisect_right(self._instants, instant)
        return self._holding[reached - 1] if reached else ()
