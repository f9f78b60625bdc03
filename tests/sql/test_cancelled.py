"""An async action that is cancelled, at each of its awaits: everything or nothing."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import text

from habitkit import on
from habitkit.events import Recorded
from tests.sql.opened import ASYNC_POSTGRES, MOST_AWAITS, cancelled_at
from tests.sql.support import LIMIT_SECONDS, contents, notes, notes_in, nothing_written

# -- cancelled -----------------------------------------------------------------------------------


def wait_for_rest(database):
    """Wait until the server has ended what a dropped connection had sent, a COMMIT perhaps."""
    if database.dialect.name != "postgresql":
        return
    busy = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state <> 'idle' AND pid <> pg_backend_pid()"
    )
    for _ in range(10_000):
        with database.connect() as connection:
            if not connection.execute(busy).scalar():
                return


@pytest.mark.parametrize(("connection", "times"), [("of the pool", 1), ("new", 1), ("new", 2)])
async def test_an_action_cancelled_at_any_await_has_happened_wholly_or_not_at_all(
    opened, database, connection, times
):
    made = opened()
    kit = made.kit
    await kit.coins.award("ada", 1, idempotency_key="first")
    kept = 0
    for n in range(1, MOST_AWAITS):
        before = contents(database)
        expected = (await kit.coins.balance("ada")).posted + 7
        if connection == "new":
            await made.forget_connections()

        action = kit.coins.award("ada", 7, idempotency_key=str(n))
        was_cancelled = await cancelled_at(n, made, action, times)
        wait_for_rest(database)

        if contents(database) != before:
            kept += 1
            assert (await kit.coins.balance("ada")).posted == expected
            assert len(await kit.coins.statement("ada", limit=1000)) == 1 + kept
            assert len(await kit.events.page("ada", limit=1000)) == 1 + kept
        if not was_cancelled:
            break
    else:
        pytest.fail("the action has no end")
    assert n > 1
    assert kept >= 1, "the last one was not cancelled"
    for again in range(1, n + 1):
        await kit.coins.award("ada", 7, idempotency_key=str(again))
    assert (await kit.coins.balance("ada")).posted == 1 + 7 * n


async def test_a_query_cancelled_at_any_await_gives_its_connection_back(opened):
    made = opened()
    for n in range(1, MOST_AWAITS):
        was_cancelled = await cancelled_at(n, made, made.kit.events.page("ada"))
        assert await made.kit.events.page("ada") == []
        if not was_cancelled:
            break
    else:
        pytest.fail("the query has no end")


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
async def test_a_host_action_cancelled_at_any_await_leaves_nothing_after_the_hosts_rollback(
    opened, database
):
    made = opened()
    kit, engine = made.kit, made.engine
    before = contents(database)

    async def in_a_host_transaction(key: str) -> None:
        async with engine.connect() as connection:
            await connection.execute(notes.insert().values(text="mine"))
            await kit.on(connection).coins.award("ada", 7, idempotency_key=key)

    for n in range(1, MOST_AWAITS):
        was_cancelled = await cancelled_at(n, made, in_a_host_transaction(str(n)))
        assert contents(database) == before
        if not was_cancelled:
            break
    assert n > 1
    assert notes_in(database) == []
    await kit.coins.award("ada", 7, idempotency_key="gift")


async def test_many_tasks_cancelled_at_once_leave_a_kit_that_goes_on(opened, database):
    made = opened()
    tasks = [
        asyncio.create_task(made.kit.coins.award("ada", 1, idempotency_key=str(n)))
        for n in range(12)
    ]
    await asyncio.wait(tasks, timeout=LIMIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    await made.all_are_back()
    done = sum(not isinstance(outcome, BaseException) for outcome in outcomes)
    posted = (await made.kit.coins.balance("ada")).posted
    assert done <= posted <= len(tasks)
    assert len(contents(database)["habitkit_transfers"]) == posted
    await made.kit.coins.award("ada", 1, idempotency_key="after")
    assert (await made.kit.coins.balance("ada")).posted == posted + 1


@pytest.mark.parametrize("driver", ["threads"])
async def test_a_thread_that_is_cancelled_does_not_commit_behind_the_callers_back(opened, database):
    inside, may_go_on = threading.Event(), threading.Event()

    def wait(_tx, _owner, _events):
        inside.set()
        may_go_on.wait(LIMIT_SECONDS)

    made = opened(on(Recorded, wait))
    task = asyncio.create_task(made.kit.events.record("ada", "noted"))
    await asyncio.to_thread(inside.wait, LIMIT_SECONDS)
    with nothing_written(database):
        task.cancel()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done(), "the thread is waited for"
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await made.kit.events.page("ada") == []
