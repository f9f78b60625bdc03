"""The two algorithms of rate limits: pure, on integers of nanoseconds.

**GCRA**, the generic cell rate algorithm of ITU-T I.371 in its virtual scheduling form, for all
limits that are not exact. One integer is kept, the theoretical arrival time (TAT): the instant at
which the budget is full again. The time from now to it, here called *ahead*, is the used part of
the budget. A cost of n moves the TAT by n emissions; it may be ahead by the tolerance, which is
``burst`` emissions, so a burst is exact.

**A sliding log** for exact limits. The deadline of each admitted call is kept, one period after it;
at most ``rate`` deadlines are in the future.

A call that waits is charged at once and admitted later: the TAT goes further ahead than the
tolerance, or the deadline lies further off than one period. Who comes later queues behind it.

A backend keeps a ``State`` for each subject and limit id. In one atomic step it reads the states,
lets ``charge`` decide, and writes those that changed. It may forget a state once ``expiry`` has
passed.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from habitkit.limits.domain.decision import Charge, Decision
from habitkit.limits.domain.limit import Limit

__all__ = [
    "Charge",
    "Outcome",
    "State",
    "Usage",
    "allowed",
    "charge",
    "denied",
    "expiry",
    "peek",
    "refund",
    "usage_of_tat",
]

State: TypeAlias = tuple[int, ...]
"""What is kept of a subject under a limit, in ns; empty if nothing is used.

