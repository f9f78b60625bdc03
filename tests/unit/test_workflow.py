"""Work of several transactions: what a step returns or raises, in both modes."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.binding import Async, Service, Sync, workflow
from habitkit.workflow import Call, Outside


def now(tx):
    return tx.now


def fail(*_):
    msg = "no"
    raise OSError(msg)


def steps(_, function, *args):
    """Take one step; return what came of it."""
    is_call = function is now or function is fail_inside
    try:
        return (yield (Call if is_call else Outside)(function, args))
    except OSError as error:
        return f"raised {error}"


def fail_inside(tx):
    fail()


class Steps(Service[Sync]):
    take = workflow(steps)


class AsyncSteps(Service[Async]):
    take = workflow(steps)


@pytest.fixture
def kit():
    return HabitKit(MemoryStore())


@pytest.fixture
async def async_service():
    threaded = ThreadedStore(MemoryStore())
    yield AsyncSteps(AsyncHabitKit(threaded)._runner)
    await threaded.close()


def test_a_step_returns_what_its_function_returns(kit):
    service = Steps(kit._runner)

    assert service.take(max, 3, 5) == 5
    assert service.take(now) is not None


def test_a_step_raises_what_its_function_raises(kit):
    service = Steps(kit._runner)

    assert service.take(fail) == "raised no"
    assert service.take(fail_inside) == "raised no"
    with pytest.raises(ZeroDivisionError):
        service.take(lambda: 1 / 0)


def test_a_coroutine_function_needs_an_async_kit(kit):
    async def tell():
        """Do nothing."""

    with pytest.raises(TypeError, match="must be awaited, which needs an AsyncHabitKit"):
        Steps(kit._runner).take(tell)


async def test_in_an_async_kit_the_same_comes_of_it(async_service):
    assert await async_service.take(max, 3, 5) == 5
    assert await async_service.take(now) is not None
    assert await async_service.take(fail) == "raised no"
    assert await async_service.take(fail_inside) == "raised no"


async def test_a_plain_function_runs_in_a_thread_and_blocks_no_event_loop(async_service):
    released = threading.Event()

    def block():
        assert released.wait(20)
        return threading.current_thread()

    task = asyncio.create_task(async_service.take(block))
    await asyncio.sleep(0)  # the loop goes on while the function blocks
    released.set()

    assert await task is not threading.current_thread()


async def test_a_coroutine_function_is_awaited_on_the_loop(async_service):
    async def where(word):
        await asyncio.sleep(0)
        return word, threading.current_thread()

    class Teller:
        async def __call__(self, word):
            return await where(word)

    for function in (where, partial(where), Teller(), Teller().__call__):
        assert await async_service.take(function, "here") == ("here", threading.current_thread())


async def test_what_a_plain_function_returns_may_be_awaitable(async_service):
    async def later():
        return 5

    assert await async_service.take(lambda: later()) == 5  # noqa: PLW0108 - no coroutine function
