"""A decision, and the arithmetic behind it.

The algorithm is GCRA, the generic cell rate algorithm of ITU-T I.371, in its virtual scheduling
form. Of each key and limit one integer is kept, the theoretical arrival time (TAT): the instant at
which the budget is full again. What the TAT is ahead of now is the part of the budget that is
taken, in nanoseconds. A cost of n moves it on by n emissions; it may be ahead by the tolerance,
which is ``burst`` emissions, so a burst is exact.

All instants here are integers in nanoseconds of one clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from habitkit.limits.domain.limit import Limit

__all__ = ["Decision", "capped", "charged", "decision"]

_NS = 1_000_000_000


class Decision(NamedTuple):
    """Whether something is allowed; true where it is.

    Of several limits it describes the one that matters most: the one that denies for longest, or
    the one of which least remains.

    Attributes:
        allowed: Whether it is.
        limit: The limit that the other attributes speak of.
        remaining: How many more are allowed now.
        retry_after_seconds: When to try again: 0 if allowed, None if no waiting helps, because the
            cost is above the burst.
        reset_after_seconds: When the whole burst is there again, if nothing more is taken.
    """

    allowed: bool
    limit: Limit
    remaining: int
    retry_after_seconds: float | None
    reset_after_seconds: float

    def __bool__(self) -> bool:
        return self.allowed


def charged(limits: Sequence[Limit], tats: Sequence[int], now: int, cost: int) -> list[int] | None:
    """Return each limit's TAT after a cost is charged to all; None if one of them denies it.

    Args:
        limits: The limits.
        tats: The TAT of each; in the past if nothing of its budget is taken.
        now: The instant.
        cost: How many, at least 1.
    """
    after = []
    for limit, tat in zip(limits, tats, strict=True):
        moved = (tat if tat > now else now) + limit.emission_ns * cost
        if moved - now > limit.tolerance_ns:
            return None
        after.append(moved)
    return after


def capped(limits: Sequence[Limit], tats: Sequence[int], now: int) -> list[int]:
    """Return TATs of which none is ahead by more than its limit's tolerance.

    One is, if a named limit was made smaller: its keys then wait as the new numbers say.
    """
    return [min(tat, now + limit.tolerance_ns) for limit, tat in zip(limits, tats, strict=True)]


def decision(
    limits: Sequence[Limit], tats: Sequence[int], now: int, cost: int, *, allowed: bool
) -> Decision:
    """Return the decision that follows from what ``charged`` said.

    Args:
        limits: The limits.
        tats: The TAT of each, as it is left.
        now: The instant.
        cost: How many were asked for.
        allowed: Whether they were.
    """
    if not allowed:
        return _denied(limits, tats, now, cost)
    scarcest, remaining, reset = limits[0], -1, 0
    for limit, tat in zip(limits, tats, strict=True):
        ahead = tat - now if tat > now else 0
        left = (limit.tolerance_ns - ahead) // limit.emission_ns
        if left < remaining or remaining < 0:
            scarcest, remaining, reset = limit, left, ahead
    # Half the time of the call by its name, and every request of a host comes by here.
    return tuple.__new__(Decision, (True, scarcest, remaining, 0.0, reset / _NS))


def _denied(limits: Sequence[Limit], tats: Sequence[int], now: int, cost: int) -> Decision:
    denials = []
    for limit, tat in zip(limits, tats, strict=True):
        ahead = max(tat - now, 0)
        taken = ahead + limit.emission_ns * cost
        if taken > limit.tolerance_ns:
            wait = math.inf if cost > limit.burst else (taken - limit.tolerance_ns) / _NS
            left = (limit.tolerance_ns - ahead) // limit.emission_ns
            denials.append(Decision(False, limit, left, wait, ahead / _NS))  # noqa: FBT003 - named by the class
    longest = max(denials, key=_wait)
    return longest._replace(retry_after_seconds=None) if _wait(longest) == math.inf else longest


def _wait(denial: Decision) -> float:
    return denial.retry_after_seconds or 0.0
