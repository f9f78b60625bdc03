"""The connections of an async backend to a single server: one for each event loop.

Theory of operation. A call appends itself to the pipeline of its event loop and waits. If no task
is at work, it starts one, which sends all that wait in one write, reads their replies in order, and
goes on until nobody waits. So calls that come while a batch is under way make up the next one.

Connecting is a task of its own. It goes on when the calls that wait for it have run out of time, so
that a later one finds a connection even if making it takes longer than a call may.

A caller that is cancelled cancels its own future alone: its reply is read and dropped.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from habitkit.backends.redis._errors import FAILURES, is_unavailable
from habitkit.backends.redis._settings import connection_settings
from habitkit.clock import ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from redis.asyncio import Redis

    from habitkit.backends.redis._cache_commands import Command
    from habitkit.backends.redis._errors import Failures
    from habitkit.backends.redis._packing import Packable

__all__ = ["Pipelines", "leave_to_parent"]

_NS = 1_000_000_000
_MOST_AT_ONCE = 1000
_CONNECT_TIMEOUTS = 10
"""How many timeouts of a call connecting may take."""
_of_parents: list[object] = []
"""Connections that a fork has copied. They are kept to the end: one that is collected as garbage
would leave the selector of the parent's event loop, which the processes share."""


class Pipelines:
    """Sends commands to a server, many at a time."""

    def __init__(self, client: Redis, timeout_seconds: float, failure: Failures) -> None:
        """Open no connection yet."""
        pool = client.connection_pool
        # Each batch has a timeout of its own; that of each reply would take as long as reading it.
        settings = {
            **connection_settings(pool.connection_kwargs, Retry(NoBackoff(), 0)),
            "socket_timeout": None,
            "socket_connect_timeout": None,
        }
        self._new_connection: Callable[[], Any] = lambda: pool.connection_class(**settings)
        self._timeout = timeout_seconds
        self._failure = failure
        self._of_loop: dict[asyncio.AbstractEventLoop, _Pipeline] = {}

    async def send(self, key: bytes, command: Packable) -> Any:
        """Send a command and return the reply.

        Raises:
            StoreError: If there is no reply.
        """
        loop = asyncio.get_running_loop()
        pipeline = self._of_loop.get(loop)
        if pipeline is None:
            # One that belongs to a loop which has ended cannot even be closed.
            self._of_loop = {it: one for it, one in self._of_loop.items() if not it.is_closed()}
            pipeline = self._of_loop[loop] = _Pipeline(
                loop, self._new_connection, self._timeout, self._failure
            )
        return await pipeline.send(key, command)

    async def send_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands one after the other, and return the replies."""
        return [await self.send(command.keys[0], command) for command in commands]

    async def new_connections(self) -> Iterator[Any]:
        """Return a connection of which the caller takes care, not connected yet."""
        return iter([self._new_connection()])

    async def close(self) -> None:
        """Close the connection of this event loop, and forget those of others."""
        pipeline = self._of_loop.pop(asyncio.get_running_loop(), None)
        self._of_loop = {}
        if pipeline is not None:
            await pipeline.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        leave_to_parent(self._of_loop)
        self._of_loop = {}


def leave_to_parent(connections: object) -> None:
    """Keep what a fork has copied."""
    _of_parents.append(connections)


class _Call(NamedTuple):
    """A command that waits for its reply.

    Attributes:
        key: Its key.
        command: The command.
        reply: The future reply.
        arrived: When it came, by the monotonic clock, in ns.
    """

    key: bytes
    command: Packable
    reply: asyncio.Future[Any]
    arrived: int


class _Pipeline:
    """The connection of an event loop, and the calls that wait for it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Callable[[], Any],
        timeout_seconds: float,
        failure: Failures,
    ) -> None:
        self._loop = loop
        self._failure = failure
        self._new_connection = connection
        self._timeout = timeout_seconds
        self._connection: Any | None = None
        self._connecting: asyncio.Task[Exception | None] | None = None
        self._waiting: list[_Call] = []
        self._task: asyncio.Task[None] | None = None

    def send(self, key: bytes, command: Packable) -> asyncio.Future[Any]:
        reply: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append(_Call(key, command, reply, ticks()))
        if self._task is None:
            self._task = self._loop.create_task(self._work())
        return reply

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        await self._disconnect()

    async def _work(self) -> None:
        """Send batch after batch."""
        try:
            while self._waiting:
                batch = self._waiting[:_MOST_AT_ONCE]
                del self._waiting[:_MOST_AT_ONCE]
                await self._answered(batch)
        finally:
            self._task = None
            for call in self._waiting:  # the event loop is closing
                call.reply.cancel()

    async def _answered(self, batch: list[_Call]) -> None:
        """See to it that each call of a batch gets its reply or an error."""
        # Who has waited for another batch does not wait as long again.
        waited_seconds = (ticks() - batch[0].arrived) / _NS
        seconds = max(self._timeout - waited_seconds, self._timeout / 2)
        try:
            async with asyncio.timeout(seconds) as deadline:
                await self._exchange(batch, deadline)
        except TimeoutError:
            await self._disconnect()
            error = exceptions.TimeoutError(f"no reply within {self._timeout} seconds")
            waiting, self._waiting = self._waiting, []
            self._fail([*batch, *waiting], error)
        except FAILURES as error:
            await self._disconnect()
            self._fail(batch, error)
        except BaseException:
            for call in batch:
                call.reply.cancel()
            raise

    async def _exchange(self, batch: list[_Call], deadline: asyncio.Timeout) -> None:
        """Send a batch, once more if an idle connection turns out to be closed."""
        if self._connection is not None:
            try:
                await self._round(self._connection, batch)
            except exceptions.ConnectionError:
                await self._disconnect()
            else:
                return
        connection = await self._connected()
        # Little time may be left, and to give up now would be to connect again.
        least = self._loop.time() + self._timeout / 2
        deadline.reschedule(max(deadline.when() or 0, least))
        await self._round(connection, batch)

    async def _connected(self) -> Any:
        """Return a new connection, once there is one."""
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())
        connecting = self._connecting
        await asyncio.wait([connecting])  # which, unlike await, does not cancel it
        error = connecting.result()
        if error is not None:
            raise error
        return self._connection

    async def _connect(self) -> Exception | None:
        """Connect, and return what failed: perhaps nobody is left to catch it."""
        connection = self._new_connection()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUTS * self._timeout):
                await connection.connect()
            self._connection = connection
        except FAILURES as error:
            return error
        finally:
            self._connecting = None
            if self._connection is not connection:
                await connection.disconnect(nowait=True)
        return None

    async def _round(self, connection: Any, batch: Iterable[_Call]) -> None:
        """Send the calls that have no reply yet, and read the replies."""
        calls = [call for call in batch if not call.reply.done()]
        is_known = True
        while calls:
            # If the server does not know the script, the first call brings it along.
            parts = [it.command.packed(it.key) for it in calls[1:]]
            parts.insert(0, calls[0].command.packed(calls[0].key, as_eval=not is_known))
            await connection.send_packed_command(b"".join(parts), check_health=False)
            unknown, lost = [], None
            for call in calls:
                try:
                    reply: Any = await connection.read_response(disable_decoding=True)
                except exceptions.NoScriptError:
                    unknown.append(call)
                except exceptions.ResponseError as error:
                    lost = error if is_unavailable(error) else lost
                    self._fail([call], error)
                else:
                    if not call.reply.done():
                        call.reply.set_result(reply)
            if lost is not None:
                await self._disconnect()  # perhaps another server has taken over
                self._fail(unknown, lost)
                return
            calls, is_known = unknown, False

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _fail(self, calls: Iterable[_Call], error: Exception) -> None:
        """Raise an error in those who wait for a reply."""
        for call in calls:
            if not call.reply.done():
                found = self._failure(error, call.key)
                found.__cause__ = error
                call.reply.set_exception(found)
