"""Single flight: of many callers that need one value, one loads it."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from habitkit.clock import stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["Fill", "Flight", "Mark", "loading"]

loading: ContextVar[tuple[Mark, ...]] = ContextVar("habitkit_loading", default=())
"""What the current context is loading, innermost last."""


class Mark:
    """Stands for a load in the contexts that it runs in, and in copies of them that outlive it.

    Attributes:
        state: The state of the cache.
        name: The name of the value.
        is_over: Whether the load has ended.
    """

    __slots__ = ("is_over", "name", "state")

    def __init__(self, state: object, name: str) -> None:
        """Begin."""
        self.state = state
        self.name = name
        self.is_over = False


class Fill:
    """The time between reading a value and putting it into memory.

    Attributes:
        epoch: The epoch of the cache's subscription in which it began.
        invalidated: The names that were invalidated since.
    """

    __slots__ = ("epoch", "invalidated")

    def __init__(self) -> None:
        """Begin."""
        self.epoch = -1
        self.invalidated: set[str] = set()


class Flight:
    """A load under way in a thread, and those who wait for it.

    Attributes:
        tags: The names of the tags that its caller gave.
        value: What was loaded; before that, an old value that was offered.
        error: What loading raised, if it did.
    """

    __slots__ = ("_done", "_elapsed", "error", "tags", "value")

    def __init__(self, tags: Collection[str]) -> None:
        """Begin."""
        self.tags = tags
        self._elapsed: Callable[[], float] | None = None
        self._done = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None

    def offer(self, value: Any) -> None:
        """Let those go on who wait, with an old value; the flight goes on for a new one."""
        self.value = value
        self._done.set()

    def land(self) -> None:
        """Let those go on who wait."""
        self._done.set()

    def begin(self) -> None:
        """Note that the loader is called now."""
        self._elapsed = stopwatch()

    def wait(self, seconds: float) -> bool:
        """Wait for a value, or the end, until the loader has taken so many seconds.

        Before it is called, whoever leads may wait for another process as long.

        Returns:
            Whether it has come.
        """
        while True:
            elapsed = self._elapsed
            left = seconds if elapsed is None else seconds - elapsed()
            if left <= 0:
                return False
            if self._done.wait(left):
                return True

    def result(self) -> Any:
        """Return the value.

        Raises:
            BaseException: What loading raised.
        """
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def was_interrupted(self) -> bool:
        """Whether it ended by something that concerns its own thread alone, such as Ctrl-C."""
        return self.error is not None and not isinstance(self.error, Exception)
