"""Calls to Redis Cluster, through the host's client, which knows the nodes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from redis import exceptions
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.client import NEVER_DECODE
from redis.retry import Retry

from habitkit.backends.redis._errors import FAILURES
from habitkit.backends.redis._settings import connection_settings
from habitkit.clock import ticks
from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
    from redis.cluster import RedisCluster

    from habitkit.backends.redis._cache_commands import Command
    from habitkit.backends.redis._errors import Failures
    from habitkit.backends.redis._packing import Packable

__all__ = ["AsyncClusterCalls", "ClusterCalls"]

_NS = 1_000_000_000
_MOST_AT_ONCE = 32
"""How many calls of one event loop a node has at a time; it has 100 connections by default."""
_REFRESH_TIMEOUTS = 4
"""How many timeouts of a call asking for the nodes may take: some of them may hang."""
_MOST_TRIED = 3
"""To how many nodes a subscription may try to connect."""
_AS_BYTES: Any = {NEVER_DECODE: True}
"""Makes a client of redis-py return bytes, even one that decodes everything else."""

_BOUNDED = (
    "RedisCluster(..., socket_timeout=0.25, socket_connect_timeout=0.25, "
    "retry=Retry(NoBackoff(), 1))"
)


class ClusterCalls:
    """Sends commands to a Redis Cluster; the client follows redirections."""

    def __init__(
        self, client: RedisCluster, timeout_seconds: float | None, failure: Failures
    ) -> None:
        """Use a client.

        Raises:
            ConfigurationError: If nothing bounds how long its calls take, or if a timeout is given
                that it would not heed.
        """
        self._client = cast("Any", client)  # which lacks types
        self._failure = failure
        self.timeout_seconds = self._client.get_connection_kwargs().get("socket_timeout")
        if self.timeout_seconds is None:
            msg = (
                "client: expected a RedisCluster with a socket_timeout, as a call to a node that "
                f"does not reply would never end; make it with {_BOUNDED}"
            )
            raise ConfigurationError(msg)
        if timeout_seconds is not None:
            msg = (
                f"timeout_seconds: got {timeout_seconds!r} for a RedisCluster, of which the "
                "client's own socket_timeout and retry bound a call; leave timeout_seconds out, "
                f"and make the client with {_BOUNDED}"
            )
            raise ConfigurationError(msg)

    def send(self, key: bytes, command: Packable) -> Any:
        """Send a command and return the reply.

        Raises:
            StoreError: If there is no reply.
        """
        execute = self._client.execute_command
        try:
            try:
                return execute(*command.parts(key), **_AS_BYTES)
            except exceptions.NoScriptError:
                return execute(*command.parts(key, as_eval=True), **_AS_BYTES)
        except FAILURES as error:
            raise self._failure(error, key) from error

    def send_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands, all of a node at once, and return the replies.

        Raises:
            StoreError: If one gets no reply. Others may have been executed.
        """
        if len(commands) == 1:
            return [self.send(commands[0].keys[0], commands[0])]
        replies: list[Any] = [None] * len(commands)
        key = b""
        try:
            of_nodes: dict[Any, list[int]] = {}
            for at, command in enumerate(commands):
                key = command.keys[0]
                of_nodes.setdefault(self._client.get_node_from_key(key), []).append(at)
            for node, places in of_nodes.items():
                key = commands[places[0]].keys[0]
                pipeline = self._client.get_redis_connection(node).pipeline(transaction=False)
                for at in places:
                    pipeline.execute_command(*commands[at].parts(key), **_AS_BYTES)
                try:
                    found = pipeline.execute(raise_on_error=False)
                except exceptions.ConnectionError as error:  # perhaps another node has taken over
                    found = [error] * len(places)
                for at, reply in zip(places, found, strict=True):
                    replies[at] = reply
        except FAILURES as error:
            raise self._failure(error, key) from error
        # What was redirected, or sent to a node without the script, goes the way of single calls.
        return [
            self.send(command.keys[0], command) if isinstance(reply, Exception) else reply
            for command, reply in zip(commands, replies, strict=True)
        ]

    def connected(self) -> Any:
        """Return a new connection to a node that can be reached, which the caller closes.

        If there is none, one of ``FAILURES`` is raised.
        """
        failed: Exception = exceptions.ConnectionError("the client knows no nodes")
        for node in _some(self._client.get_nodes()):
            pool = self._client.get_redis_connection(node).connection_pool
            settings = connection_settings(pool.connection_kwargs, Retry(NoBackoff(), 0))
            connection = pool.connection_class(**settings)
            try:
                connection.connect()
            except FAILURES as error:
                failed = error
            else:
                return connection
        raise failed

    def close(self) -> None:
        """Do nothing: the client is the host's."""

    def after_fork(self) -> None:
        """Do nothing: the client notices a fork."""


