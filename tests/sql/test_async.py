"""The async kit on a real event loop: slow statements, and what is done again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from habitkit import on
from habitkit.backends.sqlalchemy import _retry
from habitkit.coins.transfers import award
from habitkit.errors import StoreBusy
from habitkit.events import Recorded
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.support import nothing_written, raise_sqlstate, terminate

# -- alive ---------------------------------------------------------------------------------------


async def turns_during(work: Awaitable[Any]) -> int:
    """Await something and return how often the loop took its turn meanwhile."""
    task = asyncio.ensure_future(work)
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    await task
    return turns


SLOW = {
    "postgresql": "SELECT pg_sleep(0.5)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000) "
    "SELECT max(i) FROM n",
}


async def test_the_event_loop_is_not_blocked_during_a_slow_statement(opened):
    def be_slow(tx, _owner, _events):
        tx.connection.execute(text(SLOW[tx.connection.dialect.name])).all()

    made = opened(on(Recorded, be_slow))

    # A loop that waits for the statement takes a turn or two at each of the others.
    assert await turns_during(made.kit.events.record("ada", "noted")) > 20
    await made.all_are_back()


# -- again ---------------------------------------------------------------------------------------


class Trouble:
    """A reaction that fails the first times."""

    def __init__(self, times: int, fail: Callable[[Any], None]) -> None:
        self.transactions: list[Any] = []
        self.times = times
        self.fail = fail

    def __call__(self, tx, _owner, _events) -> None:
        self.transactions.append(tx)
        if len(self.transactions) <= self.times:
            self.fail(tx.connection)


FAILURES = {
    "40001": lambda connection: raise_sqlstate(connection, "40001"),
    "40P01": lambda connection: raise_sqlstate(connection, "40P01"),
    "lost": terminate,
}


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_transient_error_is_retried_in_a_fresh_transaction(opened, failure):
    trouble = Trouble(3, FAILURES[failure])
    made = opened(on(Recorded, trouble))

    await made.kit.events.record("ada", "noted")

    assert len({id(tx) for tx in trouble.transactions}) == 4
    assert [event.rev for event in await made.kit.events.page("ada")] == [1]


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_conflict_that_persists_is_a_busy_store_and_nothing_is_written(
    opened, database, failure
):
    trouble = Trouble(10**6, FAILURES[failure])
    made = opened(on(Recorded, trouble))

    with nothing_written(database), pytest.raises(StoreBusy) as caught:
        await made.kit.events.record("ada", "noted")

    assert caught.value.attempts == len(trouble.transactions) == _retry._MAX_ATTEMPTS
    assert caught.value.__cause__ is not None
    await made.all_are_back()


async def test_another_failure_is_not_repeated(opened, database):
    def fail(_connection):
        raise ArithmeticError

    trouble = Trouble(1, fail)
    made = opened(on(Recorded, trouble))

    with nothing_written(database), pytest.raises(ArithmeticError):
        await made.kit.events.record("ada", "noted")

    assert len(trouble.transactions) == 1


async def test_two_tasks_that_lock_in_opposite_order_both_succeed(opened):
    made = opened()

    def work(first, second, tx):
        tx.lock(first)
        award(tx, first, 1, idempotency_key=f"{second} to {first}")
        tx.lock(second)
        award(tx, second, 1, idempotency_key=f"{first} to {second}")

    async with asyncio.TaskGroup() as group:
        for n in range(6):
            one, two = ("ada", "bob") if n % 2 else ("bob", "ada")
            group.create_task(made.kit.run(lambda tx, one=one, two=two: work(one, two, tx)))

    for owner in ("ada", "bob"):
        assert (await made.kit.coins.balance(owner)).posted == 1
