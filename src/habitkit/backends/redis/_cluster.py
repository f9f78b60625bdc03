"""Calls to Redis Cluster, through the host's client, which knows the nodes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from redis import exceptions
from redis.client import NEVER_DECODE

from habitkit.backends.redis._errors import FAILURES
from habitkit.clock import ticks
from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
    from redis.cluster import RedisCluster

    from habitkit.backends.redis._errors import Failures
    from habitkit.backends.redis._packing import Packable

__all__ = ["AsyncClusterCalls", "ClusterCalls"]

_NS = 1_000_000_000
_MOST_AT_ONCE = 32
"""How many calls of one event loop a node has at a time; it has 100 connections by default."""
_REFRESH_TIMEOUTS = 4
"""How many timeouts of a call asking for the nodes may take: some of them may hang."""

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
        if self._client.get_connection_kwargs().get("socket_timeout") is None:
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
