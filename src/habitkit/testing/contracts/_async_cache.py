"""``AsyncCacheContract``: every case of ``CacheContract``, and those of tasks."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from habitkit.cache import AsyncCache
from habitkit.testing.contracts._async import LoopThread
from habitkit.testing.contracts._async_cases import cancelled_at_many_points
from habitkit.testing.contracts._async_limiter import SyncView
from habitkit.testing.contracts._base import missing
from habitkit.testing.contracts._cache_base import HOUR_MS, CacheBase, item
from habitkit.testing.contracts._cache_contract import CacheContract

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from habitkit.cache import Cache
    from habitkit.cache.port import AsyncCacheBackend, CacheBackend, Subscription
    from habitkit.testing.contracts._cache_base import CacheClock

    Opener = Callable[[], AsyncCacheBackend | Awaitable[AsyncCacheBackend]]

__all__ = ["AsyncCacheContract"]

TASKS = 100


class _SyncCacheBackend(SyncView):
    """An async backend as the sync cases call it; its subscriptions are polled on the loop."""

    def __getattr__(self, name: str) -> Any:
        """Return an attribute; a method of the backend runs on the loop."""
        found = super().__getattr__(name)
        return (lambda: SyncView(found(), self._loop)) if name == "subscribe" else found

    def on_loop(self) -> tuple[Any, LoopThread]:
        """Return the backend and its loop."""
        return self._of, self._loop


class _SyncCache(SyncView):
    """An async cache as the sync cases call it; loaders, which wait, run in threads."""

    def get_or_create(self, key: Any, loader: Callable[[], Any], *args: Any, **named: Any) -> Any:
        async def load() -> Any:
            return await asyncio.to_thread(loader)

        return self._loop.run(self._of.get_or_create(key, load, *args, **named))


class AsyncCacheBase(CacheBase):
    """What the cases of an async backend share: the author gives ``open_cache``."""

    @pytest.fixture
    def open_cache(self) -> Opener:
        """A function that opens a new, empty backend on the event loop; the author gives it."""
        missing("`open_cache`, a function (async or not) that returns a new, empty cache backend")

    @pytest.fixture
    def open_cache_again(self) -> Opener:
        """With ``shared``: a function that opens another backend on the state of the first."""
        missing("`open_cache_again`, a function that returns another backend on the same state")

    @pytest.fixture
    def loop_thread(self) -> Iterator[LoopThread]:
        """The event loop of the backend."""
        with LoopThread() as loop:
            yield loop

    @pytest.fixture
    def async_cache(self, open_cache: Opener, loop_thread: LoopThread) -> AsyncCacheBackend:
        """The backend under test, as it is."""
        backend: AsyncCacheBackend = loop_thread.call(open_cache)
        return backend

    @pytest.fixture
    def cache(self, async_cache: AsyncCacheBackend, loop_thread: LoopThread) -> CacheBackend:
        """The backend under test, as the sync cases call it."""
        return cast("CacheBackend", _SyncCacheBackend(async_cache, loop_thread))

    @pytest.fixture
    def cache_again(self, open_cache_again: Opener, loop_thread: LoopThread) -> CacheBackend:
        """The second backend, as the sync cases call it."""
        backend = loop_thread.call(open_cache_again)
        return cast("CacheBackend", _SyncCacheBackend(backend, loop_thread))

    @pytest.fixture
    def make_cache(self, clock: CacheClock) -> Callable[[CacheBackend], Cache]:
        """A function that makes an async cache on a backend, as the sync cases call it."""

        def make_cache(view: Any) -> Cache:
            backend, loop = view.on_loop()
            clocks: dict[str, Any] = {"ticks": clock.ticks, "wall_ns": clock.wall_ns}
            made = AsyncCache(backend, on_error="raise", lease_seconds=10, poll_seconds=0, **clocks)
            return cast("Cache", _SyncCache(made, loop))

        return make_cache


class CacheTaskCases(AsyncCacheBase):
    """Part of ``AsyncCacheContract``: many tasks on one loop."""

    def test_each_of_many_tasks_gets_its_own_values(
        self, async_cache: AsyncCacheBackend, loop_thread: LoopThread
    ) -> None:
        async def one(n: int) -> list[Any]:
            name, lease, value = f"v:{n}", f"l:{n}", str(n).encode() * n
            await async_cache.set_many([item(name, value)])
            seen: list[Any] = [await async_cache.get_many([name, f"v:none {n}"]) == [value, None]]
            seen.append(await async_cache.add(item(lease, b"token")))
            seen.append(await async_cache.end_lease(lease, b"other") is False)
            seen.append(await async_cache.end_lease(lease, b"token", item(name, b"new")))
            seen.append(await async_cache.incr(f"n:{n}", 1 + n, HOUR_MS) == 1 + n)
            seen.append(await async_cache.get_many([name]) == [b"new"])
            await async_cache.delete_many([name])
            return [*seen, await async_cache.get_many([name]) == [None]]

        async def main() -> list[list[Any]]:
            calls = (one(n) for n in range(TASKS))
            return await asyncio.wait_for(asyncio.gather(*calls), self.limit_seconds)

        assert loop_thread.run(main()) == [[True] * 7] * TASKS

    def test_of_many_tasks_that_add_a_value_one_succeeds(
        self, async_cache: AsyncCacheBackend, loop_thread: LoopThread
    ) -> None:
        async def main() -> tuple[list[bool], bytes | None]:
            calls = (async_cache.add(item("l:a", bytes([n]))) for n in range(TASKS))
            added = await asyncio.wait_for(asyncio.gather(*calls), self.limit_seconds)
            return added, (await async_cache.get_many(["l:a"]))[0]

        added, value = loop_thread.run(main())

        assert sum(added) == 1
        assert value == bytes([added.index(True)])

    def test_a_counter_loses_no_addition_of_many_tasks(
        self, async_cache: AsyncCacheBackend, loop_thread: LoopThread
    ) -> None:
        async def main() -> list[int]:
            calls = (async_cache.incr("n:a", 1, HOUR_MS) for _ in range(TASKS))
            return await asyncio.wait_for(asyncio.gather(*calls), self.limit_seconds)

        assert sorted(loop_thread.run(main())) == list(range(1, TASKS + 1))


class CacheCancellationCases(AsyncCacheBase):
    """Part of ``AsyncCacheContract``: tasks that are cancelled leave the backend usable."""

    @pytest.mark.parametrize(
        "verb", ["get_many", "set_many", "delete_many", "add", "end_lease", "incr"]
    )
    def test_a_call_cancelled_at_any_point_leaves_the_backend_usable(
        self, async_cache: AsyncCacheBackend, loop_thread: LoopThread, verb: str
    ) -> None:
        calls: dict[str, Callable[[str], Any]] = {
            "get_many": lambda key: async_cache.get_many([f"v:{key}"]),
            "set_many": lambda key: async_cache.set_many([item(f"v:{key}")]),
            "delete_many": lambda key: async_cache.delete_many([f"v:{key}"]),
            "add": lambda key: async_cache.add(item(f"v:{key}")),
            "end_lease": lambda key: async_cache.end_lease(f"l:{key}", b"token", item(f"v:{key}")),
            "incr": lambda key: async_cache.incr(f"n:{key}", 1, HOUR_MS),
        }

        async def main() -> None:
            for key in ("owner", *(f"owner{n}" for n in range(30))):
                await async_cache.set_many([item(f"l:{key}", b"token")])
            async for key, _ in cancelled_at_many_points(calls[verb]):
                mine = key.encode()
                await async_cache.set_many([item("v:mine", mine)])
                assert await async_cache.get_many(["v:none", "v:mine"]) == [None, mine]
                assert (await async_cache.get_many([f"v:{key}"]))[0] in {b"value", None}

        loop_thread.run(asyncio.wait_for(main(), self.limit_seconds))

    def test_a_subscription_cancelled_at_any_point_leaves_the_backend_usable(
        self, async_cache: Any, loop_thread: LoopThread
    ) -> None:
        self.skip_unless("publishes")
        made: list[Subscription] = []

        async def subscribe(_: str) -> None:
            made.append(await async_cache.subscribe())

        async def main() -> None:
            async for _ in cancelled_at_many_points(subscribe, points=10):
                pass
            made.append(await async_cache.subscribe())
            await async_cache.set_many([item("v:last")])
            while "v:last" not in (made[-1].poll() or ()):  # noqa: ASYNC110 - poll never waits
                await asyncio.sleep(0.001)
            for subscription in made:
                subscription.close()

        loop_thread.run(asyncio.wait_for(main(), self.limit_seconds))

    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    def test_callers_that_are_cancelled_do_not_disturb_the_others(
        self, async_cache: AsyncCacheBackend, loop_thread: LoopThread, turns: int
    ) -> None:
        async def one(n: int) -> list[bytes | None]:
            found = await async_cache.get_many([f"v:{n}"])
            await async_cache.set_many([item(f"t:{n}", str(n).encode())])
            return found + await async_cache.get_many([f"t:{n}"])

        async def main() -> list[Any]:
            await async_cache.set_many([item(f"v:{n}", str(n).encode()) for n in range(TASKS)])
            tasks = [asyncio.create_task(one(n)) for n in range(TASKS)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            outcomes = asyncio.gather(*tasks, return_exceptions=True)
            return await asyncio.wait_for(outcomes, self.limit_seconds)

        outcomes = loop_thread.run(main())

        assert outcomes[1::2] == [[str(n).encode()] * 2 for n in range(1, TASKS, 2)]
        cancelled = [it for it in outcomes[::2] if isinstance(it, BaseException)]
        assert all(isinstance(it, asyncio.CancelledError) for it in cancelled)


class AsyncCacheContract(CacheTaskCases, CacheCancellationCases, AsyncCacheBase, CacheContract):
    """``CacheContract`` for an async backend, and what only an async backend can break.

    The author's class gives ``open_cache``, a function that opens a new and empty backend; it is
    called on the event loop of the contract and may be a coroutine function. With ``shared`` it
    also gives ``open_cache_again``. The contract closes what they return.
    """
