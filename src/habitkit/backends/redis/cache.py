"""The cache backend on Redis and Redis Cluster, for sync hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import Redis
from redis.cluster import RedisCluster

from habitkit.backends.redis._cache_commands import Commands, failure
from habitkit.backends.redis._cluster import ClusterCalls
from habitkit.backends.redis._connections import Connections
from habitkit.backends.redis._errors import FAILURES
from habitkit.backends.redis._opening import open_client
from habitkit.backends.redis._settings import (
    TIMEOUT_SECONDS,
    checked_prefix,
    checked_timeout,
    expect_reads_of_primaries,
    refuse,
)
from habitkit.backends.redis._subscription import RedisSubscription

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.cache.port import AsyncCacheBackend, CacheBackend, Item

__all__ = ["RedisCache", "open_url"]


class RedisCache:
    """Keeps values on a Redis server or Redis Cluster, for all processes that use it.

    A call is one round trip, on a cluster one to each node. What is set or deleted is published in
    the same step, on the channel ``<prefix>:c1:invalidate``; ``Cache`` so drops it from the memory
    of all processes. Redis 6.2 or newer.

    The client stays the host's, which closes it. Connections and timeouts are as for
    ``RedisLimits``, and one connection more gets the messages.

    If an idle connection turns out to be closed, the call is sent again over a new one. In the
    rare case that the server had executed it already, a counter has been added to twice.

    Args:
        client: A ``redis.Redis`` or a ``redis.RedisCluster``; not one that reads from replicas,
            which may still have what was deleted.
        prefix: What all keys start with.
        timeout_seconds: How long to wait for a single server to connect, and then for each reply.
            0.25 unless given; not for a Redis Cluster.

    Example:
        >>> from redis import Redis
        >>> from habitkit.cache import Cache
        >>> cache = Cache(RedisCache(Redis(host="localhost")))
    """

    name = "redis"

    def __init__(
        self,
        client: Redis | RedisCluster,
        *,
        prefix: str = "hk",
        timeout_seconds: float | None = None,
    ) -> None:
        """Use a client; connect with the first call.

        Raises:
            ConfigurationError: If it is no sync client of redis-py, or one for a Redis Cluster that
                reads from replicas, has no ``socket_timeout`` or comes with ``timeout_seconds``.
            InvalidInput: If the prefix or the timeout is not acceptable.
        """
        is_cluster = isinstance(client, RedisCluster)
        self._commands = Commands(checked_prefix(prefix), by_slot=is_cluster)
        self._calls: Connections | ClusterCalls
        if isinstance(client, RedisCluster):
            expect_reads_of_primaries(client)
            self._calls = ClusterCalls(client, timeout_seconds, failure)
        elif isinstance(client, Redis):
            seconds = TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
            self._calls = Connections(client, checked_timeout(seconds), failure)
        else:
            raise refuse(client, "a redis.Redis or redis.RedisCluster")

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        commands = self._commands.get_many(names)
        return self._commands.found(names, commands, self._calls.send_many(commands))

    def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before; publish their names."""
        self._calls.send_many(self._commands.set_many(items))

    def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not; publish their names."""
        self._calls.send_many(self._commands.delete_many(names))

    def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        (reply,) = self._calls.send_many([self._commands.add(item)])
        return reply is not None

    def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it."""
        (held,) = self._calls.send_many([self._commands.end_lease(name, token, item)])
        return bool(held)

    def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0; return its value."""
        (count,) = self._calls.send_many([self._commands.incr(name, by, ttl_ms)])
        return int(count)

    def subscribe(self) -> RedisSubscription:
        """Return a new subscription, on a connection of its own."""
        channel = self._commands.channel
        try:
            connection = self._calls.connected()
            return RedisSubscription(connection, channel, self._calls.timeout_seconds)
        except FAILURES as error:
            raise failure(error, channel) from error

    def close(self) -> None:
        """Close the connections of our own."""
        self._calls.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        self._calls.after_fork()


class _OpenedRedisCache(RedisCache):
    """Closes its client too."""

    def __init__(self, client: Redis | RedisCluster, timeout_seconds: float | None = None) -> None:
        super().__init__(client, timeout_seconds=timeout_seconds)
        self._client = client

    def close(self) -> None:
        super().close()
        self._client.close()


def open_url(url: str, *, asynchronous: bool) -> CacheBackend | AsyncCacheBackend:
    """Return a cache on the Redis server of a URL.

    Args:
        url: ``redis://user:password@host:6379/0``, ``rediss://`` for TLS, ``unix://`` and a path,
            or ``redis+cluster://`` and ``rediss+cluster://`` with the address of a node. Its query
            may have ``timeout_seconds`` and what redis-py knows.
        asynchronous: For an async host.

    Raises:
        ConfigurationError: If the URL cannot be used.
        CacheUnavailable: If no node of a Redis Cluster can be reached by a sync host; a single
            server is first needed by the first call.
    """
    if asynchronous:
        from habitkit.backends.redis.async_cache import opened_async  # noqa: PLC0415

        return opened_async(url)
    client, seconds = open_client(url, failure)
    return _OpenedRedisCache(client, seconds)
