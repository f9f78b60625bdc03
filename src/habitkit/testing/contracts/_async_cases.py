"""Cases of async stores beyond the sync contracts: many tasks, a responsive event loop."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from habitkit.journal.event_log import record
from habitkit.testing.contracts._async import AsyncContract
from habitkit.testing.contracts._base import LIMIT_SECONDS, wait_inside
from habitkit.testing.contracts._sample_facts import numbers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from habitkit.journal.domain.model import StoredEvent
    from habitkit.kit import AsyncHabitKit
    from habitkit.testing.contracts._async import LoopThread
    from habitkit.transaction import Transaction

__all__ = ["AsyncCases", "CancellationCases", "cancelled_at_many_points", "until"]

TASKS = 50


class AsyncCases(AsyncContract):
    """Part of ``AsyncStoreContract``: many tasks on one loop."""

    def test_many_tasks_on_one_owner_lose_nothing(
        self, async_kit: AsyncHabitKit, loop_thread: LoopThread
    ) -> None:
        async def main() -> list[StoredEvent]:
            await asyncio.gather(
                *(async_kit.events.record("ada", "noted", {"n": n}) for n in range(TASKS))
            )
            return await async_kit.events.page("ada", limit=1000)

        stored = loop_thread.run(main())

        assert sorted(numbers(stored)) == list(range(TASKS))
        assert [event.rev for event in stored] == list(range(1, TASKS + 1))

    def test_many_tasks_on_many_new_owners_lose_nothing(
        self, async_kit: AsyncHabitKit, loop_thread: LoopThread
    ) -> None:
        async def main() -> list[int]:
            owners = [f"owner{n}" for n in range(TASKS)]
            await asyncio.gather(*(async_kit.events.record(each, "noted") for each in owners))
            pages = await asyncio.gather(*(async_kit.events.page(each) for each in owners))
            return [len(page) for page in pages]

        assert loop_thread.run(main()) == [1] * TASKS

    def test_one_key_used_by_many_tasks_at_once_has_one_effect(
        self, async_kit: AsyncHabitKit, loop_thread: LoopThread
    ) -> None:
        async def main() -> tuple[list[Any], int]:
            results = await asyncio.gather(
                *(
                    async_kit.events.record("ada", "noted", {"n": 1}, idempotency_key="k")
                    for _ in range(TASKS)
                )
            )
            return results, len(await async_kit.events.page("ada"))

        results, count = loop_thread.run(main())

        assert results == [results[0]] * TASKS
        assert count == 1

    def test_the_event_loop_is_not_blocked_during_an_action(
        self, async_kit: AsyncHabitKit, loop_thread: LoopThread
    ) -> None:
        inside, go_on = threading.Event(), threading.Event()

        def work(tx: Transaction) -> bool:
            record(tx, "ada", "noted")
            inside.set()
            return wait_inside(tx.stores, go_on, 5.0)

        async def main() -> tuple[bool, bool]:
            task = asyncio.create_task(async_kit.run(work))
            await until(lambda: inside.is_set() or task.done())
            for _ in range(20):
                await asyncio.sleep(0)
            alive = not task.done()
            go_on.set()
            return alive, await task

        assert loop_thread.run(main()) == (True, True)


class CancellationCases(AsyncContract):
    """Part of ``AsyncStoreContract``: a cancelled task leaves everything or nothing."""

    def test_cancelling_an_action_before_it_commits_leaves_nothing_behind(
        self, async_kit: AsyncHabitKit, loop_thread: LoopThread
    ) -> None:
        inside, go_on = threading.Event(), threading.Event()

        def work(tx: Transaction) -> None:
            record(tx, "ada", "noted", {"n": 1})
            inside.set()
            wait_inside(tx.stores, go_on, 5.0)

        async def main() -> tuple[bool, list[StoredEvent]]:
            task = asyncio.create_task(async_kit.run(work))
            await until(lambda: inside.is_set() or task.done())
            assert task.cancel()
            await asyncio.sleep(0)
            go_on.set()
            await asyncio.wait([task])
            await async_kit.events.record("ada", "noted", {"n": 2})
            return task.cancelled(), await async_kit.events.page("ada")

        cancelled, stored = loop_thread.run(main())

        assert cancelled
        assert numbers(stored) == [2]
        assert [event.rev for event in stored] == [1]

    def test_an_action_cancelled_at_any_point_happens_wholly_or_not_at_all(
        self, async_kit: AsyncHabitKit, loop_thread: LoopThread
    ) -> None:
        def both(owner: str) -> Coroutine[Any, Any, None]:
            def work(tx: Transaction) -> None:
                record(tx, owner, "noted", {"n": 1})
                record(tx, f"{owner} too", "noted", {"n": 1})

            return async_kit.run(work)

        async def main() -> None:
            async for owner, cancelled in cancelled_at_many_points(both):
                one = await async_kit.events.page(owner)
                two = await async_kit.events.page(f"{owner} too")
                assert numbers(one) == numbers(two)
                assert cancelled or numbers(one) == [1]
                await async_kit.events.record(owner, "noted", {"n": 2})
                revs = [event.rev for event in await async_kit.events.page(owner)]
                assert revs == list(range(1, len(one) + 2))

        loop_thread.run(main())

    def test_a_crowd_of_cancelled_tasks_leaves_the_store_usable(
        self, async_kit: AsyncHabitKit, loop_thread: LoopThread
    ) -> None:
        async def main() -> tuple[int, list[StoredEvent]]:
            tasks = [
                asyncio.create_task(async_kit.events.record("ada", "noted", {"n": n}))
                for n in range(TASKS)
            ]
            for n, task in enumerate(tasks):
                await asyncio.sleep(0)
                if n % 2:
                    task.cancel()
            await asyncio.wait(tasks)
            kept = [task for task in tasks if not task.cancelled()]
            await asyncio.gather(*kept)
            return len(kept), await async_kit.events.page("ada", limit=1000)

        kept, stored = loop_thread.run(main())

        assert TASKS // 2 <= kept <= len(stored) <= TASKS
        assert set(range(0, TASKS, 2)) <= set(numbers(stored))
        assert [event.rev for event in stored] == list(range(1, len(stored) + 1))


async def cancelled_at_many_points(
    act: Callable[[str], Coroutine[Any, Any, object]], points: int = 30
) -> AsyncIterator[tuple[str, bool]]:
    """Begin an action for one new owner after the other, and cancel it a little later each time.

    The first runs to its end and tells how many turns of the loop an action takes; the others are
    cancelled at points spread over as many.

    Yields:
        The owner and whether the task was cancelled, once it has ended.
    """
    task = asyncio.ensure_future(act("owner"))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    await task
    yield "owner", False
    for point in range(points):
        owner = f"owner{point}"
        task = asyncio.ensure_future(act(owner))
        for _ in range(point if point < points // 3 else turns * (point + 1) // points):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=LIMIT_SECONDS)
        yield owner, task.cancelled()


async def until(condition: Callable[[], bool]) -> None:
    """Run the event loop until a condition is true.

    Raises:
        TimeoutError: If it takes longer than 30 s.
    """
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        await asyncio.sleep(0)
