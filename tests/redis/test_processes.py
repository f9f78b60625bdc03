"""Processes that share one key."""

from __future__ import annotations

import multiprocessing

import pytest

from tests.redis import worker
from tests.redis_servers import RedisServer

pytestmark = pytest.mark.usefixtures("server_of_forks")


def admitted(server: RedisServer, processes: int, limit: str, threads: int, calls: int) -> int:
    """Return how many calls were admitted in all processes together."""
    context = multiprocessing.get_context("forkserver")
    results = context.SimpleQueue()
    running = [
        context.Process(
            target=worker.acquire_often, args=(results, server.port, "ada", limit, threads, calls)
        )
        for _ in range(processes)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    return sum(results.get() for _ in running)


def test_two_processes_share_the_budget_of_a_key(server):
    assert admitted(server, 2, "30/d", 1, 20) == 30


def test_four_processes_of_eight_threads_admit_exactly_the_bound(server):
    assert admitted(server, 4, "500/d", 8, 40) == 500
