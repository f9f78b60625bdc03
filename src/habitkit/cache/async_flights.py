"""Single flight in async hosts: of many tasks that need one value, one loads it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from habitkit.cache.steps import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AsyncFlight"]


class AsyncFlight:
    """A load under way in a task of its own, and those who wait for it.

    Attributes:
        tags: The names of the tags that its caller gave.
        old: An old value, for those who come before the end; ``MISSING`` if there is none. With it
            the task goes on without anybody who waits.
        task: The task.
    """

    __slots__ = ("_offered", "_waiters", "old", "tags", "task")

    def __init__(self, tags: Sequence[str], old: Any) -> None:
        """Begin; the task is to be set at once."""
        self.tags = tags
        self.old = old
        self.task: asyncio.Task[Any] | None = None
        self._waiters = 0
        self._offered = asyncio.get_running_loop().create_future()

    @property
    def is_elsewhere(self) -> bool:
        """Whether it belongs to another event loop, so that nobody here can wait for it."""
        return self.task is None or self.task.get_loop() is not asyncio.get_running_loop()

    def offer(self, value: Any) -> None:
        """Let those go on who wait, with an old value; the task goes on for a new one."""
        self.old = value
        if not self._offered.done():
            self._offered.set_result(None)

    async def wait(self, seconds: float) -> bool:
        """Wait for a value, or the end; return whether it has come.

        If the last one who waits is cancelled, the task is too.
        """
        if self.task is None:
            return False
        self._waiters += 1
        try:
            done, _ = await asyncio.wait(
                [self.task, self._offered], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            if self._waiters == 1 and self.old is MISSING:
                self.task.cancel()
            raise
        finally:
            self._waiters -= 1
        return bool(done)

    def result(self) -> Any:
        """Return the value, or an old one; ``MISSING`` if the task was cancelled.

        Raises:
            Exception: What loading raised.
        """
        if self.task is not None and self.task.done() and not self.task.cancelled():
            return self.task.result()
        return self.old
