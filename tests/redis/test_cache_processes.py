"""Processes that share a cache."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import Any

import pytest

from tests.cache.support import Counting, in_threads
from tests.redis import cache_worker
from tests.redis.cache_worker import KEY, LOADS
from tests.redis.caches import cache_on
from tests.redis.limiters import WAYS
from tests.redis_servers import RedisCluster, RedisServer, wait_until

pytestmark = pytest.mark.usefixtures("server_of_forks")

BUSY_SECONDS = 1.0


@pytest.fixture
def context() -> Any:
    return multiprocessing.get_context("forkserver")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(request: pytest.FixtureRequest, way: str) -> RedisServer | RedisCluster:
    service: RedisServer | RedisCluster = request.getfixturevalue(way.rsplit(maxsplit=1)[-1])
    return service


def loaded(context: Any, url: str, way: str, processes: int, threads: int, seconds: float) -> Any:
    """Return the values, their number and the longest wait of processes that ask at once."""
    results, barrier = context.SimpleQueue(), context.Barrier(processes)
    running = [
        context.Process(
            target=cache_worker.get_at_once, args=(results, barrier, url, way, threads, seconds)
        )
        for _ in range(processes)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    found = [results.get() for _ in running]
    values = sorted({value for of_process, _, _ in found for value in of_process})
    return values, sum(number for _, number, _ in found), max(wait for _, _, wait in found)


def test_a_hundred_callers_in_two_processes_load_once(context, service, way):
    values, number, _ = loaded(context, service.url, way, 2, 50, 0.1)

    assert (values, number) == (["load 1"], 100)


@pytest.mark.parametrize("way", ["server", "async server"])
def test_four_processes_of_25_threads_load_an_expired_key_once_and_wait_for_it_only(
    context, server, way
):
    with cache_on(server.url, way) as cache:
        cache.set(KEY, "old", 0.01)
        wait_until(lambda: cache.get(KEY) is None)

    values, number, longest = loaded(context, server.url, way, 4, 25, 0.3)

    assert (values, number) == (["load 1"], 100)
    assert longest <= 3 * 0.3 + BUSY_SECONDS
    with server.client() as client:
        assert client.get(LOADS) == b"1"


def test_a_value_deleted_in_one_process_is_not_used_by_another_after_a_second(
    context, service, way
):
    results = context.SimpleQueue()
    with cache_on(service.url, way) as cache:
        for key in ("deleted", "tagged"):
            cache.set(key, "old", 60, 0, [f"tag of {key}"])
        process = context.Process(target=cache_worker.watch, args=(results, service.url, way))
        process.start()
        assert results.get() == "there"

        for change, expected in (
            (lambda: cache.delete("deleted"), "deleted"),
            (lambda: cache.invalidate_tag("tag of tagged"), "tagged"),
        ):
            began = time.monotonic()
            change()
            assert results.get() == expected
            assert time.monotonic() - began < 1

        process.join(10)
        assert process.exitcode == 0


@pytest.mark.parametrize("way", ["server", "async server"])
def test_if_the_process_that_loads_is_killed_one_of_those_who_wait_loads(context, server, way):
    lease_seconds = 0.5
    results = context.SimpleQueue()
    process = context.Process(
        target=cache_worker.hang, args=(results, server.url, lease_seconds), daemon=True
    )
    process.start()
    assert results.get() == "loading"
    load = Counting()
    with cache_on(server.url, way, lease_seconds=lease_seconds) as cache:
        os.kill(process.pid, signal.SIGKILL)
        began = time.monotonic()

        assert in_threads(20, lambda: cache.get_or_create(KEY, load, 60)) == [1] * 20

        assert time.monotonic() - began < 2 * lease_seconds + BUSY_SECONDS
        process.join(10)
        assert process.exitcode == -signal.SIGKILL
        assert server.all_keys() == [b"hk:c1:v:{:report}"]  # it was stored, so under a lease


def test_a_forked_process_has_connections_of_its_own(server):
    with cache_on(server.url, "server") as cache:
        cache.set(KEY, "old", 60)
        assert cache.get(KEY) == "old"
        subscription = cache._state._subscription
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                if cache.get(KEY) == "old":
                    cache.set(KEY, "of the child", 60)
                    code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)

        assert status == 0
        wait_until(lambda: cache.get(KEY) == "of the child")
        assert cache._state._subscription is subscription is not None
