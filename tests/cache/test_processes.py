"""Processes that share a cache on Memcached, SQLite and PostgreSQL; on Redis see tests/redis."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cache import cache_process
from tests.cache.cache_process import KEY, opened
from tests.cache.support import Counting, in_threads
from tests.memcached.conftest import started

pytestmark = pytest.mark.usefixtures("server_of_forks")

BUSY_SECONDS = 1.0
LOAD_SECONDS = 0.3


@pytest.fixture
def memcached() -> Iterator[str]:
    with ExitStack() as stack:
        server = started(stack)
        yield f"memcached://127.0.0.1:{server.port}"


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cache.db'}"


@pytest.fixture
def postgresql(ready_postgres_url: str) -> str:
    return ready_postgres_url


@pytest.fixture(
    params=[
        pytest.param("memcached", marks=pytest.mark.memcached),
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.postgres),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def context() -> Any:
    return multiprocessing.get_context("forkserver")


def test_four_processes_of_25_threads_load_an_expired_key_once(context, url, tmp_path):
    with opened(url) as cache:
        cache.set(KEY, "old", 0.01)
        while cache.get(KEY) is not None:
            time.sleep(0.01)
    log, results, barrier = tmp_path / "loads", context.SimpleQueue(), context.Barrier(4)
    running = [
        context.Process(
            target=cache_process.ask_at_once, args=(results, barrier, url, log, 25, LOAD_SECONDS)
        )
        for _ in range(4)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    found = [results.get() for _ in running]

    assert [values for values, _ in found] == [["loaded"] * 25] * 4
    assert log.read_bytes() == b"."
    assert max(wait for _, wait in found) <= 3 * LOAD_SECONDS + BUSY_SECONDS


def test_if_the_process_that_loads_is_killed_one_of_those_who_wait_loads(context, url):
    lease_seconds = 0.5
    results = context.SimpleQueue()
    process = context.Process(
        target=cache_process.hang, args=(results, url, lease_seconds), daemon=True
    )
    process.start()
    assert results.get() == "loading"
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    began = time.monotonic()
    load = Counting()
    with opened(url, lease_seconds=lease_seconds) as cache:
        assert in_threads(20, lambda: cache.get_or_create(KEY, load, 60)) == [1] * 20
        assert cache.get(KEY) == 1  # it was stored, so under a lease

    assert process.exitcode == -signal.SIGKILL
    assert time.monotonic() - began < 2 * lease_seconds + BUSY_SECONDS + 1  # Memcached has seconds
