"""The wake-up for flags on Redis and Redis Cluster."""

from __future__ import annotations

import threading
from typing import Any

from redis import Redis
from redis.cluster import RedisCluster

from habitkit.backends.redis._cluster import ClusterCalls
from habitkit.backends.redis._connections import Connections
from habitkit.backends.redis._errors import FAILURES, Failures
from habitkit.backends.redis._opening import open_client
from habitkit.backends.redis._packing import pack
from habitkit.backends.redis._settings import TIMEOUT_SECONDS, refuse
from habitkit.backends.redis._subscription import RedisSubscription
from habitkit.errors import InvalidInput, StoreError

__all__ = ["RedisWakeUp"]


def _unavailable(_: str, reason: str) -> StoreError:
    return StoreError(f"the Redis server of the wake-up cannot be used: {reason}")


_failure = Failures(
    _unavailable,
    contents="of a wake-up",
    backend="RedisWakeUp",
    refused="a call of a wake-up",
    needed="publish, subscribe and ping, and the channel of the wake-up",
)


class _Publish:
    """Publishes a list of names, as subscriptions read it."""

    def packed(self, key: bytes, *, as_eval: bool = False) -> bytes:  # noqa: ARG002 - no script
        """Return the bytes to send."""
        return pack(b"PUBLISH", key, b'["flags"]')

    def parts(self, key: bytes, *, as_eval: bool = False) -> tuple[Any, ...]:  # noqa: ARG002
        """Return the same for a client."""
        return ("PUBLISH", key, b'["flags"]')


class RedisWakeUp:
    """Announces changes of flags on a channel of a Redis server or Redis Cluster.

    Connections are as for ``RedisLimits``, with a timeout of 0.25 seconds for a single server, and
    one connection more gets the messages. It works in sync and async kits, with a sync client.

    Args:
        client: A ``redis.Redis`` or a ``redis.RedisCluster``; it stays the host's, which closes it.
        channel: The channel, the same in all processes that share flags.

    Example:
        >>> from redis import Redis
        >>> from habitkit.flags import FlagSettings
        >>> settings = FlagSettings(poll_seconds=60, wake_up=RedisWakeUp(Redis(host="localhost")))
    """

    name = "redis"

    def __init__(self, client: Redis | RedisCluster, channel: str = "habitkit:flags") -> None:
        """Use a client; connect with the first call.

        Raises:
            ConfigurationError: If it is no sync client of redis-py, or one for a Redis Cluster
                without a ``socket_timeout``.
            InvalidInput: If the channel is not acceptable.
        """
        self._channel = _checked_channel(channel)
        self._calls: Connections | ClusterCalls
        if isinstance(client, RedisCluster):
            self._calls = ClusterCalls(client, None, _failure)
        elif isinstance(client, Redis):
            self._calls = Connections(client, TIMEOUT_SECONDS, _failure)
        else:
            raise refuse(client, "a redis.Redis or redis.RedisCluster")
        self._lock = threading.Lock()
        self._subscription: RedisSubscription | None = None

    @staticmethod
    def open(url: str, channel: str = "habitkit:flags") -> RedisWakeUp:
        """Return one on the Redis server of a URL, which closes its client too.

        Args:
            url: As for ``HabitKit.open(..., limits=url)``.
            channel: The channel.

        Raises:
            ConfigurationError: If the URL cannot be used.
            StoreError: If no node of a Redis Cluster can be reached; a single server is first
                needed by the first call.
        """
        return _OpenedRedisWakeUp(open_client(url, _failure).client, channel)

    def announce(self) -> None:
        """Publish that flags have changed.

        Raises:
            StoreError: If the server cannot be used.
        """
        self._calls.send(self._channel, _Publish())

    def poll(self) -> bool:
        """Return whether something was published since the last poll; subscribe if need be.

        Raises:
            StoreError: If the server cannot be used.
        """
        with self._lock:
            if self._subscription is not None:
                names = self._subscription.poll()
                if names is not None:
                    return bool(names)
                self._subscription = None  # which has closed itself
            try:
                connection = self._calls.connected()
                seconds = self._calls.timeout_seconds
                self._subscription = RedisSubscription(connection, self._channel, seconds)
            except FAILURES as error:
                raise _failure(error, self._channel) from error
            return True

    def close(self) -> None:
        """Close the connections of our own."""
        with self._lock:
            subscription, self._subscription = self._subscription, None
            if subscription is not None:
                subscription.close()
            self._calls.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        self._lock = threading.Lock()
        self._subscription = None
        self._calls.after_fork()


def _checked_channel(channel: object) -> bytes:
    """Return the name of a channel.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if isinstance(channel, str) and channel and channel.isprintable():
        return channel.encode()
    raise InvalidInput("channel", given=channel, expected="the name of a channel, printable")


class _OpenedRedisWakeUp(RedisWakeUp):
    """Closes its client too."""

    def __init__(self, client: Redis | RedisCluster, channel: str) -> None:
        super().__init__(client, channel)
        self._client = client

    def close(self) -> None:
        super().close()
        self._client.close()
