"""The limits backend for Redis and Redis Cluster, for sync hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.backends.redis import _commands as commands
from habitkit.backends.redis._connections import Connections

if TYPE_CHECKING:
    from redis import Redis
    from redis.cluster import RedisCluster

    from habitkit.limits.domain.decision import Charge, Decision
    from habitkit.limits.domain.limit import Limit

__all__ = ["RedisLimits"]


class RedisLimits:
    name = "redis"
    remote = True
    supports_exact = True

    def __init__(
        self, client: Redis | RedisCluster, *, prefix: str = "hk", timeout_seconds: float = 0.25
    ) -> None:
        self._start = commands.checked_prefix(prefix) + ":g1:"
        self._connections = Connections(client, timeout_seconds)
        self._send = self._connections.send

    def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one does not allow it."""
        command = commands.acquire(limits, cost, max_wait_ns)
        reply = self._send(commands.key_of(self._start, subject), command)
        return commands.decide(subject, limits, cost, reply)

    def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, and charge nothing."""
        reply = self._send(commands.key_of(self._start, subject), commands.peek(limits, cost))
        return commands.peeked(limits, cost, reply)

    def refund(self, taken: Charge) -> None:
        """Give back what a call has charged."""
        self._send(commands.key_of(self._start, taken.subject), commands.refund(taken))

    def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        self._send(commands.key_of(self._start, subject), commands.RESET)

    def close(self) -> None:
        self._connections.close()

    def after_fork(self) -> None:
        self._connections.after_fork()
