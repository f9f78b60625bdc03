"""The contracts of async stores: every case of the sync ones, and cases of their own."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from habitkit.habits.domain.model import Schedule
from habitkit.testing.contracts._async import AsyncContract
from habitkit.testing.contracts._async_cases import (
    AsyncCases,
    CancellationCases,
    cancelled_at_many_points,
)
from habitkit.testing.contracts._host_transactions import Host, HostTransactionsContract
from habitkit.testing.contracts._sample_facts import NOW, days
from habitkit.testing.contracts._store_contract import StoreContract

if TYPE_CHECKING:
    from habitkit.coins.domain.model import Transfer
    from habitkit.habits.domain.model import CheckedIn
    from habitkit.kit import AsyncHabitKit
    from habitkit.store import Store
    from habitkit.testing.contracts._async import LoopThread

__all__ = [
    "AsyncCoinCases",
    "AsyncHabitCases",
    "AsyncHostTransactionsContract",
    "AsyncStoreContract",
]

DAILY = Schedule.daily()


class AsyncHabitCases(AsyncContract):
    """Part of ``AsyncStoreContract``: tasks that check in at once, and cancelled ones."""

    def test_check_ins_of_many_tasks_are_all_there(
        self, async_kit: AsyncHabitKit, store: Store, loop_thread: LoopThread
    ) -> None:
        self.skip_without(store, "habits")

        async def main() -> tuple[int, int, tuple[object, ...]]:
            run = await async_kit.habits.create("ada", "Run", DAILY)
            await asyncio.gather(
                *(
                    async_kit.habits.check_in(run.id, day=NOW.date() - days(n % 25))
                    for n in range(50)
                )
            )
            state = await async_kit.streaks.state(run.id)
            report = await async_kit.streaks.rebuild(run.id)
            completed = [
                event
                for event in await async_kit.events.page("ada", limit=1000)
                if event.type == "HabitCompleted"
            ]
            return state.streak.slots, len(completed), report.repaired

        assert loop_thread.run(main()) == (25, 25, ())

    def test_a_check_in_cancelled_at_any_point_happens_wholly_or_not_at_all(
        self, async_kit: AsyncHabitKit, store: Store, loop_thread: LoopThread
    ) -> None:
        self.skip_without(store, "habits")
        pays = "coins" in store.modules

        async def act(owner: str) -> CheckedIn:
            return await async_kit.habits.check_in(habits[owner])

        habits: dict[str, Any] = {}

        async def main() -> None:
            for owner in ("owner", *(f"owner{n}" for n in range(30))):
                habits[owner] = (await async_kit.habits.create(owner, "Run", DAILY)).id
            async for owner, cancelled in cancelled_at_many_points(act):
                state = await async_kit.streaks.state(habits[owner])
                stored = await async_kit.events.page(owner)
                types = {event.type for event in stored} - {"HabitCreated"}
                done = state.done_today
                assert done or cancelled
                assert types == ({"HabitCompleted", *["CoinsPosted"] * pays} if done else set())
                if pays:
                    wallet = await async_kit.coins.balance(owner)
                    assert wallet.posted == (10 if done else 0)
                assert (await async_kit.streaks.rebuild(habits[owner])).repaired == ()
                again = await async_kit.habits.check_in(habits[owner])
                assert bool(again.events) != done

        loop_thread.run(main())


class AsyncCoinCases(AsyncContract):
    """Part of ``AsyncStoreContract``: tasks that spend and give at once."""

    def test_coins_for_one_purchase_are_spent_by_one_task(
        self, async_kit: AsyncHabitKit, store: Store, loop_thread: LoopThread
    ) -> None:
        self.skip_without(store, "coins")

        async def main() -> tuple[list[Transfer | BaseException], int]:
            await async_kit.coins.award("ada", 10, idempotency_key="a")
            outcomes = await asyncio.gather(
                *(async_kit.coins.spend("ada", 10, idempotency_key=f"s{n}") for n in range(50)),
                return_exceptions=True,
            )
            return outcomes, (await async_kit.coins.balance("ada")).posted

        outcomes, left = loop_thread.run(main())

        kinds = sorted(type(outcome).__name__ for outcome in outcomes)
        assert kinds == ["InsufficientFunds"] * 49 + ["Transfer"]
        assert left == 0

    def test_transfers_of_many_tasks_in_opposite_directions_lose_nothing(
        self, async_kit: AsyncHabitKit, store: Store, loop_thread: LoopThread
    ) -> None:
        self.skip_without(store, "coins")

        async def main() -> list[int]:
            for owner in ("ada", "bob"):
                await async_kit.coins.award(owner, 1000, idempotency_key="a")
            await asyncio.gather(
                *(
                    async_kit.coins.transfer(*pair, 1 + n, idempotency_key=f"{n}")
                    for n in range(25)
                    for pair in (("ada", "bob"), ("bob", "ada"))
                )
            )
            return [(await async_kit.coins.balance(each)).posted for each in ("ada", "bob")]

        assert loop_thread.run(main()) == [1000, 1000]


class AsyncStoreContract(
    AsyncCases, CancellationCases, AsyncHabitCases, AsyncCoinCases, AsyncContract, StoreContract
):
    """``StoreContract`` for an async store, and what only an async store can break.

    The author's class gives the fixture ``open_store`` and declares ``capabilities``; with
    ``shared`` also the fixture ``url``. With it, the contracts of modules test an async store too.
    """


class AsyncHostTransactionsContract(AsyncContract, HostTransactionsContract):
    """``HostTransactionsContract`` for an async store: the host's methods are coroutines.

    They are awaited on the store's loop. What the host opens itself it also
    closes there: ``loop_thread.run(engine.dispose())``.
    """

    @pytest.fixture
    def hosting(self, host: Any, loop_thread: LoopThread) -> Host:
        """The host as these tests call it, without awaiting."""
        return _SyncHost(host, loop_thread)


class _SyncHost:
    """An async host as the sync cases call it."""

    def __init__(self, host: Any, loop: LoopThread) -> None:
        self._host = host
        self._loop = loop

    def begin(self) -> Any:
        return self._loop.call(self._host.begin)

    def commit(self, handle: Any) -> object:
        return self._loop.call(lambda: self._host.commit(handle))

    def rollback(self, handle: Any) -> object:
        return self._loop.call(lambda: self._host.rollback(handle))
