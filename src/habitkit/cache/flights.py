"""Single flight: of many callers that need one value, one loads it."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Fill", "Flight", "loading"]

loading: ContextVar[tuple[tuple[int, str], ...]] = ContextVar("habitkit_loading", default=())
"""What the current context is loading: the cache's number and the name, innermost last."""


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

    __slots__ = ("_done", "error", "tags", "value")

    def __init__(self, tags: Sequence[str]) -> None:
        """Begin."""
        self.tags = tags
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

    def wait(self, seconds: float) -> bool:
        """Wait for a value, or the end; return whether it has come."""
        return self._done.wait(seconds)

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
