"""The limits backend on Redis and Redis Cluster, for async hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from habitkit.backends.redis import _commands as commands
from habitkit.backends.redis._cluster import AsyncClusterCalls
from habitkit.backends.redis._opening import open_async_client
from habitkit.backends.redis._pipelines import Pipelines
from habitkit.backends.redis._settings import (
    TIMEOUT_SECONDS,
    checked_prefix,
    checked_timeout,
    refuse,
)

if TYPE_CHECKING:
    from habitkit.limits.domain.decision import Charge, Decision
    from habitkit.limits.domain.limit import Limit

__all__ = ["AsyncRedisLimits", "opened_async"]


class AsyncRedisLimits:
    """Keeps limits on a Redis server or Redis Cluster; see ``RedisLimits``.

    Calls of one event loop share a connection to a single server: those that come while others
    are under way are sent together. A Redis Cluster is called through the client, with 32 calls
    to a node at a time, and in one event loop only, as redis-py has it. Close the backend in the
    event loop that has used it.

    Args:
        client: A ``redis.asyncio.Redis`` or a ``redis.asyncio.RedisCluster``.
        prefix: What all keys start with.
        timeout_seconds: How long to wait for a reply. Then the limiter decides by its
            ``on_error``. A call that waits for others or for a connection may take up to twice as
            long. Connecting itself may take ten times as long, while calls fail at their timeout.

    Example:
        >>> from redis.asyncio import Redis
        >>> from habitkit.limits import AsyncLimiter
        >>> limiter = AsyncLimiter(AsyncRedisLimits(Redis(host="localhost")), on_error="local")
    """

    name = "redis"
    remote = True
    supports_exact = True

    def __init__(
        self,
        client: Redis | RedisCluster,
        *,
        prefix: str = "hk",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Use a client; connect with the first call.

        Raises:
            ConfigurationError: If it is no async client of redis-py.
            InvalidInput: If the prefix or the timeout is not acceptable.
        """
        self._start = commands.start_of_keys(checked_prefix(prefix))
        timeout = checked_timeout(timeout_seconds)
        self._calls: Pipelines | AsyncClusterCalls
        if isinstance(client, RedisCluster):
            self._calls = AsyncClusterCalls(client, timeout, commands.failure)
        elif isinstance(client, Redis):
            self._calls = Pipelines(client, timeout, commands.failure)
        else:
            raise refuse(client, "a redis.asyncio.Redis or redis.asyncio.RedisCluster")

    async def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one does not allow it."""
        command = commands.acquire(limits, cost, max_wait_ns)
        reply = await self._calls.send(commands.key_of(self._start, subject), command)
        return commands.acquired(subject, limits, cost, reply)

    async def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, and charge nothing."""
        key = commands.key_of(self._start, subject)
        reply = await self._calls.send(key, commands.peek(limits, cost))
        return commands.peeked(limits, cost, reply)

    async def refund(self, taken: Charge) -> bool:
        """Give back what a call has charged; return whether anything was given back."""
        key = commands.key_of(self._start, taken.subject)
        return commands.refunded(await self._calls.send(key, commands.refund(taken)))

    async def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        await self._calls.send(commands.key_of(self._start, subject), commands.RESET)

    async def close(self) -> None:
        """Close the connection of our own in this event loop."""
        await self._calls.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        self._calls.after_fork()


class _OpenedAsyncRedisLimits(AsyncRedisLimits):
    """Closes its client too."""

    def __init__(self, client: Redis | RedisCluster, timeout_seconds: float) -> None:
        super().__init__(client, timeout_seconds=timeout_seconds)
        self._client = client

    async def close(self) -> None:
        await super().close()
        await self._client.aclose()


def opened_async(url: str) -> AsyncRedisLimits:
    """Return limits on the server of a URL, which is reached with the first call.

    Raises:
        ConfigurationError: If the URL cannot be used.
    """
    return _OpenedAsyncRedisLimits(*open_async_client(url))
