"""The subscription of an async cache: a task that reads a connection."""

from __future__ import annotations

import asyncio
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

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AsyncRedisSubscription"]


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
        """Return the names since the last call; None if some may have been lost."""
        try:
            is_ours = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_ours = False
        return None if self.is_over or not is_ours else self._inbox.take()

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
