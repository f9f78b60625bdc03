"""The result of a rate limit check, and its HTTP headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from attrs import frozen

from habitkit.limits.domain.limit import Limit

__all__ = ["Charge", "Decision", "DecisionMade", "Fallback"]

Fallback: TypeAlias = Literal["open", "closed", "local"]

_NS = 1_000_000_000
_MOST = 10**15 - 1  # the largest integer of structured fields (RFC 9651, 3.3.1)


class Charge(NamedTuple):
    """What an allowed call has taken, so that it can be given back.

    Attributes:
        subject: Whose budget it was.
        limits: The limits that were charged.
        cost: How many were taken from each.
        marks: For each limit where its charge ends, as ``charging`` describes it.
    """

    subject: str
    limits: tuple[Limit, ...]
    cost: int
    marks: tuple[int, ...]


class Decision(NamedTuple):
    """The result of a rate limit check; true if the call is allowed.

    Of several limits it describes the one that matters most: the one that denies for longest, or
    the one of which least remains.

    Attributes:
        allowed: Whether it is.
        limit: The limit that the other attributes are about.
        limits: All limits of the call.
        remaining: How many more this limit allows now; another one may allow fewer.
        retry_after_seconds: When to try again: 0 if there was enough, None if no waiting helps,
            because the cost is above the burst.
        reset_after_seconds: When the whole burst has refilled, if nothing more is taken.
        wait_seconds: After how many seconds the call may go on: 0, except for what ``wait`` has
            reserved.
        would_allow: Whether it would have been allowed; only in shadow mode not the same.
        fallback: The policy by which it was decided because the backend failed, or None.
        subject: Whose budget was charged, as the backend knows it; empty if none was.
        cost: How many were taken.
        marks: Where the charge of each limit ends, as ``Charge`` has it, until it is refunded.
    """

    allowed: bool
    limit: Limit
    limits: tuple[Limit, ...]
    remaining: int
    retry_after_seconds: float | None
    reset_after_seconds: float
    wait_seconds: float = 0.0
    would_allow: bool = True
    fallback: Fallback | None = None
    subject: str = ""
    cost: int = 0
    marks: list[int] | tuple[()] = ()

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        """Show all but the charge, which names the key."""
        shown = zip(self._fields[: -len(self._left_out())], self, strict=False)
        return f"Decision({', '.join(f'{name}={value!r}' for name, value in shown)})"

    @staticmethod
    def _left_out() -> tuple[str, ...]:
        """Return the last fields, which ``repr`` and ``to_dict`` leave out: the charge."""
        return ("subject", "cost", "marks")

    @property
    def charge(self) -> Charge | None:
        """What the call has taken and nobody has given back; None if that is nothing."""
        if not self.marks:
            return None
        return Charge(self.subject, self.limits, self.cost, tuple(self.marks))

    def headers(self) -> Mapping[str, str]:
        """Return the HTTP headers of a response to the call.

        ``RateLimit-Policy`` names each limit with its quota, which is its burst, and the window in
        which that refills. ``RateLimit`` says what remains of the one that matters most and when
        all of it is back, as draft-ietf-httpapi-ratelimit-headers-11 has it. A denial for which
        waiting helps has ``Retry-After`` (RFC 9110, 10.2.3) too. Times are whole seconds, rounded
        up. What a fallback decided has no more than that: nothing is known of the budget.

        Example:
            >>> from habitkit.backends.memory import MemoryLimits
            >>> from habitkit.limits import Limiter
            >>> decision = Limiter(MemoryLimits()).acquire("ada", "100/min")
            >>> decision.headers()["RateLimit-Policy"]
            '"100/min";q=100;w=60'
            >>> decision.headers()["RateLimit"]
            '"100/min";r=99;t=1'
        """
        found: dict[str, str] = {}
        if self.fallback in {None, "local"}:
            found["RateLimit-Policy"] = ", ".join(
                f'"{_label(it)}";q={min(it.burst, _MOST)};w={_window(it)}' for it in self.limits
            )
            reset = _whole_seconds(self.reset_after_seconds)
            found["RateLimit"] = f'"{_label(self.limit)}";r={min(self.remaining, _MOST)};t={reset}'
        if not self.allowed and self.retry_after_seconds is not None:
            found["Retry-After"] = str(max(1, _whole_seconds(self.retry_after_seconds)))
        return found


def _label(limit: Limit) -> str:
    return limit.name or str(limit)


def _window(limit: Limit) -> int:
    """Return in how many seconds a quota is there again."""
    if limit.burst == limit.rate:
        return limit.period_seconds
    return -(-limit.tolerance_ns // _NS)


def _whole_seconds(seconds: float) -> int:
    return -(-round(seconds * _NS) // _NS)


@frozen
class DecisionMade:
    """What the ``observe`` function of a limiter gets: one decision.

    Attributes:
        verb: ``"acquire"``, ``"wait"`` or ``"lease"``.
        key: The key as it was given.
        cost: How many were asked for.
        decision: The decision.
        source: ``"backend"``, ``"cache"`` for a denial repeated from this process's memory, or
            ``"fallback"``.
        error: What failed, if the decision is a fallback.
    """

    verb: str
    key: str | tuple[str, ...]
    cost: int
    decision: Decision
    source: Literal["backend", "cache", "fallback"] = "backend"
    error: Exception | None = None
