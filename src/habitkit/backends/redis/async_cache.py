"""The cache backend on Redis and Redis Cluster, for async hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from habitkit.backends.redis._async_subscription import AsyncRedisSubscription
from habitkit.backends.redis._cache_commands import Commands, failure
from habitkit.backends.redis._cluster import AsyncClusterCalls
from habitkit.backends.redis._errors import FAILURES
from habitkit.backends.redis._opening import open_async_client
from habitkit.backends.redis._pipelines import Pipelines, leave_to_parent
from habitkit.backends.redis._settings import (
    TIMEOUT_SECONDS,
    checked_prefix,
    checked_timeout,
    expect_reads_of_primaries,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.cache.port import Item

__all__ = ["AsyncRedisCache", "opened_async"]


class AsyncRedisCache:
    """Keeps values on a Redis server or Redis Cluster; see ``RedisCache``.

    Connections and timeouts are as for ``AsyncRedisLimits``; one connection more for each event
    loop gets the messages. Close the backend in the event loop that has used it.

    Args:
        client: A ``redis.asyncio.Redis`` or a ``redis.asyncio.RedisCluster``; not one that reads
            from replicas.
        prefix: What all keys start with.
        timeout_seconds: How long to wait for a reply. A call that waits for others or for a
            connection may take up to twice as long.

    Example:
        >>> from redis.asyncio import Redis
        >>> from habitkit.cache import AsyncCache
        >>> cache = AsyncCache(AsyncRedisCache(Redis(host="localhost")))
    """

    name = "redis"

    def __init__(
        self,
        client: Redis | RedisCluster,
        *,
        prefix: str = "hk",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Use a client; connect with the first call.

        Raises:
            ConfigurationError: If it is no async client of redis-py, or reads from replicas.
            InvalidInput: If the prefix or the timeout is not acceptable.
        """
        is_cluster = isinstance(client, RedisCluster)
        self._commands = Commands(checked_prefix(prefix), by_slot=is_cluster)
        self._timeout = checked_timeout(timeout_seconds)
        self._subscriptions: list[AsyncRedisSubscription] = []
        self._calls: Pipelines | AsyncClusterCalls
        if isinstance(client, RedisCluster):
            expect_reads_of_primaries(client)
            self._calls = AsyncClusterCalls(client, self._timeout, failure)
        elif isinstance(client, Redis):
            self._calls = Pipelines(client, self._timeout, failure)
        else:
            raise refuse(client, "a redis.asyncio.Redis or redis.asyncio.RedisCluster")

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        commands = self._commands.get_many(names)
        return self._commands.found(names, commands, await self._calls.send_many(commands))

    async def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before; publish their names."""
        await self._calls.send_many(self._commands.set_many(items))

    async def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not; publish their names."""
        await self._calls.send_many(self._commands.delete_many(names))

    async def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        (reply,) = await self._calls.send_many([self._commands.add(item)])
        return reply is not None

    async def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it."""
        (held,) = await self._calls.send_many([self._commands.end_lease(name, token, item)])
        return bool(held)

    async def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0; return its value."""
        (count,) = await self._calls.send_many([self._commands.incr(name, by, ttl_ms)])
        return int(count)

    async def subscribe(self) -> AsyncRedisSubscription:
        """Return a new subscription of this event loop, on a connection of its own."""
        channel = self._commands.channel
        failed: Exception = exceptions.ConnectionError("the client knows no nodes")
        try:
            for connection in await self._calls.new_connections():
                subscription = AsyncRedisSubscription(connection, channel, self._timeout)
                try:
                    await subscription.start()
                except FAILURES as error:
                    failed = error
                else:
                    kept = [it for it in self._subscriptions if not it.is_over]
                    self._subscriptions = [*kept, subscription]
                    return subscription
        except FAILURES as error:
            failed = error
        raise failure(failed, channel) from failed

    async def close(self) -> None:
        """Close the connections of our own in this event loop."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            subscription.close()
        await self._calls.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        leave_to_parent(self._subscriptions)
        self._subscriptions = []
        self._calls.after_fork()


class _OpenedAsyncRedisCache(AsyncRedisCache):
    """Closes its client too."""

    def __init__(self, client: Redis | RedisCluster, timeout_seconds: float) -> None:
        super().__init__(client, timeout_seconds=timeout_seconds)
        self._client = client

    async def close(self) -> None:
        await super().close()
        await self._client.aclose()


def opened_async(url: str) -> AsyncRedisCache:
    """Return a cache on the server of a URL, which is reached with the first call.

    Raises:
        ConfigurationError: If the URL cannot be used.
    """
    return _OpenedAsyncRedisCache(*open_async_client(url))
