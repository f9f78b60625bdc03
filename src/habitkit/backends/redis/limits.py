"""The limits backend on Redis and Redis Cluster, for sync hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import Redis
from redis.cluster import RedisCluster

from habitkit.backends.redis import _commands as commands
from habitkit.backends.redis._cluster import ClusterCalls
from habitkit.backends.redis._connections import Connections
from habitkit.backends.redis._opening import open_client
from habitkit.backends.redis._settings import (
    TIMEOUT_SECONDS,
    checked_prefix,
    checked_timeout,
    refuse,
)

if TYPE_CHECKING:
    from habitkit.limits.domain.decision import Charge, Decision
    from habitkit.limits.domain.limit import Limit
    from habitkit.limits.port import AsyncLimitsBackend, LimitsBackend

__all__ = ["RedisLimits", "open_url"]


class RedisLimits:
    """Keeps limits on a Redis server or Redis Cluster, for all processes that use it.

    A decision is one round trip: a script checks and charges all limits of a call at the server's
    time. A key expires when all of its limits have refilled. Redis 6.2 or newer.

    The client stays the host's, which closes it. A single server is called over connections of
    our own, made with the settings of the client's pool; one for each thread that calls at the
    same time, and 64 of them are kept. A Redis Cluster is called through the client itself: its
    ``socket_timeout`` and ``socket_connect_timeout`` bound each attempt, and its ``retry`` says how
    many there are. By default redis-py makes several, with pauses between them;
    ``retry=Retry(NoBackoff(), 1)`` makes two.

    If an idle connection turns out to be closed, the call is sent again over a new one. In the
    rare case that the server had executed it already, it is charged twice.

    Args:
        client: A ``redis.Redis`` or a ``redis.RedisCluster``.
        prefix: What all keys start with.
        timeout_seconds: How long to wait for a single server to connect, and then for each reply:
            one for a call, and a few when a new connection is set up. Then the limiter decides by
            its ``on_error``. 0.25 unless given; not for a Redis Cluster.

    Example:
        >>> from redis import Redis
        >>> from habitkit.limits import Limiter
        >>> limiter = Limiter(RedisLimits(Redis(host="localhost")), on_error="local")
    """

    name = "redis"
    remote = True
    supports_exact = True

    def __init__(
        self,
        client: Redis | RedisCluster,
        *,
        prefix: str = "hk",
        timeout_seconds: float | None = None,
    ) -> None:
        """Use a client; connect with the first call.

        Raises:
            ConfigurationError: If it is no sync client of redis-py, or one for a Redis Cluster
                without a ``socket_timeout`` or together with ``timeout_seconds``.
            InvalidInput: If the prefix or the timeout is not acceptable.
        """
        self._start = commands.start_of_keys(checked_prefix(prefix))
        self._calls: Connections | ClusterCalls
        if isinstance(client, RedisCluster):
            self._calls = ClusterCalls(client, timeout_seconds, commands.failure)
        elif isinstance(client, Redis):
            seconds = TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
            self._calls = Connections(client, checked_timeout(seconds), commands.failure)
        else:
            raise refuse(client, "a redis.Redis or redis.RedisCluster")

    def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one does not allow it."""
        command = commands.acquire(limits, cost, max_wait_ns)
        reply = self._calls.send(commands.key_of(self._start, subject), command)
        return commands.acquired(subject, limits, cost, reply)

    def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, and charge nothing."""
        key = commands.key_of(self._start, subject)
        return commands.peeked(limits, cost, self._calls.send(key, commands.peek(limits, cost)))

    def refund(self, taken: Charge) -> bool:
        """Give back what a call has charged; return whether anything was given back."""
        key = commands.key_of(self._start, taken.subject)
        return commands.refunded(self._calls.send(key, commands.refund(taken)))

    def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        self._calls.send(commands.key_of(self._start, subject), commands.RESET)

    def close(self) -> None:
        """Close the connections of our own."""
        self._calls.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        self._calls.after_fork()


class _OpenedRedisLimits(RedisLimits):
    """Closes its client too."""

    def __init__(self, client: Redis | RedisCluster, timeout_seconds: float | None = None) -> None:
        super().__init__(client, timeout_seconds=timeout_seconds)
        self._client = client

    def close(self) -> None:
        super().close()
        self._client.close()


def open_url(url: str, *, asynchronous: bool) -> LimitsBackend | AsyncLimitsBackend:
    """Return limits on the Redis server of a URL.

    Args:
        url: ``redis://user:password@host:6379/0``, ``rediss://`` for TLS, ``unix://`` and a path,
            or ``redis+cluster://`` and ``rediss+cluster://`` with the address of a node. Its query
            may have ``timeout_seconds`` and what redis-py knows.
        asynchronous: For an async host.

    Raises:
        ConfigurationError: If the URL cannot be used.
        LimitsUnavailable: If no node of a Redis Cluster can be reached by a sync host; a single
            server is first needed by the first call.
    """
    if asynchronous:
        from habitkit.backends.redis.async_limits import opened_async  # noqa: PLC0415

        return opened_async(url)
    client, seconds = open_client(url, commands.failure)
    return _OpenedRedisLimits(client, seconds)
