"""SQLite in memory: the host and the kit have one connection, and a transaction has one owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.sqlalchemy import (
    AsyncSqlStore,
    SqlStore,
    sqlite_engine,
    threaded_sqlite,
    upgrade,
    upgrade_async,
)
from habitkit.errors import HostTransactionUnsupported

REFUSAL = r"call kit\.on\(session\) inside it.* or use a database file"


@pytest.mark.parametrize("make", [sqlite_engine, create_engine])
def test_a_call_of_the_kit_leaves_the_hosts_open_transaction_untouched(
    make: Callable[[str], Engine],
) -> None:
    engine = make("sqlite://")
    upgrade(engine)
    kit = HabitKit(SqlStore(engine))
    with Session(engine) as session:
        session.execute(text("SELECT 1"))  # begins nothing
        kit.coins.award("ada", 1, idempotency_key="before")
        for end, left in ((session.rollback, 1), (session.commit, 11)):
            kit.on(session).coins.award("ada", 10, idempotency_key="welcome")
            with pytest.raises(HostTransactionUnsupported, match=REFUSAL):
                kit.coins.balance("ada")
            with pytest.raises(HostTransactionUnsupported, match=REFUSAL):
                kit.coins.award("ada", 1, idempotency_key="meanwhile")
            assert kit.on(session).coins.balance("ada").available == 11
            end()
            assert kit.coins.balance("ada").available == left
    engine.dispose()


async def test_a_call_of_an_async_kit_leaves_it_untouched_too() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    await upgrade_async(engine)
    kit = AsyncHabitKit(AsyncSqlStore(engine))
    async with AsyncSession(engine) as session:
        await kit.on(session).coins.award("ada", 10, idempotency_key="welcome")
        with pytest.raises(HostTransactionUnsupported, match=REFUSAL):
            await kit.coins.balance("ada")
        await session.rollback()
        assert (await kit.coins.balance("ada")).available == 0
    await engine.dispose()

    sync_engine = sqlite_engine("sqlite://")
    upgrade(sync_engine)
    store = threaded_sqlite(sync_engine)
    with Session(sync_engine) as blocking:
        HabitKit(SqlStore(sync_engine)).on(blocking).coins.award("ada", 1, idempotency_key="1")
        with pytest.raises(HostTransactionUnsupported, match=REFUSAL):
            await AsyncHabitKit(store).coins.balance("ada")
    await store.close()


def test_kits_that_share_a_connection_wait_for_each_other() -> None:
    engine = sqlite_engine("sqlite://")
    upgrade(engine)
    kits = [HabitKit(SqlStore(engine)) for _ in range(2)]

    def award(n: int) -> None:
        kits[n % 2].coins.award("ada", 1, idempotency_key=f"{n}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(award, range(40)))
    assert kits[0].coins.balance("ada").available == 40
    engine.dispose()

    async_engine = create_async_engine("sqlite+aiosqlite://")
    kit: Any = AsyncHabitKit(AsyncSqlStore(async_engine))
    other: Any = AsyncHabitKit(AsyncSqlStore(async_engine))

    async def award_all(run: str) -> None:
        await upgrade_async(async_engine)
        await asyncio.gather(
            *(it.coins.award("ada", 1, idempotency_key=f"{run}{n}") for n, it in each)
        )

    each = [(n, (kit, other)[n % 2]) for n in range(10)]
    for run in "ab":  # each in an event loop of its own
        asyncio.run(award_all(run))

    async def balance() -> int:
        found: int = (await kit.coins.balance("ada")).available
        await async_engine.dispose()
        return found

    assert asyncio.run(balance()) == 20
