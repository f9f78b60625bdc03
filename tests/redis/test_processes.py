"""Processes that share one key."""

from __future__ import annotations

import multiprocessing

import pytest

from tests.redis import worker

pytestmark = pytest.mark.usefixtures("server_of_forks")


def admitted(url: str, processes: int, limit: str, threads: int, calls: int) -> int:
    """Return how many calls were admitted in all processes together."""
    context = multiprocessing.get_context("forkserver")
    results = context.SimpleQueue()
    running = [
        context.Process(
            target=worker.acquire_often, args=(results, url, "ada", limit, threads, calls)
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
    assert admitted(server.url, 2, "30/d", 1, 20) == 30


@pytest.mark.parametrize("limits", ["300/d", "1000/h; 300/d exact"])
def test_four_processes_of_eight_threads_admit_exactly_the_bound(server, limits):
    assert admitted(server.url, 4, limits, 8, 20) == 300


def test_four_processes_of_eight_threads_admit_exactly_the_bound_on_a_cluster(cluster):
    assert admitted(cluster.url, 4, "300/d", 8, 20) == 300
