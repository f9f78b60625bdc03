"""Making the clients that URLs stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from redis.backoff import NoBackoff

from habitkit.backends.redis._errors import FAILURES
from habitkit.backends.redis._settings import opened, parsed

if TYPE_CHECKING:
    from habitkit.backends.redis._errors import Failures

__all__ = ["AsyncOpened", "Opened", "open_async_client", "open_client"]


class Opened(NamedTuple):
    """A client of our own.

    Attributes:
        client: The client.
        timeout_seconds: The timeout for the backend; None if the client itself has one.
    """

    client: Any
    timeout_seconds: float | None


class AsyncOpened(NamedTuple):
    """The same for async hosts.

    Attributes:
        client: The client.
        timeout_seconds: The timeout for the backend.
    """

    client: Any
    timeout_seconds: float


def open_client(url: str, failure: Failures) -> Opened:
    """Return a sync client.

    Raises:
        ConfigurationError: If the URL cannot be used.
        StoreError: If no node of a Redis Cluster can be reached; a single server is first needed by
            the first call.
    """
    from redis import Redis  # noqa: PLC0415 - async hosts need only the others
    from redis.cluster import RedisCluster  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    server = parsed(url)
    seconds = server.timeout_seconds
    if not server.is_cluster:
        return Opened(opened(lambda: Redis.from_url(server.url)), seconds)
    settings = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    retry = Retry(NoBackoff(), 1)
    try:
        client = opened(lambda: RedisCluster.from_url(server.url, retry=retry, **settings))
    except FAILURES as error:
        raise failure(error, b"") from error
    return Opened(client, None)


def open_async_client(url: str) -> AsyncOpened:
    """Return an async client, which connects with the first call.

    Raises:
        ConfigurationError: If the URL cannot be used.
    """
    from redis.asyncio import Redis  # noqa: PLC0415 - sync hosts need only the others
    from redis.asyncio.cluster import RedisCluster  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415

    server = parsed(url)
    seconds = server.timeout_seconds
    if not server.is_cluster:
        return AsyncOpened(opened(lambda: Redis.from_url(server.url)), seconds)
    settings = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    retry = Retry(NoBackoff(), 1)
    return AsyncOpened(
        opened(lambda: RedisCluster.from_url(server.url, retry=retry, **settings)), seconds
    )
