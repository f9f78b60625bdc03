"""The result of a rate limit check, and the algorithm behind it.

The algorithm is GCRA, the generic cell rate algorithm of ITU-T I.371, in its virtual scheduling
form. For each key and limit one integer is kept, the theoretical arrival time (TAT): the instant at
which the budget is full again. The time from now to the TAT, in nanoseconds, is the used part of
the budget. A cost of n moves the TAT by n emissions; it may be ahead of now by the tolerance,
which is ``burst`` emissions, so a burst is exact.

``ahead`` here always means ``max(TAT - now, 0)``, an int. A backend reads it, lets ``charged``
decide, and writes back ``now + ahead``, all in one atomic step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from habitkit.limits.domain.limit import Limit

__all__ = ["Decision", "allowed", "capped", "charged", "denied", "single"]

_NS = 1_000_000_000
_new = tuple.__new__


class Decision(NamedTuple):
    """The result of a rate limit check; true if the call is allowed.

    Of several limits it describes the one that matters most: the one that denies for longest, or
    the one of which least remains.

    Attributes:
        allowed: Whether it is.
        limit: The limit that the other attributes are about.
        remaining: How many more are allowed now.
        retry_after_seconds: When to try again: 0 if allowed, None if no waiting helps, because the
            cost is above the burst.
        reset_after_seconds: When the whole burst has refilled, if nothing more is taken.
    """

    allowed: bool
    limit: Limit
    remaining: int
    retry_after_seconds: float | None
    reset_after_seconds: float

    def __bool__(self) -> bool:
        return self.allowed


def charged(limits: Sequence[Limit], ahead: Sequence[int], cost: int) -> list[int] | None:
    """Return how far ahead each limit is once a cost is charged to all; None if one denies it.

    Args:
        limits: The limits.
        ahead: How far ahead each of them is.
        cost: How many to charge, at least 1.
    """
    after = [was + limit.emission_ns * cost for limit, was in zip(limits, ahead, strict=True)]
    denies = any(now > limit.tolerance_ns for limit, now in zip(limits, after, strict=True))
    return None if denies else after


def capped(limits: Sequence[Limit], ahead: Sequence[int]) -> list[int]:
    """Return how far ahead limits are, at most by their tolerance.

    One is further ahead if it has a name and was made smaller. Whoever uses it then waits as long
    as its new numbers say, and a backend keeps that.
    """
    return [min(now, limit.tolerance_ns) for limit, now in zip(limits, ahead, strict=True)]


def single(limit: Limit, ahead: int) -> Decision:
    """Return the decision that allows something under one limit.

    Args:
        limit: The limit.
        ahead: How far ahead it is left.
    """
    remaining = (limit.tolerance_ns - ahead) // limit.emission_ns
    # Called by its name, the class takes twice as long, and every request of a host comes by here.
    return _new(Decision, (True, limit, remaining, 0.0, ahead / _NS))


def allowed(limits: Sequence[Limit], ahead: Sequence[int]) -> Decision:
    """Return the decision that allows something, about the limit of which least remains.

    Args:
        limits: The limits.
        ahead: How far ahead each of them is left.
    """
    return min(map(single, limits, ahead), key=_remaining)


def denied(limits: Sequence[Limit], ahead: Sequence[int], cost: int) -> Decision:
    """Return the decision that denies a cost, about the limit that does so for longest.

    Args:
        limits: The limits, of which one at least denies it.
        ahead: How far ahead each of them is.
        cost: How many were asked for.
    """
    longest, most, its = limits[0], -1, 0
    for limit, now in zip(limits, ahead, strict=True):
        wait = now + limit.emission_ns * cost - limit.tolerance_ns
        if cost > limit.burst:
            return _denial(limit, now, None)
        if wait > most:
            longest, most, its = limit, wait, now
    return _denial(longest, its, most / _NS)


def _denial(limit: Limit, ahead: int, retry_after_seconds: float | None) -> Decision:
    return Decision(
        allowed=False,
        limit=limit,
        remaining=(limit.tolerance_ns - ahead) // limit.emission_ns,
        retry_after_seconds=retry_after_seconds,
        reset_after_seconds=ahead / _NS,
    )


def _remaining(decision: Decision) -> int:
    return decision.remaining
