"""A limit, and parsing one from text."""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import field, frozen

from habitkit.limits.errors import InvalidLimit

__all__ = ["Limit", "concurrency", "parse", "several"]

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_NS = 1_000_000_000
_LONGEST_NS = 100 * 366 * 86_400 * _NS  # with a wall clock in front of it still a BIGINT
_MOST_LIMITS = 8
_LONGEST_TEXT = 500
_MOST_EXACT = 10_000  # so many instants are kept of each key

_PER = re.compile(r"([0-9]{0,18})(s|min|h|d)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,49}")
_LIMIT = re.compile(
    r"\s*([0-9]{1,18})\s*/\s*([0-9]{0,18}(?:s|min|h|d))"
    r"(?:\s+burst\s+([0-9]{1,18})|\s+(exact))?\s*"
)
_GRAMMAR = (
    "COUNT/[N]UNIT [burst B | exact] with whole numbers and a unit of s, min, h or d, such as "
    '"100/min burst 20"'
)


@frozen(init=False)
class Limit:
    """A rate limit: so many calls per period, with a burst.

    The budget of a limit refills evenly, one in each ``emission_ns``, up to ``burst``. So in any
    window of T seconds at most ``burst + rate * T / period_seconds`` are admitted. An exact limit
    admits at most ``rate`` in any window of one period, and keeps the instant of each call for it.

    Attributes:
        rate: How many in a period; 0 denies always.
        per: The period as ``[N]UNIT`` with a unit of s, min, h or d, such as ``"15min"``.
        burst: How many at once after a pause; as many as ``rate`` unless given.
        name: Gives the limit an identity of its own, so that its numbers can be changed without
            giving everybody a full budget; None if its numbers are its identity.
        exact: Whether it is exact in every window, at the cost of one stored instant a call.
        period_seconds: The length of the period.
        emission_ns: In how many nanoseconds the budget of one refills, rounded up.
        tolerance_ns: In how many nanoseconds the whole burst refills.
        id: What a backend keeps its state under, beside the key. It contains neither ``=`` nor
            ``;`` nor a space.

    Example:
        >>> Limit(100, "min", burst=20)
        Limit(rate=100, per='min', burst=20, name=None, exact=False)
        >>> str(Limit(100, "15min"))
        '100/15min'
    """

    rate: int
    per: str = field(eq=False)
    burst: int
    name: str | None
    exact: bool
    period_seconds: int = field(repr=False)
    emission_ns: int = field(eq=False, repr=False)
    tolerance_ns: int = field(eq=False, repr=False)
    id: str = field(repr=False)

    def __init__(
        self,
        rate: int,
        per: str,
        burst: int | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> None:
        """Check the numbers and derive the rest.

        Raises:
            InvalidLimit: If one of them is not as the attributes describe, if the rate is above
                10**9 a second, if the burst would take more than 100 years to refill, or if an
                exact limit has a burst of its own or a rate above 10,000.
        """
        seconds = _period_seconds(per)
        if type(rate) is not int or not 0 <= rate <= seconds * _NS:
            expected = f"an int from 0 to {seconds * _NS} per {per}, at most 10**9 a second"
            raise InvalidLimit("rate", given=rate, expected=expected)
        if burst is not None and (type(burst) is not int or burst < 1):
            raise InvalidLimit("burst", given=burst, expected="an int of at least 1, or None")
        if name is not None and not (type(name) is str and _NAME.fullmatch(name)):
            expected = "1 to 50 of A-Z, a-z, 0-9, '_', '.' and '-', starting with a letter, or None"
            raise InvalidLimit("name", given=name, expected=expected)
        if type(exact) is not bool:
            raise InvalidLimit("exact", given=exact, expected="True or False")
        if exact and (rate > _MOST_EXACT or burst not in {None, rate}):
            expected = f"a rate of at most {_MOST_EXACT} and no burst for an exact limit"
            given = f"{rate}/{per}" if burst is None else f"{rate}/{per} burst {burst}"
            raise InvalidLimit("exact", given=given, expected=expected)
        # Of a rate of 0 the burst is 0 too, so that any cost is above it.
        most = 0 if rate == 0 else rate if burst is None else burst
        emission = -(-seconds * _NS // (rate or 1))
        if emission * most > _LONGEST_NS:
            expected = "a burst that refills within 100 years at the limit's rate"
            raise InvalidLimit("burst", given=most, expected=expected)
        identity = name or (f"{rate}/{seconds}" if exact else f"{rate}/{seconds}/{most}")
        identity = f"exact:{identity}" if exact else identity
        init = getattr(self, "__attrs_init__")  # noqa: B009 - made by attrs, pyright misses it
        init(rate, per, most, name, exact, seconds, emission, emission * most, identity)

    def __str__(self) -> str:
        """Return the limit as it is written in text, without its name."""
        burst = f" burst {self.burst}" if self.burst != self.rate else ""
        return f"{self.rate}/{self.per}{burst}{' exact' if self.exact else ''}"


def concurrency(most: int, seconds: int) -> Limit:
    """Return the limit of a lease: so many at once, each held for so many seconds at most.

    All leases of a key share one state, whatever their numbers, and it is no other limit's.

    Raises:
        InvalidLimit: If a number is out of range.
    """
    if type(most) is not int or not 1 <= most <= _MOST_EXACT:
        raise InvalidLimit("n", given=most, expected=f"an int from 1 to {_MOST_EXACT}")
    if type(seconds) is not int or not 0 < seconds * _NS <= _LONGEST_NS:
        expected = "a whole number of seconds, at least 1 and up to 100 years"
        raise InvalidLimit("ttl_seconds", given=seconds, expected=expected)
    limit = Limit(most, f"{seconds}s", exact=True)
    object.__setattr__(limit, "id", "lease:")  # before anybody else has it
    return limit


def _period_seconds(per: object) -> int:
    found = _PER.fullmatch(per) if isinstance(per, str) else None
    seconds = int(found[1] or 1) * _SECONDS[found[2]] if found else 0
    if 0 < seconds * _NS <= _LONGEST_NS:
        return seconds
    expected = '[N]UNIT with a unit of s, min, h or d, up to 100 years, such as "15min"'
    raise InvalidLimit("per", given=per, expected=expected)


@lru_cache(maxsize=1024)
def parse(text: str) -> tuple[Limit, ...]:
    """Parse limits from a text.

    Args:
        text: ``COUNT/[N]UNIT [burst B | exact]``, or several of them with ``;`` between.

    Raises:
        InvalidLimit: If it cannot be read so, or a number is out of range.

    Example:
        >>> parse("10/s; 1000/15min burst 50")[1].burst
        50
    """
    if len(text) > _LONGEST_TEXT:
        expected = f"a string of at most {_LONGEST_TEXT} characters"
        raise InvalidLimit("limits", given=text, expected=expected)
    limits = []
    for part in text.split(";"):
        found = _LIMIT.fullmatch(part)
        if found is None:
            raise InvalidLimit("limits", given=part.strip() or text, expected=_GRAMMAR)
        burst = int(found[3]) if found[3] else None
        limits.append(Limit(int(found[1]), found[2], burst, exact=found[4] is not None))
    return _together(tuple(limits))


def several(limits: object) -> tuple[Limit, ...]:
    """Return the limits that a call is given: a text, a Limit, or a list or tuple of Limits.

    Raises:
        InvalidLimit: If it is not one of these, or if the limits cannot be used together.
    """
    if type(limits) is str:
        return parse(limits)
    if isinstance(limits, Limit):
        return (limits,)
    if isinstance(limits, list | tuple) and all(isinstance(limit, Limit) for limit in limits):
        return _together(tuple(limits))
    raise InvalidLimit("limits", given=limits, expected="a string, a Limit, or a list of Limits")


def _together(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Return limits without repetitions; refuse too many, none, and two of one name."""
    distinct = tuple(dict.fromkeys(limits))
    if not 1 <= len(distinct) <= _MOST_LIMITS:
        expected = f"1 to {_MOST_LIMITS} limits"
        raise InvalidLimit("limits", given=limits, expected=expected)
    if len({limit.id for limit in distinct}) < len(distinct):
        raise InvalidLimit("limits", given=limits, expected="limits with different names")
    return distinct
