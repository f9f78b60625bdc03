"""The async backend: many calls at once, cancellation, event loops, forks."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any

import pytest
from redis import asyncio as redis_asyncio

from habitkit.backends.redis import AsyncRedisLimits, RedisLimits, open_url
from habitkit.limits import AsyncLimiter, Limit, Limiter, LimitsUnavailable
from tests.redis.states import key_of

NINE = (Limit(9, "d"),)
MANY = (Limit(10**6, "36500d"),)


@pytest.fixture
async def client(server):
    async with redis_asyncio.Redis(port=server.port) as client:
        yield client


@pytest.fixture
async def backend(client):
    backend = AsyncRedisLimits(client, timeout_seconds=10)
    yield backend
    await backend.close()


async def connections(client):
    """Return how many connections the server has."""
    return len(await client.client_list())


async def test_a_thousand_calls_at_once_work_on_a_default_client(backend, client):
    limiter = AsyncLimiter(backend)
    before = await connections(client)

    decisions = await asyncio.gather(*(limiter.acquire("ada", "300/d") for _ in range(1000)))

    assert sum(map(bool, decisions)) == 300
    assert await connections(client) == before + 1


async def test_calls_that_come_while_others_are_under_way_are_sent_together(backend, client):
    await backend.acquire("ada", MANY, 1)
    connection = next(iter(backend._calls._of_loop.values()))._connection
    writes = []
    send = connection.send_packed_command

    async def counting(command, check_health=True):
        writes.append(command.count(b"EVALSHA"))
        await send(command, check_health=check_health)

    connection.send_packed_command = counting
    try:
        await asyncio.gather(*(backend.acquire("ada", MANY, 1) for _ in range(50)))
    finally:
        del connection.send_packed_command

    assert sum(writes) == 50
    assert len(writes) <= 2


async def test_more_calls_than_fit_into_a_batch_are_all_decided(backend):
    decisions = await asyncio.gather(*(backend.acquire("ada", MANY, 1) for _ in range(2500)))

    assert min(it.remaining for it in decisions) == 10**6 - 2500


async def test_each_caller_gets_its_own_decision(backend):
    limits = [(Limit(number, "d"),) for number in range(1, 200)]

    decisions = await asyncio.gather(*(backend.acquire("ada", it, 1) for it in limits))

    assert [it.remaining for it in decisions] == list(range(199))
    assert [it.limits for it in decisions] == limits


async def test_a_cancelled_caller_disturbs_no_other(backend, client):
    await backend.acquire("ada", MANY, 1)
    before = await connections(client)
    tasks = [
        asyncio.create_task(backend.acquire(f"{number}", (Limit(1, "d"),), 1))
        for number in range(100)
    ]
    for turn in range(4):
        for task in tasks[turn::7]:
            task.cancel()
        await asyncio.sleep(0)

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    cancelled = [isinstance(it, asyncio.CancelledError) for it in outcomes]
    assert any(cancelled)
    assert all(outcome for outcome, it in zip(outcomes, cancelled, strict=True) if not it)
    assert (await backend.acquire("ada", MANY, 1)).remaining == 10**6 - 2
    assert await connections(client) == before


async def test_a_wrong_key_among_many_fails_its_own_caller_alone(backend, client):
    await client.set("hk:{g1:13}", "mine")

    outcomes = await asyncio.gather(
        *(backend.acquire(f"{number}", NINE, 1) for number in range(30)), return_exceptions=True
    )

    assert [number for number, it in enumerate(outcomes) if isinstance(it, Exception)] == [13]


async def test_a_script_that_was_flushed_is_sent_along_with_the_first_of_many(backend, client):
    await backend.acquire("ada", MANY, 1)
    await client.script_flush()

    decisions = await asyncio.gather(*(backend.acquire("ada", MANY, 1) for _ in range(300)))

    assert all(decisions)


async def test_all_who_wait_for_a_server_that_hangs_are_released_together(own_server):
    async with redis_asyncio.Redis(port=own_server.port) as client:
        backend = AsyncRedisLimits(client, timeout_seconds=0.1)
        await backend.acquire("ada", MANY, 1)
        loop = asyncio.get_running_loop()
        with own_server.paused():
            began = loop.time()
            first = [asyncio.ensure_future(backend.acquire("ada", MANY, 1)) for _ in range(50)]
            await asyncio.sleep(0.05)
            more = [asyncio.ensure_future(backend.acquire("ada", MANY, 1)) for _ in range(50)]
            outcomes = await asyncio.gather(*first, *more, return_exceptions=True)
            assert loop.time() - began < 2  # not one timeout after the other
        assert {type(it) for it in outcomes} == {LimitsUnavailable}
        assert await backend.acquire("ada", MANY, 1)
        await backend.close()


async def test_a_node_of_a_cluster_that_hangs_delays_no_call_to_another(cluster):
    client = redis_asyncio.RedisCluster(host="127.0.0.1", port=cluster.nodes[0].port)
    async with client:
        backend = AsyncRedisLimits(client, timeout_seconds=1.5)
        keys = [f"key {number}" for number in range(20)]
        node = cluster.node_of(key_of(keys[0]))
        others = [key for key in keys if cluster.node_of(key_of(key)) is not node]
        await asyncio.gather(*(backend.acquire(key, MANY, 1) for key in keys))
        with node.paused():
            stuck = [asyncio.ensure_future(backend.acquire(keys[0], MANY, 1)) for _ in range(40)]
            for _ in range(3):
                await asyncio.sleep(0)
                for key in others:
                    assert await backend.acquire(key, MANY, 1)
            assert not any(it.done() for it in stuck)
            outcomes = await asyncio.gather(*stuck, return_exceptions=True)
            assert {type(it) for it in outcomes} == {LimitsUnavailable}
            for key in others:
                assert await backend.acquire(key, MANY, 1)
        await backend.close()


async def test_a_node_that_takes_over_from_one_that_hangs_is_found(own_cluster):
    backend: Any = open_url(f"{own_cluster.url}?timeout_seconds=0.1", asynchronous=True)
    await backend.acquire("ada", MANY, 1)
    node = own_cluster.node_of(key_of("ada"))
    with node.client() as client:
        slot = client.execute_command("CLUSTER KEYSLOT", key_of("ada"))
    others = [it.client() for it in own_cluster.nodes if it is not node]
    successor = others[0].execute_command("CLUSTER MYID")
    with node.paused():
        for client in others:
            client.execute_command("CLUSTER DELSLOTS", slot)
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", successor)
        failures = 0
        while failures < 20:
            try:
                assert await backend.acquire("ada", MANY, 1)
                break
            except LimitsUnavailable:
                failures += 1
        assert 1 <= failures < 20
    for client in others:
        client.close()
    await backend.close()


async def test_closing_ends_the_connection_and_a_later_call_opens_another(backend, client):
    await backend.acquire("ada", NINE, 1)
    calls = [asyncio.ensure_future(backend.acquire("ada", NINE, 1)) for _ in range(3)]
    await asyncio.sleep(0)

    await backend.close()
    await backend.close()

    assert all(await asyncio.gather(*calls))
    assert backend._calls._of_loop == {}
    assert await backend.acquire("ada", NINE, 1)


async def test_a_forked_process_has_a_connection_of_its_own(backend, client):
    await backend.acquire("ada", NINE, 1)
    before = backend._calls._of_loop

    backend.after_fork()

    assert backend._calls._of_loop == {}
    assert (await backend.acquire("ada", NINE, 1)).remaining == 7
    for pipeline in before.values():
        await pipeline.close()


def test_a_backend_can_be_used_from_several_event_loops_one_after_the_other(server):
    backend: Any = open_url(f"{server.url}?timeout_seconds=10", asynchronous=True)

    async def main():
        decisions = await asyncio.gather(*(backend.acquire("ada", NINE, 1) for _ in range(2)))
        await backend.close()
        return min(it.remaining for it in decisions)

    assert [asyncio.run(main()) for _ in range(3)] == [7, 5, 3]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_ended_without_closing_leaves_nothing_behind(server):
    client = redis_asyncio.Redis(port=server.port)
    backend: Any = AsyncRedisLimits(client, timeout_seconds=10)

    async def main():
        return (await backend.acquire("ada", NINE, 1)).remaining

    assert [asyncio.run(main()) for _ in range(3)] == [8, 7, 6]
    assert len(backend._calls._of_loop) == 1
    backend._calls._of_loop.clear()
    gc.collect()  # here, where asyncio may warn of what is not closed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_sync_backend_works_in_a_forked_process(server):
    with server.client() as client:
        limiter = Limiter(RedisLimits(client, timeout_seconds=10))
        assert limiter.acquire("ada", "3/d").remaining == 2
        child = os.fork()
        if child == 0:
            os._exit(0 if limiter.acquire("ada", "3/d").remaining == 1 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert limiter.acquire("ada", "3/d").remaining == 0
        limiter.close()
