"""Single flight in async hosts: of many tasks that need one value, one loads it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from habitkit.cache.steps import MISSING
from habitkit.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["AsyncFlight"]


class AsyncFlight:
    """A load under way in a task of its own, and those who wait for it.

    Attributes:
        tags: The names of the tags that its caller gave.
        old: An old value, or one that another flight has brought, for those who come before the
            end; ``MISSING`` if there is none. With it the task goes on without anybody who waits.
        task: The task.
        was_abandoned: Whether it was cancelled because nobody waited for it any more.
    """

    __slots__ = ("_elapsed", "_offered", "_waiters", "old", "tags", "task", "was_abandoned")

    def __init__(self, tags: Collection[str], old: Any) -> None:
        """Begin; the task is to be set at once."""
        self.tags = tags
        self.old = old
        self.task: asyncio.Task[Any] | None = None
        self.was_abandoned = False
        self._elapsed: Callable[[], float] | None = None
        self._waiters = 0
        self._offered = asyncio.get_running_loop().create_future()

    @property
    def is_elsewhere(self) -> bool:
        """Whether it belongs to another event loop, so that nobody here can wait for it."""
        return self.task is None or self.task.get_loop() is not asyncio.get_running_loop()

    @property
    def is_lost(self) -> bool:
        """Whether its event loop was closed before it ended."""
        return self.task is not None and self.task.get_loop().is_closed()

    def begin(self) -> None:
        """Note that the loader is called now."""
        self._elapsed = stopwatch()

    def offer(self, value: Any) -> None:
        """Let those go on who wait, with a value from elsewhere; the task goes on for a new one."""
        self.old = value
        if not self._offered.done():
            self._offered.set_result(None)

    async def wait(self, seconds: float | None) -> bool:
        """Wait for a value, or the end, until the loader has taken so many seconds.

        If the last one who waits is cancelled, the task is too.

        Args:
            seconds: How many; None if it may take as long as it does.

        Returns:
            Whether it has come.
        """
        if self.task is None:
            return False
        self._waiters += 1
        try:
            while True:
                left = seconds
                if seconds is not None and self._elapsed is not None:
                    left = seconds - self._elapsed()
                if left is not None and left <= 0:
                    return False
                waits: list[asyncio.Future[Any]] = [self.task, self._offered]
                first = asyncio.FIRST_COMPLETED
                done, _ = await asyncio.wait(waits, timeout=left, return_when=first)
                if done:
                    return True
        except asyncio.CancelledError:
            if self._waiters == 1 and self.old is MISSING:
                self.was_abandoned = True
                self.task.cancel()
            raise
        finally:
            self._waiters -= 1

    def result(self) -> Any:
        """Return the value, or an old one.

        Raises:
            BaseException: What loading raised, also if that is a ``CancelledError``.
        """
        if self.old is not MISSING and (self.task is None or not self.task.done()):
            return self.old
        assert self.task is not None  # noqa: S101 - it was set at once
        return self.task.result()
