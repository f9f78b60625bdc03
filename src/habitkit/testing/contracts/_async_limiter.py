"""``AsyncLimiterContract``: every case of ``LimiterContract``, and those of tasks."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from habitkit.limits import AsyncLimiter, Lease, Limiter
from habitkit.testing.contracts._async import LoopThread
from habitkit.testing.contracts._async_cases import cancelled_at_many_points
from habitkit.testing.contracts._base import missing
from habitkit.testing.contracts._limiter_base import LimiterBase, hourly
from habitkit.testing.contracts._limiter_contract import LimiterContract

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from habitkit.limits import Decision
    from habitkit.limits.port import AsyncLimitsBackend, LimitsBackend
    from habitkit.testing.contracts._limiter_base import BackendClock

__all__ = ["AsyncLimiterContract", "SyncView"]

TASKS = 200


class SyncView:
    """An async object as the sync cases call it: each call waits for the loop."""

    def __init__(self, of: Any, loop: LoopThread) -> None:
        self._of = of
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        """Return an attribute; a method of the object runs on the loop."""
        found = getattr(self._of, name)
        if not callable(found):
            return found
        return lambda *args, **named: self._loop.call(lambda: found(*args, **named))


class _SyncLimiter(SyncView):
    """The same for a limiter, whose leases are released without awaiting too."""

    def lease(self, key: str, n: int, ttl_seconds: int) -> Lease:
        lease = self._loop.run(self._of.lease(key, n, ttl_seconds))
        return Lease(lease.decision, self.refund)


class AsyncLimiterBase(LimiterBase):
    """What the cases of an async backend share: the author gives ``open_limits``.

    Attributes:
        limit_seconds: How long the tasks of a case may take in all.
    """

    limit_seconds: ClassVar[float] = 10.0

    @pytest.fixture
    def open_limits(self) -> Callable[[], AsyncLimitsBackend | Awaitable[AsyncLimitsBackend]]:
        """A function that opens a new, empty backend on the event loop; the author gives it."""
        missing("`open_limits`, a function (async or not) that returns a new, empty limits backend")

    @pytest.fixture
    def open_limits_again(self) -> Callable[[], AsyncLimitsBackend | Awaitable[AsyncLimitsBackend]]:
        """With ``shared``: a function that opens another backend on the state of the first."""
        missing("`open_limits_again`, a function that returns another backend on the same state")

    @pytest.fixture
    def loop_thread(self) -> Iterator[LoopThread]:
        """The event loop of the backend."""
        with LoopThread() as loop:
            yield loop

    @pytest.fixture
    def async_limits(self, open_limits: Any, loop_thread: LoopThread) -> AsyncLimitsBackend:
        """The backend under test, as it is."""
        backend: AsyncLimitsBackend = loop_thread.call(open_limits)
        return backend

    @pytest.fixture
    def limits(self, async_limits: AsyncLimitsBackend, loop_thread: LoopThread) -> LimitsBackend:
        """The backend under test, as the sync cases call it."""
        return cast("LimitsBackend", SyncView(async_limits, loop_thread))

    @pytest.fixture
    def limits_again(self, open_limits_again: Any, loop_thread: LoopThread) -> LimitsBackend:
        """The second backend, as the sync cases call it."""
        return cast("LimitsBackend", SyncView(loop_thread.call(open_limits_again), loop_thread))

    @pytest.fixture
    def async_limiter(self, async_limits: AsyncLimitsBackend) -> AsyncLimiter:
        """An async limiter on the backend; use it on the loop only."""
        return AsyncLimiter(async_limits, cache_denials=False)

    @pytest.fixture
    def limiter(self, async_limiter: AsyncLimiter, loop_thread: LoopThread) -> Limiter:
        """The async limiter, as the sync cases call it."""
        return cast("Limiter", _SyncLimiter(async_limiter, loop_thread))


class TaskCases(AsyncLimiterBase):
    """Part of ``AsyncLimiterContract``: many tasks on one loop."""

    def test_tasks_on_one_key_are_admitted_exactly_the_burst(
        self, async_limiter: AsyncLimiter, loop_thread: LoopThread
    ) -> None:
        async def main() -> list[Decision]:
            calls = (async_limiter.acquire("ada", hourly(50)) for _ in range(TASKS))
            return await asyncio.wait_for(asyncio.gather(*calls), self.limit_seconds)

        decisions = loop_thread.run(main())

        assert sum(map(bool, decisions)) == 50
        # A call that waited for the row of another one may have taken the time before that one.
        remaining = sorted(it.remaining for it in decisions if it)
        assert all(wanted - 1 <= found <= wanted for wanted, found in enumerate(remaining))

    def test_each_of_many_tasks_gets_its_own_decision(
        self, async_limiter: AsyncLimiter, loop_thread: LoopThread
    ) -> None:
        async def main() -> list[Decision]:
            calls = (async_limiter.acquire(f"k{n}", hourly(100 + n), 1 + n) for n in range(TASKS))
            return await asyncio.wait_for(asyncio.gather(*calls), self.limit_seconds)

        decisions = loop_thread.run(main())

        assert all(decisions)
        assert [it.limit.burst for it in decisions] == [100 + n for n in range(TASKS)]
        assert {it.remaining for it in decisions} == {99}

    def test_tasks_of_different_verbs_and_limits_do_not_mix_their_replies(
        self, async_limiter: AsyncLimiter, loop_thread: LoopThread
    ) -> None:
        several = [hourly(10), hourly(9, "named")]

        async def main() -> list[tuple[bool, int, int]]:
            async def one(n: int) -> tuple[bool, int, int]:
                taken = await async_limiter.acquire(f"k{n}", several, 1 + n % 9)
                seen = await async_limiter.peek(f"k{n}", several[0])
                await (async_limiter.refund(taken) if n % 2 else async_limiter.reset(f"k{n}"))
                again = await async_limiter.peek(f"k{n}", several)
                return bool(taken), seen.remaining, again.remaining

            calls = (one(n) for n in range(TASKS // 2))
            return await asyncio.wait_for(asyncio.gather(*calls), self.limit_seconds)

        assert loop_thread.run(main()) == [(True, 9 - n % 9, 9) for n in range(TASKS // 2)]


class TaskCancellationCases(AsyncLimiterBase):
    """Part of ``AsyncLimiterContract``: tasks that are cancelled."""

    def test_a_cancelled_wait_gives_back_what_it_has_reserved(
        self, async_limiter: AsyncLimiter, loop_thread: LoopThread, clock: BackendClock
    ) -> None:
        async def main() -> float | None:
            await async_limiter.acquire("ada", hourly(1))
            waiting = []
            end = asyncio.get_running_loop().time() + self.limit_seconds
            for place in range(1, 4):  # one after the other: at once, any order is right
                wait = async_limiter.wait("ada", hourly(1), timeout_seconds=24 * 3600)
                waiting.append(asyncio.create_task(wait))
                reserved = (place + 0.5) * 3600
                while (await async_limiter.peek("ada", hourly(1))).reset_after_seconds < reserved:
                    assert asyncio.get_running_loop().time() < end
                    await asyncio.sleep(0)
            for task in reversed(waiting):
                task.cancel()
                await asyncio.wait([task], timeout=self.limit_seconds)
            assert all(task.cancelled() for task in waiting)
            return (await async_limiter.peek("ada", hourly(1))).retry_after_seconds

        assert loop_thread.run(main()) == clock.about(3600)

    def test_a_wait_cancelled_at_any_point_takes_all_or_nothing(
        self, async_limiter: AsyncLimiter, loop_thread: LoopThread
    ) -> None:
        async def main() -> None:
            def wait(key: str) -> Any:
                return async_limiter.wait(key, hourly(1))

            async for key, cancelled in cancelled_at_many_points(wait):
                seen = await async_limiter.peek(key, hourly(1))
                assert seen.allowed == cancelled
                await async_limiter.acquire(key, hourly(1))
                assert not await async_limiter.acquire(key, hourly(1))

        loop_thread.run(main())

    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    def test_callers_that_are_cancelled_do_not_disturb_the_others(
        self, async_limiter: AsyncLimiter, loop_thread: LoopThread, turns: int
    ) -> None:
        async def main() -> list[Decision | BaseException]:
            tasks = [
                asyncio.create_task(async_limiter.acquire(f"k{n}", hourly(100 + n), 1 + n))
                for n in range(TASKS)
            ]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            outcomes = asyncio.gather(*tasks, return_exceptions=True)
            return await asyncio.wait_for(outcomes, self.limit_seconds)

        outcomes = loop_thread.run(main())

        kept = [it for it in outcomes[1::2] if not isinstance(it, BaseException)]
        assert [it.limit.burst for it in kept] == [100 + n for n in range(1, TASKS, 2)]
        assert {(it.allowed, it.remaining) for it in kept} == {(True, 99)}
        rest = [it for it in outcomes[::2] if isinstance(it, BaseException)]
        assert all(isinstance(it, asyncio.CancelledError) for it in rest)

    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    def test_cancelled_callers_of_one_key_let_nobody_above_the_burst(
        self, async_limiter: AsyncLimiter, loop_thread: LoopThread, turns: int
    ) -> None:
        async def main() -> list[bool]:
            admitted = []
            for _ in range(10):
                tasks = [
                    asyncio.create_task(async_limiter.acquire("ada", hourly(50))) for _ in range(10)
                ]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in tasks[::2]:
                    task.cancel()
                done, late = await asyncio.wait(tasks, timeout=self.limit_seconds)
                assert not late
                admitted += [bool(task.result()) for task in done if not task.cancelled()]
            rest = [bool(await async_limiter.acquire("ada", hourly(50))) for _ in range(51)]
            return admitted + rest

        assert sum(loop_thread.run(main())) <= 50


class AsyncLimiterContract(TaskCases, TaskCancellationCases, AsyncLimiterBase, LimiterContract):
    """``LimiterContract`` for an async backend, and what only an async backend can break.

    The author's class gives ``open_limits``, a function that opens a new and empty backend; it is
    called on the event loop of the contract and may be a coroutine function. With ``shared`` it
    also gives ``open_limits_again``. The contract closes what they return. A backend without I/O,
    which an ``AsyncLimiter`` takes too, passes as well.
    """
