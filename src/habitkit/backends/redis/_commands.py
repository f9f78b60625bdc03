"""What is sent to the script in ``limits.lua``, and what its replies mean."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from habitkit.backends.redis._errors import Failures
from habitkit.backends.redis._packing import pack, pack_parts, without_braces
from habitkit.limits.domain import charging
from habitkit.limits.domain.charging import Usage
from habitkit.limits.domain.decision import Charge, Decision
from habitkit.limits.errors import LimitsUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from habitkit.limits.domain.limit import Limit

__all__ = [
    "RESET",
    "SCRIPT",
    "SHA",
    "Command",
    "acquire",
    "acquired",
    "failure",
    "key_of",
    "peek",
    "peeked",
    "refund",
    "refunded",
    "start_of_keys",
]

SCRIPT = Path(__file__).with_name("limits.lua").read_bytes()
SHA = sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()

failure = Failures(
    LimitsUnavailable,
    contents="rate limits",
    backend="RedisLimits",
    refused="a rate limit",
    needed="what limits need, as in 'Share rate limits' of the documentation",
)

_NS = 1_000_000_000


class Command(NamedTuple):
    """One call of the script, except for its key.

    Attributes:
        arguments: What follows the key.
        head: The packed command up to the key.
        tail: The packed command from behind the key.
    """

    arguments: tuple[bytes, ...]
    head: bytes
    tail: bytes

    def packed(self, key: bytes, *, as_eval: bool = False) -> bytes:
        """Return the bytes to send.

        Args:
            key: The key of the subject.
            as_eval: Send the script itself, for a server that does not know it.
        """
        if as_eval:
            return pack(b"EVAL", SCRIPT, b"1", key, *self.arguments)
        return b"%b$%d\r\n%b\r\n%b" % (self.head, len(key), key, self.tail)

    def parts(self, key: bytes, *, as_eval: bool = False) -> tuple[Any, ...]:
        """Return the same for ``execute_command`` of redis-py."""
        script = ("EVAL", SCRIPT) if as_eval else ("EVALSHA", SHA)
        return (*script, 1, key, *self.arguments)


def _command(operation: bytes, *arguments: str | int) -> Command:
    encoded = (operation, *(str(it).encode() for it in arguments))
    head = b"*%d\r\n%b" % (len(encoded) + 4, pack_parts((b"EVALSHA", SHA, b"1")))
    return Command(encoded, head, pack_parts(encoded))


RESET = _command(b"reset")


def start_of_keys(prefix: str) -> str:
    """Return what all keys start with: the prefix, the algorithm (GCRA), the schema's version.

    The brace opens the hash tag, by which Redis Cluster keeps all keys of a subject in one slot.
    """
    return f"{prefix}:{{g1:"


def key_of(start: str, subject: str) -> bytes:
    """Return the key of a subject; the only closing brace in it is the end of the hash tag.

    Args:
        start: What all keys start with.
        subject: The subject.
    """
    return f"{start}{without_braces(subject)}}}".encode()


@lru_cache(maxsize=1024)
def acquire(limits: tuple[Limit, ...], cost: int, max_wait_ns: int) -> Command:
    """Return the command that charges a cost; arguments as for ``LimitsBackend.acquire``."""
    arguments: list[str | int] = []
    for limit in limits:
        if limit.exact:
            beside, period = limit.rate - cost, limit.period_seconds * 1_000_000
            arguments += [limit.id, "exact", beside, cost, period, max_wait_ns // 1000]
        else:
            added = limit.emission_ns * cost
            most_ahead = limit.tolerance_ns + max_wait_ns - added
            arguments += [limit.id, _kind(limit), *divmod(added, 1000), *divmod(most_ahead, 1000)]
    return _command(b"acquire", *arguments)


def peek(limits: tuple[Limit, ...], cost: int) -> Command:
    """Return the command that reads a subject's states; the cost may be any."""
    arguments: list[str | int] = []
    for limit in limits:
        if limit.exact:
            arguments += [limit.id, "exact", max(limit.rate - cost, 0), 0, 0, 0]
        else:
            arguments += [limit.id, _kind(limit), 0, 0, 0, 0]
    return _command(b"peek", *arguments)


def refund(taken: Charge) -> Command:
    """Return the command that gives a charge back."""
    arguments: list[str | int] = []
    for limit, mark in zip(taken.limits, taken.marks, strict=True):
        if limit.exact:
            arguments += [limit.id, "exact", mark // 1000, taken.cost, 0, 0]
        else:
            back = limit.emission_ns * taken.cost
            arguments += [limit.id, _kind(limit), limit.tolerance_ns, mark, back, 0]
    return _command(b"refund", *arguments)


def refunded(reply: bytes | str) -> bool:
    """Return whether anything was given back, by the script's reply to ``refund``."""
    return reply[:1] in {b"1", "1"}


def acquired(subject: str, limits: tuple[Limit, ...], cost: int, reply: bytes | str) -> Decision:
    """Return the decision that the script's reply to ``acquire`` stands for."""
    allowed, now, *readings = map(int, reply.split())
    if allowed and len(readings) == len(limits) == 1 and not limits[0].exact:
        # Most calls are such, and to decide them as the others takes twice as long.
        limit = limits[0]
        ahead = readings[0] + limit.emission_ns * cost
        wait = max(ahead - limit.tolerance_ns, 0)
        remaining = max(limit.tolerance_ns - ahead, 0) // limit.emission_ns
        return Decision(
            allowed=True,
            limit=limit,
            limits=limits,
            remaining=remaining,
            retry_after_seconds=0.0,
            reset_after_seconds=ahead / _NS,
            wait_seconds=wait / _NS,
            subject=subject,
            cost=cost,
            marks=[now + ahead],
        )
    before = _usages(limits, cost, readings)
    if not allowed:
        return charging.denied(limits, before, cost)
    after, marks = [], []
    for limit, usage in zip(limits, before, strict=True):
        if limit.exact:
            mark = usage.wait_ns + limit.period_seconds * _NS
            left = max(usage.remaining - cost, 0)
            after.append(Usage(left, 0, max(usage.reset_ns, mark)))
        else:
            mark = usage.reset_ns + limit.emission_ns * cost
            after.append(charging.usage_of_tat(limit, mark, cost))
        marks.append(now + mark)
    taken = Charge(subject, limits, cost, tuple(marks))
    return charging.allowed(limits, after, taken, max(usage.wait_ns for usage in before))


def peeked(limits: tuple[Limit, ...], cost: int, reply: bytes | str) -> Decision:
    """Return the decision that the script's reply to ``peek`` stands for."""
    _, _, *readings = map(int, reply.split())
    usages = _usages(limits, cost, readings)
    fits = all(cost <= limit.burst for limit in limits)
    if fits and all(usage.wait_ns == 0 for usage in usages):
        return charging.allowed(limits, usages)
    return charging.denied(limits, usages, cost)


def _usages(limits: tuple[Limit, ...], cost: int, readings: Sequence[int]) -> list[Usage]:
    """Return how much of each limit is used."""
    found, at = [], iter(readings)
    for limit in limits:
        if limit.exact:
            found.append(Usage(max(limit.rate - next(at), 0), next(at), next(at)))
        else:
            found.append(charging.usage_of_tat(limit, next(at), cost))
    return found


def _kind(limit: Limit) -> str | int:
    """Return the tolerance of a limit whose numbers may change, and nothing for others."""
    return "" if limit.name is None else limit.tolerance_ns
