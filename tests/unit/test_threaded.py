"""A sync store for an async host: the loop stays alive, cancelling leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from habitkit import AsyncHabitKit, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.errors import HostTransactionUnsupported
from habitkit.habits import service as habits
from tests.unit.support import dump

SECONDS = 10  # how long a test waits for another thread before it fails


class Gate:
    """Work of a transaction that tells when it has begun and goes on when it is let."""

    def __init__(self):
        self.begun, self.let_go = asyncio.Event(), threading.Event()
        self.finished = threading.Event()
        self.thread = ""
        self._loop = asyncio.get_running_loop()

    def __call__(self, tx):
        self.thread = threading.current_thread().name
        made = habits.create(tx, "ada", "Run", Schedule.daily())
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.let_go.wait(SECONDS)
        self.finished.set()
        return made


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
async def threaded(store):
    threaded = ThreadedStore(store)
    yield threaded
    await threaded.close()


@pytest.fixture
def kit(threaded):
    return AsyncHabitKit(threaded)


async def turns(count=5):
    """Let the loop handle what is ready, a few times over."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_transaction_runs_in_a_thread_of_the_stores_own(kit, store):
    gate = Gate()
    gate.let_go.set()

    made = await kit.run(gate)

    assert gate.thread.startswith("habitkit")
    assert (await kit.habits.get(made.id)) == made


async def test_the_event_loop_is_not_blocked_while_a_transaction_runs(kit):
    gate = Gate()
    task = asyncio.create_task(kit.run(gate))
    async with asyncio.timeout(SECONDS):
        await gate.begun.wait()
    assert not task.done()

    gate.let_go.set()

    assert (await task).title == "Run"


async def test_a_transaction_that_is_cancelled_before_its_commit_leaves_nothing_behind(kit, store):
    gate = Gate()
    task = asyncio.create_task(kit.run(gate))
    await gate.begun.wait()

    task.cancel()
    await turns()
    assert not task.done()  # the thread is awaited: nothing goes on behind the caller's back
    gate.let_go.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.finished.is_set()
    assert dump(store) == {}


async def test_cancelling_again_does_not_end_the_wait_for_the_thread(kit, store):
    gate = Gate()
    task = asyncio.create_task(kit.run(gate))
    await gate.begun.wait()

    for _ in range(3):
        task.cancel()
        await turns()
    assert not task.done()
    gate.let_go.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.finished.is_set()
    assert dump(store) == {}


async def test_a_transaction_that_is_cancelled_while_it_waits_for_a_thread_does_nothing(store):
    kit = AsyncHabitKit(ThreadedStore(store, threads=1))
    gate = Gate()
    first = asyncio.create_task(kit.run(gate))
    await gate.begun.wait()
    second = asyncio.create_task(kit.habits.create("bob", "Read", Schedule.daily()))
    await turns()

    second.cancel()
    await turns()
    gate.let_go.set()

    with pytest.raises(asyncio.CancelledError):
        await second
    await first
    assert await kit.habits.list("bob") == []
    assert len(await kit.habits.list("ada")) == 1
    await kit._runner.store.close()


async def test_the_store_works_on_after_a_cancelled_transaction(kit):
    gate = Gate()
    task = asyncio.create_task(kit.run(gate))
    await gate.begun.wait()
    task.cancel()
    gate.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    run = await kit.habits.create("ada", "Run", Schedule.daily())

    assert (await kit.habits.check_in(run.id)).coins == 10


async def test_an_error_of_a_transaction_reaches_the_caller_and_undoes_it(kit, store):
    def fail(tx):
        habits.create(tx, "ada", "Run", Schedule.daily())
        raise LookupError("of the host's own")

    with pytest.raises(LookupError, match="of the host's own"):
        await kit.run(fail)
    assert dump(store) == {}


async def test_several_transactions_at_once_are_all_done(kit):
    run = await kit.habits.create("ada", "Run", Schedule.daily())

    await asyncio.gather(
        *(kit.coins.award("ada", 1, idempotency_key=str(n)) for n in range(20)),
        *(kit.habits.check_in(run.id) for _ in range(20)),
    )

    assert (await kit.coins.balance("ada")).posted == 30


async def test_it_has_the_name_modules_and_capabilities_of_the_wrapped_store(threaded, store):
    assert (threaded.name, threaded.modules, threaded.capabilities) == (
        store.name,
        store.modules,
        store.capabilities,
    )


async def test_it_supports_host_transactions_only_with_the_argument_on(kit, store):
    with pytest.raises(HostTransactionUnsupported, match="'memory'"):
        kit.on(object())

    inner = ThreadedStore(MemoryStore())
    able = ThreadedStore(store, on=lambda handle: inner)

    assert able.on("a connection") is inner
    await able.close()
    await inner.close()


async def test_closing_it_ends_its_threads_and_closes_the_store_inside(store, monkeypatch):
    closed = []
    monkeypatch.setattr(store, "close", lambda: closed.append(True))
    threaded = ThreadedStore(store)
    gate = Gate()
    gate.let_go.set()
    await AsyncHabitKit(threaded).run(gate)

    await threaded.close()

    assert closed == [True]
    with pytest.raises(RuntimeError, match="shutdown"):
        await AsyncHabitKit(threaded).habits.list("ada")
