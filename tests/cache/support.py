"""What the tests of the cache share."""

from __future__ import annotations

import asyncio
import threading
from selectors import SelectSelector
from typing import TYPE_CHECKING, Any, NoReturn

from habitkit.testing import FakeCacheServer, FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["Backend", "Counting", "StandingClock", "in_threads", "options"]


class Backend:
    """A server with a clock, and the means to make caches on it."""

    def __init__(self):
        self.clock = FakeClock()
        self.server = FakeCacheServer(self.clock.ticks)

    def options(self, **more: Any) -> dict[str, Any]:
        return options(self.clock, **more)


def options(clock: FakeClock, **more: Any) -> dict[str, Any]:
    """Return what makes a cache go by a clock; messages are read at every call."""
    return {
        "ticks": clock.ticks,
        "wall_ns": clock.ticks,
        "sleep": clock.sleep,
        "poll_seconds": 0,
        **more,
    }


class Counting:
    """A loader that counts its calls, and returns the number of the call unless told otherwise."""

    def __init__(self, *results: Any):
        self.calls = 0
        self._results = list(results)

    def __call__(self) -> Any:
        self.calls += 1
        result = self._results.pop(0) if self._results else self.calls
        if isinstance(result, BaseException):
            raise result
        return result


class StandingClock(SelectSelector):
    """A clock that stands while tasks run; if all of them wait, it goes on to the next timer.

    So no load on the machine changes what a test sees. It takes exact floats, such as 0.125.
    """

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def ticks(self) -> int:
        return int(self.now * 1_000_000_000)

    def stopwatch(self) -> Callable[[], float]:
        began = self.now
        return lambda: self.now - began

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or self.now > 60:
            self._fail()
        self.now += timeout
        return super().select(0)

    def _fail(self) -> NoReturn:
        msg = f"after {self.now} s nothing ends what the test waits for"
        raise AssertionError(msg)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Execute a coroutine in an event loop that goes by this clock."""
        loop = asyncio.SelectorEventLoop(self)
        loop.time = self.time  # type: ignore[method-assign]
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main)


def in_threads(count: int, call: Callable[[], Any]) -> list[Any]:
    """Make a call in so many threads at once; return the results, or the errors."""
    results: list[Any] = []
    start = threading.Barrier(count)

    def run() -> None:
        start.wait(10)
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001 - compared by the test
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results
