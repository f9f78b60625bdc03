"""The async kit on a real event loop: cancelled at every await, slow statements, retries."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit import AsyncHabitKit, on
from habitkit.backends.sqlalchemy import AsyncSqlStore, _attempts, sqlite_engine, threaded_sqlite
from habitkit.coins.actions import award
from habitkit.errors import StoreBusy
from habitkit.events import Recorded
from habitkit.testing import FakeClock
from tests.sql.support import (
    LIMIT_SECONDS,
    contents,
    notes,
    notes_in,
    nothing_written,
    raise_sqlstate,
    terminate,
)

POSTGRES = [pytest.param(name, marks=pytest.mark.postgres) for name in ("psycopg", "asyncpg")]
MOST_AWAITS = 200


@pytest.fixture(params=[*POSTGRES, "threads"])
def driver(request: pytest.FixtureRequest) -> str:
    """How the async kit reaches its database, each in turn."""
    name: str = request.param
    return name


@pytest.fixture
def database(request: pytest.FixtureRequest, driver: str) -> Engine:
    """A sync engine on the database, to look at what others see."""
    found: Engine = request.getfixturevalue("sqlite" if driver == "threads" else "postgres")
    return found


class Opened:
    """An async kit and the pool of its connections."""

    def __init__(self, database: Engine, driver: str, reactions: tuple[Any, ...]) -> None:
        if driver == "threads":
            self.engine: Any = sqlite_engine(database.url)
            self.store: Any = threaded_sqlite(self.engine)
        else:
            url = database.url.set(drivername=f"postgresql+{driver}")
            self.engine = create_async_engine(url, pool_size=2, max_overflow=0, pool_timeout=5)
            self.store = AsyncSqlStore(self.engine)
        self.pool = self.engine.pool
        self.kit = AsyncHabitKit(self.store, clock=FakeClock(), reactions=reactions)

    async def forget_connections(self) -> None:
        """Let the next action connect anew."""
        closed = self.engine.dispose()
        if closed is not None:
            await closed
        self.pool = self.engine.pool

    async def all_are_back(self) -> None:
        """Wait until the pool has all its connections back."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.pool.checkedout():  # noqa: ASYNC110 - a pool tells nobody
                await asyncio.sleep(0.001)


@pytest.fixture
async def opened(database: Engine, driver: str) -> AsyncIterator[Callable[..., Opened]]:
    """Open kits; in the end their stores are closed, and nothing is left open."""
    stores = []

    def make(*reactions: Any) -> Opened:
        made = Opened(database, driver, reactions)
        stores.append(made)
        return made

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield make
        for made in stores:
            assert made.pool.checkedout() == 0
            await made.store.close()
        stores.clear()
        gc.collect()


class CancelledAt:
    """Awaits something and cancels the task that does from the n-th time it has to wait on."""

    def __init__(self, work: Awaitable[Any], n: int, times: int) -> None:
        self.work = work
        self.when = range(n, n + times)
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.work.__await__()
        step = inner.send
        value: Any = None
        while True:
            try:
                waiting_for = step(value)
            except StopIteration as end:
                return end.value
            self.waits += 1
            if self.waits in self.when:
                task = asyncio.current_task()
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                value = yield waiting_for
            except BaseException as error:  # noqa: BLE001 - passed on
                step, value = inner.throw, error
            else:
                step = inner.send


async def cancelled_at(n: int, opened: Opened, work: Awaitable[Any], times: int = 1) -> bool:
    """Await something, cancelled at its n-th wait and maybe the next; tell if it came to that."""

    async def run() -> int:
        at = CancelledAt(work, n, times)
        await at
        return at.waits

    task = asyncio.create_task(run())
    done, _ = await asyncio.wait([task], timeout=LIMIT_SECONDS)
    assert done, "cancelling it has no end"
    await opened.all_are_back()  # while the task still holds what it held
    return task.cancelled() or task.result() >= n


# -- cancelled -----------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("connection", ["of the pool", "new"])
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

        if contents(database) != before:
            kept += 1
            assert (await kit.coins.balance("ada")).posted == expected
            assert len(await kit.coins.history("ada", limit=1000)) == 1 + kept
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


@pytest.mark.parametrize("driver", POSTGRES)
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


# -- alive ---------------------------------------------------------------------------------------


async def longest_gap(work: Awaitable[Any]) -> float:
    """Await something and return for how many seconds at most the loop was busy meanwhile."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    longest, last = 0.0, loop.time()
    while not task.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, loop.time() - last), loop.time()
    await task
    return longest


SLOW = {
    "postgresql": "SELECT pg_sleep(0.5)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) "
    "SELECT max(i) FROM n",
}


async def test_the_event_loop_stays_alive_during_a_slow_statement(opened):
    def be_slow(tx, _owner, _events):
        tx.connection.execute(text(SLOW[tx.connection.dialect.name])).all()

    made = opened(on(Recorded, be_slow))
    loop = asyncio.get_running_loop()
    began = loop.time()

    gap = await longest_gap(made.kit.events.record("ada", "noted"))

    took = loop.time() - began
    assert took > 0.3, "it was not slow"
    assert gap < took / 2
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


@pytest.mark.parametrize("driver", POSTGRES)
@pytest.mark.parametrize("failure", FAILURES)
async def test_what_passes_is_repeated_in_a_fresh_transaction(opened, failure):
    trouble = Trouble(3, FAILURES[failure])
    made = opened(on(Recorded, trouble))

    await made.kit.events.record("ada", "noted")

    assert len({id(tx) for tx in trouble.transactions}) == 4
    assert [event.rev for event in await made.kit.events.page("ada")] == [1]


@pytest.mark.parametrize("driver", POSTGRES)
@pytest.mark.parametrize("failure", FAILURES)
async def test_what_does_not_pass_is_a_busy_store_and_nothing_is_written(opened, database, failure):
    trouble = Trouble(10**6, FAILURES[failure])
    made = opened(on(Recorded, trouble))

    with nothing_written(database), pytest.raises(StoreBusy) as caught:
        await made.kit.events.record("ada", "noted")

    assert caught.value.attempts == len(trouble.transactions) == _attempts._MAX_ATTEMPTS
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
