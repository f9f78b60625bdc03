"""The subscription of an async cache: a task that reads a connection."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Any

from redis import exceptions

from habitkit.backends.redis._messages import (
    CHUNK_BYTES,
    IDLE_SECONDS,
    LOST,
    PING,
    Inbox,
    subscribe,
)
from habitkit.clock import ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AsyncRedisSubscription"]

_NS = 1_000_000_000
_HELD_UP_NS = 100_000_000
"""For how long messages may lie unread, while ``poll`` is called and the event loop never runs."""


class AsyncRedisSubscription:
    """Collects what other processes have set or deleted; see ``Subscription``."""

    def __init__(self, connection: Any, channel: bytes, timeout_seconds: float) -> None:
        """Use a connection of redis-py, which nobody else uses; ``start`` subscribes on it."""
        self._connection = connection
        self._channel = channel
        self._timeout = timeout_seconds
        self._inbox = Inbox()
        self._loop = asyncio.get_running_loop()
        self._confirmed: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._patience_ns = int((timeout_seconds + IDLE_SECONDS) * _NS)
        self._held_since: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether no more messages will come."""
        return self._task is None or self._task.done()

    async def start(self) -> None:
        """Subscribe, or raise one of ``FAILURES``, also if it is not confirmed in time."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.connect()
            self._task = self._loop.create_task(self._read())
            async with asyncio.timeout(self._timeout):
                await self._confirmed
        except BaseException as error:
            self.close()
            await self._connection.disconnect(nowait=True)  # the task may not have begun
            if isinstance(error, TimeoutError):
                reason = f"no reply within {self._timeout} seconds"
                raise exceptions.TimeoutError(reason) from error
            raise

    def poll(self) -> Sequence[str] | None:
        """Return the names since the last call; None if some may have been lost.

        The task reads only while the event loop runs, and a caller that finds everything in memory
        never lets it. Then it is over as soon as something has been unread for too long.
        """
        try:
            is_ours = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_ours = False
        if self.is_over or not is_ours:
            return None
        if self._held_since is None:
            self._held_since = ticks()
            self._loop.call_soon(self._go_on)
        elif self._is_held_up(ticks() - self._held_since):
            self.close()
            return None
        return self._inbox.take()

    def close(self) -> None:
        """End it; its task closes the connection."""
        task, self._task = self._task, None
        if task is not None and not self._loop.is_closed():
            try:
                is_ours = asyncio.get_running_loop() is self._loop
            except RuntimeError:
                is_ours = False
            if is_ours:
                task.cancel()
            else:
                self._loop.call_soon_threadsafe(task.cancel)

    def _go_on(self) -> None:
        """Note that the event loop runs."""
        self._held_since = None

    def _is_held_up(self, ns: int) -> bool:
        """Return whether what has come, or that nothing comes, has not been noticed for so long."""
        return ns > self._patience_ns or (ns > _HELD_UP_NS and self._has_unread())

    def _has_unread(self) -> bool:
        """Return whether there is something that the task has not read."""
        if self._connection._reader._buffer:  # noqa: SLF001 - no method tells it without reading
            return True
        number = self._connection._writer.get_extra_info("socket").fileno()  # noqa: SLF001 - as above
        if not hasattr(select, "poll"):
            return bool(select.select([number], [], [], 0)[0])
        found = select.poll()
        found.register(number, select.POLLIN)
        return bool(found.poll(0))

    async def _read(self) -> None:
        """Read what arrives until there is nothing more to come."""
        # The connection would be closed at each timeout of its own method for reading.
        reader = self._connection._reader  # noqa: SLF001 - see above
        writer = self._connection._writer  # noqa: SLF001 - see above
        try:
            writer.write(subscribe(self._channel))
            is_asked = False
            while True:
                try:
                    async with asyncio.timeout(IDLE_SECONDS + (self._timeout if is_asked else 0)):
                        data = await reader.read(CHUNK_BYTES)
                except TimeoutError:
                    if is_asked:
                        return
                    is_asked = True
                    writer.write(PING)
                else:
                    is_asked = False
                    self._inbox.feed(data)
                    if self._inbox.is_subscribed and not self._confirmed.done():
                        self._confirmed.set_result(None)
        except LOST as error:
            if not self._confirmed.done():
                self._confirmed.set_exception(error)
        finally:
            await self._connection.disconnect(nowait=True)
