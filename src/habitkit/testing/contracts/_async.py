"""Running the sync contracts on an async store: on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import inspect
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from habitkit.kit import AsyncHabitKit
from habitkit.store import AsyncHostTransactions
from habitkit.testing import FakeClock
from habitkit.testing.contracts._base import LIMIT_SECONDS, Contract, missing
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator
    from typing import Self

    from habitkit.store import AsyncStore, Store, Stores

__all__ = ["AsyncContract", "LoopThread"]

R = TypeVar("R")


class LoopThread:
    """An event loop in a thread of its own."""

    def __enter__(self) -> Self:
        """Begin."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs there, and the loop."""
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(LIMIT_SECONDS)
        self.loop.close()

    def run(self, awaitable: Awaitable[R]) -> R:
        """Await something on the loop and return its result.

        Raises:
            TimeoutError: If it takes longer than 30 s.
        """

        async def waiting() -> R:
            return await awaitable

        future = asyncio.run_coroutine_threadsafe(waiting(), self.loop)
        try:
            return future.result(LIMIT_SECONDS)
        except TimeoutError:
            future.cancel()
            raise

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on the loop, and wait for its result if that is to be awaited."""

        async def calling() -> Any:
            result = function()
            return await result if inspect.isawaitable(result) else result

        return self.run(calling())

    async def end_tasks(self) -> None:
        """Cancel whatever else runs on the loop, and wait for its end."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _end(self) -> None:
        await self.end_tasks()
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()


class _SyncView:
    """An async store as the sync contracts call it: each call waits for the loop."""

    def __init__(self, store: AsyncStore, loop: LoopThread) -> None:
        self._store = store
        self._loop = loop

    @property
    def name(self) -> str:
        return self._store.name

    @property
    def modules(self) -> Collection[str]:
        return self._store.modules

    @property
    def capabilities(self) -> Collection[str]:
        return self._store.capabilities

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        running = partial(self._store.run, work, write=write, keyed=keyed)
        result: R = self._loop.call(running)
        return result

    def close(self) -> None:
        self._loop.call(self._store.close)


class _SyncHostView(_SyncView):
    """The same for a store that works inside transactions of the host."""

    _store: Any

    def on(self, handle: object) -> Store:
        return _SyncView(self._loop.call(lambda: self._store.on(handle)), self._loop)


class AsyncContract(Contract):
    """What the async contracts share: the author gives ``open_store`` in place of ``store``.

    The store is opened, used and closed on one event loop, which runs in a thread of its own; no
    plugin for async tests is needed.
    """

    @pytest.fixture
    def open_store(self) -> Callable[[], AsyncStore | Awaitable[AsyncStore]]:
        """A function that opens a new, empty store on the event loop; the author gives it."""
        missing("`open_store`, a function (async or not) that returns a new, empty AsyncStore")

    @pytest.fixture
    def loop_thread(self) -> Iterator[LoopThread]:
        """The event loop of the store."""
        with LoopThread() as loop:
            yield loop

    @pytest.fixture
    def async_store(
        self,
        open_store: Callable[[], AsyncStore | Awaitable[AsyncStore]],
        loop_thread: LoopThread,
    ) -> Iterator[AsyncStore]:
        """The store under test, as it is."""
        store = loop_thread.call(open_store)
        yield store
        loop_thread.call(store.close)

    @pytest.fixture
    def store(self, async_store: AsyncStore, loop_thread: LoopThread) -> Store:
        """The store under test, as the sync contracts call it."""
        if isinstance(async_store, AsyncHostTransactions):
            return _SyncHostView(async_store, loop_thread)
        return _SyncView(async_store, loop_thread)

    @pytest.fixture
    def async_kit(self, async_store: AsyncStore) -> AsyncHabitKit:
        """An async kit on the store; use it on the loop only."""
        return AsyncHabitKit(async_store, clock=FakeClock(NOW))
