"""``AsyncSeriesContract``: every case of ``SeriesContract``, and those of tasks."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from habitkit.metrics.domain.points import decode_increase
from habitkit.testing.contracts._async import LoopThread
from habitkit.testing.contracts._async_cases import cancelled_at_many_points
from habitkit.testing.contracts._async_limiter import SyncView
from habitkit.testing.contracts._base import LIMIT_SECONDS, missing
from habitkit.testing.contracts._series_base import COARSE, RUNS, SeriesBase, T, counter, point
from habitkit.testing.contracts._series_contract import SeriesContract

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from habitkit.metrics.domain.series import Series
    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore

    Opener = Callable[[], AsyncSeriesStore | Awaitable[AsyncSeriesStore]]

__all__ = ["AsyncSeriesContract"]

TASKS = 30
NOW = T + 640


class _SyncSeries(SyncView):
    """An async store as the sync cases call it; ``after_fork`` is a plain call there too."""

    def after_fork(self) -> None:
        self._of.after_fork()


class AsyncSeriesBase(SeriesBase):
    """What the cases of an async store share: the author gives ``open_series_store``."""

    @pytest.fixture
    def open_series_store(self) -> Opener:
        """A function that opens a new, empty store on the event loop; the author gives it."""
        missing("`open_series_store`, a function (async or not) that returns a new, empty store")

    @pytest.fixture
    def open_series_store_again(self) -> Opener:
        """With ``shared``: a function that opens another store on the series of the first."""
        missing("`open_series_store_again`, a function that returns another store on the series")

    @pytest.fixture
    def loop_thread(self) -> Iterator[LoopThread]:
        """The event loop of the store."""
        with LoopThread() as loop:
            yield loop

    @pytest.fixture
    def async_series_store(
        self, open_series_store: Opener, loop_thread: LoopThread
    ) -> AsyncSeriesStore:
        """The store under test, as it is."""
        store: AsyncSeriesStore = loop_thread.call(open_series_store)
        return store

    @pytest.fixture
    def series_store(
        self, async_series_store: AsyncSeriesStore, loop_thread: LoopThread
    ) -> SeriesStore:
        """The store under test, as the sync cases call it."""
        return cast("SeriesStore", _SyncSeries(async_series_store, loop_thread))

    @pytest.fixture
    def series_store_again(
        self, open_series_store_again: Opener, loop_thread: LoopThread
    ) -> SeriesStore:
        """The second store, as the sync cases call it."""
        store = loop_thread.call(open_series_store_again)
        return cast("SeriesStore", _SyncSeries(store, loop_thread))


class SeriesTaskCases(AsyncSeriesBase):
    """Part of ``AsyncSeriesContract``: many tasks on one loop, some of them cancelled."""

    def test_many_tasks_that_write_and_read_lose_nothing(
        self, async_series_store: AsyncSeriesStore, loop_thread: LoopThread
    ) -> None:
        async def one(n: int) -> float:
            mine = counter("many", n=str(n))
            for writer in (1, 2):
                points = [point(mine, 590, n, writer), point(RUNS, 590, 1, 2 * n + writer)]
                await async_series_store.write(points, [mine, RUNS], NOW)
            await async_series_store.roll(NOW, 1)
            return await increase(async_series_store, mine)

        async def main() -> list[float]:
            return await asyncio.gather(*(one(n) for n in range(TASKS)))

        assert loop_thread.run(main()) == [2 * n for n in range(TASKS)]
        assert loop_thread.run(increase(async_series_store, RUNS)) == 2 * TASKS

    @pytest.mark.parametrize("verb", ["write", "series", "read", "roll", "prune"])
    def test_a_call_cancelled_at_any_point_is_done_wholly_or_not_at_all(
        self, async_series_store: AsyncSeriesStore, loop_thread: LoopThread, verb: str
    ) -> None:
        store = async_series_store

        async def act(owner: str) -> object:
            mine = counter("cancelled", owner=owner)
            points = [point(mine, 560, 1), point(mine, 570, 1)]
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "write": lambda: store.write(points, [mine], NOW),
                "series": lambda: store.series([]),
                "read": lambda: store.read([RUNS.id], T, NOW, NOW),
                "roll": lambda: store.roll(NOW, 1),
                "prune": lambda: store.prune(NOW, 1),
            }
            return await calls[verb]()

        async def main() -> None:
            writer, call = 0, cast("Callable[[str], Coroutine[Any, Any, object]]", act)
            await store.write([point(RUNS, 560, 1, writer=99)], [RUNS], NOW)
            async for owner, cancelled in cancelled_at_many_points(call):
                assert await increase(store, RUNS) == 1 + writer
                writer += 1
                await store.write([point(RUNS, 560, 1, writer=100 + writer)], [RUNS], NOW)
                assert await increase(store, RUNS) == 1 + writer
                if verb == "write":
                    found = await increase(store, counter("cancelled", owner=owner))
                    assert found in ({0, 2} if cancelled else {2})
            while (await store.roll(NOW, 100)).more:
                pass
            assert await increase(store, RUNS) == 1 + writer

        loop_thread.run(asyncio.wait_for(main(), LIMIT_SECONDS))


async def increase(store: AsyncSeriesStore, series: Series) -> float:
    """Return the increase of a counter in the first slot of the coarsest tier."""
    reading = await store.read([series.id], T, T + COARSE, NOW)
    return sum(decode_increase(it.data) for it in reading.points)


class AsyncSeriesContract(SeriesTaskCases, AsyncSeriesBase, SeriesContract):
    """``SeriesContract`` for an async store, and what only an async store can break.

    The author's class gives ``open_series_store``, a function that opens a new and empty store with
    the tiers ``self.tiers``; it is called on the event loop of the contract and may be a coroutine
    function. With ``shared`` it also gives ``open_series_store_again``. The contract closes what
    they return.
    """
