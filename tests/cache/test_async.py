"""The cache in async hosts: what differs from the sync one."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

import pytest

from habitkit.cache import MISSING, AsyncCache, CacheUnavailable, RecursiveLoad
from habitkit.errors import ConfigurationError, UsageError
from habitkit.testing import FakeCacheServer
from tests.cache.support import Backend, Counting, StandingClock


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0.001)


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture(params=["memory", "two tiers", "shared"])
def cache(request, backend):
    tiers = {
        "memory": (None, {}),
        "two tiers": (backend.server.async_client(), {}),
        "shared": (backend.server.async_client(), {"local": None}),
    }
    shared, more = tiers[request.param]
    return AsyncCache(shared, **backend.options(sleep=no_sleep, **more))


class Loader:
    """An async loader that waits for an event."""

    def __init__(self, value: Any = "value"):
        self.calls = 0
        self.began = asyncio.Event()
        self.end = asyncio.Event()
        self.was_cancelled = False
        self._value = value

    async def __call__(self) -> Any:
        self.calls += 1
        self.began.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


async def test_all_verbs_work(cache):
    assert await cache.get("k") is None
    await cache.set("k", 1, 60, tags=["t"])
    assert await cache.get("k") == 1
    await cache.invalidate_tag("t")
    assert await cache.get("k", MISSING) is MISSING
    assert await cache.get_or_create("k", Counting(), 60) == 1
    await cache.delete("k")
    assert await cache.get("k") is None
    assert [await cache.incr("n", ttl_seconds=9), await cache.incr("n", 2, ttl_seconds=9)] == [1, 3]


async def test_of_100_callers_one_loads(cache):
    load = Loader()
    tasks = [asyncio.create_task(cache.get_or_create("k", load, 60)) for _ in range(100)]
    await load.began.wait()
    load.end.set()

    assert await asyncio.gather(*tasks) == ["value"] * 100
    assert load.calls == 1


async def test_what_a_loader_raises_is_raised_to_all_who_wait(cache):
    load = Loader(ValueError("no"))
    tasks = [asyncio.create_task(cache.get_or_create("k", load, 60)) for _ in range(10)]
    await load.began.wait()
    load.end.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(error) for error in errors} == {ValueError}
    assert load.calls == 1
    assert await cache.get_or_create("k", Counting("yes"), 60) == "yes"


async def test_an_old_value_is_returned_at_once_while_a_task_loads(cache, backend):
    await cache.set("k", "old", 60, stale_seconds=60)
    backend.clock.advance(seconds=61)
    load = Loader("new")

    assert [await cache.get_or_create("k", load, 60, 60) for _ in range(3)] == ["old"] * 3
    await load.began.wait()
    load.end.set()
    for _ in range(1000):
        if await cache.get("k") == "new":
            break
        await asyncio.sleep(0.001)

    assert await cache.get("k") == "new"
    assert load.calls == 1


async def test_a_caller_that_is_cancelled_does_not_stop_the_others(cache):
    load = Loader()
    first = asyncio.create_task(cache.get_or_create("k", load, 60))
    other = asyncio.create_task(cache.get_or_create("k", load, 60))
    await load.began.wait()
    first.cancel()
    load.end.set()

    assert await other == "value"
    assert first.cancelled()
    assert load.calls == 1


async def test_with_the_last_caller_the_loader_is_cancelled_and_the_next_one_loads(cache):
    load = Loader()
    tasks = [asyncio.create_task(cache.get_or_create("k", load, 60)) for _ in range(3)]
    await load.began.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert await cache.get_or_create("k", Counting("next"), 60) == "next"
    assert load.was_cancelled


async def test_a_loader_that_asks_for_its_own_key_is_refused(cache):
    async def load():
        return await cache.get_or_create("k", load, 60)

    with pytest.raises(RecursiveLoad):
        await cache.get_or_create("k", load, 60)


async def test_a_loader_that_asks_for_its_own_key_in_a_task_is_refused(cache):
    async def load():
        return await asyncio.gather(cache.get_or_create("k", load, 60))

    with pytest.raises(RecursiveLoad):
        await cache.get_or_create("k", load, 60)


async def test_loaders_may_be_plain_functions(cache):
    assert await cache.get_or_create("k", lambda: 5, 60) == 5


async def test_a_load_under_way_brings_no_old_value_back(cache):
    load = Loader("old")
    task = asyncio.create_task(cache.get_or_create("k", load, 60))
    await load.began.wait()
    await cache.delete("k")
    load.end.set()

    assert await task == "old"
    assert await cache.get("k") is None


async def test_close_cancels_what_is_being_loaded(cache):
    load = Loader()
    task = asyncio.create_task(cache.get_or_create("k", load, 60))
    await load.began.wait()
    closing = asyncio.create_task(cache.close())
    await asyncio.wait([closing], timeout=5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert load.was_cancelled
    assert closing.done()


async def test_two_processes_see_each_others_changes(backend):
    one, other = (
        AsyncCache(backend.server.async_client(), **backend.options(sleep=no_sleep))
        for _ in range(2)
    )
    load = Counting()
    assert [await it.get_or_create("k", load, 60, tags=["t"]) for it in (one, other)] == [1, 1]
    await one.invalidate_tag("t")
    assert await other.get_or_create("k", load, 60, tags=["t"]) == 2
    await other.delete("k")
    assert await one.get("k") is None


async def test_a_server_that_fails_is_gone_on_without(backend):
    cache = AsyncCache(backend.server.async_client(), **backend.options(sleep=no_sleep))
    backend.server.fail()

    assert await cache.get("k") is None
    assert await cache.get_or_create("k", Counting(), 60) == 1
    with pytest.raises(CacheUnavailable):
        await cache.delete("k")


def test_a_cache_outlives_its_event_loop(backend):
    cache = AsyncCache(backend.server.async_client(), **backend.options(sleep=no_sleep))

    async def once(value):
        return await cache.get_or_create("k", Counting(value), 60)

    assert [asyncio.run(once(value)) for value in ("a", "b")] == ["a", "a"]
    cache_alone = AsyncCache()

    async def hang():
        load = Loader()
        task = asyncio.create_task(cache_alone.get_or_create("k", load, 60))
        await load.began.wait()
        return task

    asyncio.run(hang())
    assert asyncio.run(cache_alone.get_or_create("k", Counting("next"), 60)) == "next"


def test_a_sync_backend_is_refused():
    with pytest.raises(ConfigurationError, match="such as AsyncRedisCache"):
        AsyncCache(FakeCacheServer().client())  # type: ignore[arg-type]


@pytest.mark.parametrize("stale", [0, 600])
def test_a_load_whose_event_loop_was_closed_is_taken_over(backend, stale):
    cache = AsyncCache(backend.server.async_client(), **backend.options(sleep=no_sleep))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(cache.set("k", "old", 60, stale))
    backend.clock.advance(seconds=61)
    began = []

    async def hang():
        began.append(True)
        await asyncio.Event().wait()

    task = loop.create_task(cache.get_or_create("k", hang, 60, stale))
    while not began:
        loop.run_until_complete(asyncio.sleep(0))
    del task
    loop.close()

    async def ask():
        backend.clock.advance(seconds=31)  # the lease is over
        values = []
        for _ in range(3):
            values.append(await cache.get_or_create("k", Counting("new"), 60, stale))
            await asyncio.sleep(0.01)
        return values

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert asyncio.run(ask())[-1] == "new"
        gc.collect()
    assert not cache._state.flights
    assert not cache._state.tasks
    assert not cache._state.fills


async def test_a_loader_that_raises_cancelled_error_is_called_once(cache):
    calls = []

    async def load():
        calls.append(1)
        inner = asyncio.ensure_future(asyncio.sleep(10))
        inner.cancel()
        return await inner

    with pytest.raises(asyncio.CancelledError):
        await cache.get_or_create("k", load, 60)
    assert len(calls) == 1


async def test_who_waits_while_the_cache_is_closed_gets_an_error(cache):
    load = Loader()
    tasks = [asyncio.create_task(cache.get_or_create("k", load, 60)) for _ in range(3)]
    await load.began.wait()
    await cache.close()
    errors = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(error) for error in errors} == {UsageError}
    assert load.calls == 1


@pytest.fixture
def standing_clock(monkeypatch):
    clock = StandingClock()
    monkeypatch.setattr("habitkit.cache.async_flights.stopwatch", clock.stopwatch)
    return clock


def test_of_those_who_have_waited_for_the_time_of_a_lease_one_loads(standing_clock):
    async def main():
        cache = AsyncCache(lease_seconds=0.125, ticks=standing_clock.ticks)
        hanging = Loader()
        first = asyncio.create_task(cache.get_or_create("k", hanging, 60))
        await hanging.began.wait()
        calls = Counting()

        async def load():
            await asyncio.sleep(0.0625)
            return calls()

        others = [asyncio.create_task(cache.get_or_create("k", load, 60)) for _ in range(20)]

        assert await asyncio.gather(*others) == [1] * 20
        assert standing_clock.now == 0.125 + 0.0625
        assert await first == 1  # it need not wait for its own loader
        assert hanging.calls == 1

    standing_clock.run(main())


@pytest.mark.parametrize("tiers", ["memory", "two tiers", "shared"])
def test_a_loader_that_takes_longer_than_a_lease_is_called_once_for_a_caller(standing_clock, tiers):
    async def main():
        ticks = standing_clock.ticks
        backend = None if tiers == "memory" else FakeCacheServer(ticks).async_client()
        more: dict[str, Any] = {"local": None} if tiers == "shared" else {}
        cache = AsyncCache(backend, lease_seconds=0.125, ticks=ticks, wall_ns=ticks, **more)
        calls = Counting()

        async def load():
            call = calls()
            await asyncio.sleep(0.1875)
            return call

        assert await cache.get_or_create("k", load, 60) == 1
        assert standing_clock.now == 0.1875
        hanging = Loader()
        caller = asyncio.create_task(cache.get_or_create("other", hanging, 60))
        await asyncio.sleep(1)
        caller.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(0)
        assert hanging.was_cancelled
        assert hanging.calls == calls.calls == 1

    standing_clock.run(main())


@pytest.mark.parametrize("awaits", range(1, 12))
async def test_a_caller_that_is_cancelled_anywhere_leaves_no_lease(backend, awaits):
    cache = AsyncCache(Slow(backend.server.async_client()), **backend.options(sleep=no_sleep))

    async def load():
        await asyncio.sleep(0)
        return "value"

    task = asyncio.create_task(cache.get_or_create("k", load, 60, tags=["t"]))
    for _ in range(awaits):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for _ in range(50):
        await asyncio.sleep(0)

    assert await backend.server.async_client().get_many(["l:k"]) == [None]


class Slow:
    """A backend whose every call takes two turns of the event loop."""

    name = "slow"

    def __init__(self, client):
        self._client = client

    def after_fork(self):
        pass

    def __getattr__(self, verb):
        call = getattr(self._client, verb)

        async def slowly(*arguments):
            await asyncio.sleep(0)
            reply = await call(*arguments)
            await asyncio.sleep(0)
            return reply

        return slowly