class _Node:
    """The calls to one node, so that one which hangs delays no call to another.

    Attributes:
        turns: Lets so many calls at a time through.
        last_timeout: When a call last got no reply, by the monotonic clock, in ns.
    """

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(_MOST_AT_ONCE)
        self.last_timeout = -1


class AsyncClusterCalls:
    """The same for async hosts."""

    def __init__(
        self, client: AsyncRedisCluster, timeout_seconds: float, failure: Failures
    ) -> None:
        """Use a client."""
        self._client: Any = client
        self._failure = failure
        self._timeout = timeout_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._nodes: dict[str, _Node] = {}
        self._refreshing: asyncio.Task[None] | None = None

    async def send(self, key: bytes, command: Packable) -> Any:
        """Send a command and return the reply.

        Raises:
            StoreError: If there is no reply.
        """
        arrived = ticks()
        try:
            node = await self._node_of(key)
            async with node.turns:
                # Whoever has waited for a call that got no reply does not wait a second time.
                if node.last_timeout > arrived:
                    raise self._no_reply()
                waited_seconds = (ticks() - arrived) / _NS
                try:
                    async with asyncio.timeout(
                        max(self._timeout - waited_seconds, self._timeout / 2)
                    ):
                        return await self._execute(key, command)
                except TimeoutError as error:
                    node.last_timeout = ticks()
                    self._refresh()
                    raise self._no_reply() from error
        except FAILURES as error:
            raise self._failure(error, key) from error

    async def send_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands at the same time, and return the replies.

        Raises:
            StoreError: If one gets no reply. Others may have been executed.
        """
        if len(commands) == 1:
            return [await self.send(commands[0].keys[0], commands[0])]
        calls = (self.send(command.keys[0], command) for command in commands)
        replies = await asyncio.gather(*calls, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def new_connections(self) -> Iterator[Any]:
        """Return connections to some nodes, each not connected yet.

        If no node can be reached, one of ``FAILURES`` is raised.
        """
        async with asyncio.timeout(self._timeout):
            await self._client.initialize()
        return (
            node.connection_class(**self._settings(node))
            for node in _some(self._client.get_nodes())
        )

    def _settings(self, node: Any) -> dict[str, Any]:
        settings = connection_settings(node.connection_kwargs, AsyncRetry(NoBackoff(), 0))
        return settings | {"socket_timeout": None, "socket_connect_timeout": None}

    async def close(self) -> None:
        """Let the client be, which is the host's."""
        refreshing, self._refreshing = self._refreshing, None
        if refreshing is not None and self._loop is asyncio.get_running_loop():
            refreshing.cancel()
            await asyncio.wait([refreshing])

    def after_fork(self) -> None:
        """Forget the event loop, which is the parent's."""
        self._loop = None

    async def _node_of(self, key: bytes) -> _Node:
        """Return the node that holds a key."""
        # Before it knows the nodes, the client asks any of them. Of many calls at once so many are
        # then redirected that it closes its connections, those in use included.
        try:
            async with asyncio.timeout(self._timeout):
                await self._client.initialize()
        except TimeoutError as error:
            raise self._no_reply() from error
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._nodes, self._refreshing = loop, {}, None
        name = self._client.get_node_from_key(key).name
        if name not in self._nodes:
            known = {node.name for node in self._client.get_nodes()}
            self._nodes = {it: node for it, node in self._nodes.items() if it in known}
            self._nodes[name] = _Node()
        return self._nodes[name]

    def _refresh(self) -> None:
        """Let the client ask which node holds which keys now: another may have taken over.

        It would do so after a timeout of its own, but ours comes first.
        """
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._ask_for_nodes())

    async def _ask_for_nodes(self) -> None:
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(_REFRESH_TIMEOUTS * self._timeout):
                await self._client.nodes_manager.initialize()

    async def _execute(self, key: bytes, command: Packable) -> Any:
        execute = self._client.execute_command
        try:
            return await execute(*command.parts(key), **_AS_BYTES)
        except exceptions.NoScriptError:
            return await execute(*command.parts(key, as_eval=True), **_AS_BYTES)

    def _no_reply(self) -> exceptions.TimeoutError:
        return exceptions.TimeoutError(f"no reply within {self._timeout} seconds")


def _some(nodes: list[Any]) -> list[Any]:
    """Return some nodes of a cluster, so that not all processes connect to the same one."""
    first = ticks() % len(nodes) if nodes else 0
    return [*nodes[first:], *nodes[:first]][:_MOST_TRIED]