For GCRA ``(tat, tolerance)``, the tolerance being that of the limit which wrote it: a named limit
may have changed since. For a sliding log the deadlines in ascending order.
"""

_NS = 1_000_000_000


class Usage(NamedTuple):
    """How much of a limit is used, as a call of some cost finds it.

    Attributes:
        remaining: How many more are allowed now.
        wait_ns: After how long the cost is allowed.
        reset_ns: After how long nothing is used any more.
    """

    remaining: int
    wait_ns: int
    reset_ns: int


class Outcome(NamedTuple):
    """The result of a charge.

    Attributes:
        decision: The decision.
        states: The states to write, in the order of the limits; None if none has changed. Those of
            a denial too: of a named limit with other numbers the state is capped.
    """

    decision: Decision
    states: tuple[State, ...] | None


def charge(
    subject: str,
    limits: tuple[Limit, ...],
    states: Sequence[State],
    cost: int,
    now_ns: int,
    max_wait_ns: int = 0,
) -> Outcome:
    """Charge a cost to all limits, or to none if one of them does not allow it in time.

    Args:
        subject: Whose budget.
        limits: The limits, each with a burst of at least the cost.
        states: What is kept under each of them.
        cost: How many to take, at least 1.
        now_ns: The backend's time. Times of one state are from one clock.
        max_wait_ns: How long the caller would wait.
    """
    before = [_usage(*each, cost, now_ns) for each in zip(limits, states, strict=True)]
    wait_ns = max(usage.wait_ns for usage in before)
    if wait_ns > max_wait_ns:
        capped = tuple(_capped(*each, now_ns) for each in zip(limits, states, strict=True))
        changed = capped if capped != tuple(states) else None
        return Outcome(denied(limits, before, cost), changed)
    after, marks = [], []
    for limit, state, usage in zip(limits, states, before, strict=True):
        if limit.exact:
            mark = now_ns + usage.wait_ns + limit.period_seconds * _NS
            deadlines = [it for it in state if it > now_ns]
            for _ in range(cost):
                insort(deadlines, mark)
            after.append(tuple(deadlines))
        else:
            mark = now_ns + usage.reset_ns + limit.emission_ns * cost
            after.append((mark, limit.tolerance_ns))
        marks.append(mark)
    left = [_usage(*each, cost, now_ns) for each in zip(limits, after, strict=True)]
    taken = Charge(subject, limits, cost, tuple(marks))
    return Outcome(allowed(limits, left, taken, wait_ns), tuple(after))


def peek(limits: tuple[Limit, ...], states: Sequence[State], cost: int, now_ns: int) -> Decision:
    """Return what ``charge`` would decide, with the budget as it is; the cost may be any."""
    usages = [_usage(*each, cost, now_ns) for each in zip(limits, states, strict=True)]
    if all(usage.wait_ns == 0 for usage in usages) and all(cost <= it.burst for it in limits):
        return allowed(limits, usages)
    return denied(limits, usages, cost)


def allowed(
    limits: tuple[Limit, ...],
    usages: Sequence[Usage],
    taken: Charge | None = None,
    wait_ns: int = 0,
) -> Decision:
    """Return the decision that allows a call, about the limit of which least remains.

    Args:
        limits: The limits.
        usages: How much of each is used.
        taken: What was charged.
        wait_ns: How long the caller has to wait.
    """
    usage, limit = min(zip(usages, limits, strict=True), key=_remaining)
    return Decision(
        allowed=True,
        limit=limit,
        limits=limits,
        remaining=usage.remaining,
        retry_after_seconds=0.0,
        reset_after_seconds=usage.reset_ns / _NS,
        wait_seconds=wait_ns / _NS,
        subject="" if taken is None else taken.subject,
        cost=0 if taken is None else taken.cost,
        marks=() if taken is None else list(taken.marks),
    )


def denied(limits: tuple[Limit, ...], usages: Sequence[Usage], cost: int) -> Decision:
    """Return the decision that denies a call, about the limit that does so for longest.

    Args:
        limits: The limits, of which one at least denies it.
        usages: How much of each is used.
        cost: How many were asked for.
    """
    usage, limit = max(
        zip(usages, limits, strict=True),
        key=lambda it: (1, 0) if cost > it[1].burst else (0, it[0].wait_ns),
    )
    retry = None if cost > limit.burst else usage.wait_ns / _NS
    return Decision(
        allowed=False,
        limit=limit,
        limits=limits,
        remaining=usage.remaining,
        retry_after_seconds=retry,
        reset_after_seconds=usage.reset_ns / _NS,
        would_allow=False,
    )


def refund(taken: Charge, states: Sequence[State], now_ns: int) -> tuple[State, ...]:
    """Return the states once a charge is given back.

    Of a TAT as much is given back as has not come back by itself since, and never what a waiting
    call is charged with: it stays as far ahead as the last admission needs.

    Args:
        taken: What was charged.
        states: What is kept under each of its limits.
        now_ns: The backend's time.
    """
    after = []
    for limit, state, mark in zip(taken.limits, states, taken.marks, strict=True):
        if limit.exact:
            kept = list(state)
            for _ in range(min(taken.cost, kept.count(mark))):
                kept.remove(mark)
            after.append(tuple(kept))
        elif state and state[1] == limit.tolerance_ns:
            tat, tolerance = state
            last_admission = max(now_ns, tat - tolerance)
            back = min(limit.emission_ns * taken.cost, mark - last_admission)
            after.append((tat - max(back, 0), tolerance))
        else:
            after.append(tuple(state))
    return tuple(after)


def expiry(limit: Limit, state: State) -> int:
    """Return the instant since which a state is no different from none."""
    if not state:
        return 0
    return state[-1] if limit.exact else state[0]


def usage_of_tat(limit: Limit, ahead_ns: int, cost: int) -> Usage:
    """Return the usage of a limit that is not exact.

    Args:
        limit: The limit.
        ahead_ns: How far its TAT is ahead of now, at least 0.
        cost: How many are asked for.
    """
    remaining = max(limit.tolerance_ns - ahead_ns, 0) // limit.emission_ns
    wait = ahead_ns + limit.emission_ns * cost - limit.tolerance_ns
    return Usage(remaining, max(wait, 0), ahead_ns)


def _usage(limit: Limit, state: State, cost: int, now_ns: int) -> Usage:
    """Return how much of a limit is used."""
    if not limit.exact:
        capped = _capped(limit, state, now_ns)
        return usage_of_tat(limit, max(capped[0] - now_ns, 0) if capped else 0, cost)
    pending = len(state) - bisect_right(state, now_ns)
    # Once this one and those before it are over, the cost fits beside the others.
    last_in_the_way = len(state) - 1 - max(limit.rate - cost, 0)
    wait = max(state[last_in_the_way] - now_ns, 0) if last_in_the_way >= 0 else 0
    reset = max(state[-1] - now_ns, 0) if state else 0
    return Usage(max(limit.rate - pending, 0), wait, reset)


def _capped(limit: Limit, state: State, now_ns: int) -> State:
    """Return the state of a named limit whose numbers have changed, capped by the new tolerance.

    So who used much of the limit as it was waits no longer than the new numbers say.
    """
    if limit.exact or not state or state[1] == limit.tolerance_ns:
        return tuple(state)
    return (min(state[0], now_ns + limit.tolerance_ns), limit.tolerance_ns)


def _remaining(found: tuple[Usage, Limit]) -> int:
    return found[0].remaining
