"""What the other processes of the tests of caches do."""

from __future__ import annotations

import threading
import time
from typing import Any

import redis

from tests.redis.caches import cache_on

KEY = "report"
LOADS = "loads"


def load_from(client: Any, seconds: float) -> str:
    """Take so long, and count it on the server."""
    number = client.incr(LOADS)
    time.sleep(seconds)
    return f"load {number}"


def get_at_once(
    results: Any, barrier: Any, url: str, way: str, threads: int, seconds: float
) -> None:
    """Ask for a key in many threads, as other processes do, and put values and the longest wait."""
    values: list[str] = []
    waits: list[float] = []
    client: Any = redis.Redis.from_url(url.replace("redis+cluster", "redis"))
    if "cluster" in way:
        client = redis.RedisCluster.from_url(url.replace("redis+cluster", "redis"))
    with cache_on(url, way) as cache:
        cache.get("something else")  # connect
        together = threading.Barrier(threads + 1)

        def work() -> None:
            together.wait()
            began = time.monotonic()
            values.append(cache.get_or_create(KEY, lambda: load_from(client, seconds), 60))
            waits.append(time.monotonic() - began)

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        barrier.wait(30)
        together.wait()
        for worker in workers:
            worker.join()
    client.close()
    results.put((sorted(set(values)), len(values), max(waits)))


def watch(results: Any, url: str, way: str) -> None:
    """Keep two values in memory, put a line when they are there and when each has changed."""
    with cache_on(url, way) as cache:

        def wait_for(key: str, expected: str) -> None:
            deadline = time.monotonic() + 10
            while cache.get_or_create(key, lambda: "loaded anew", 60, 0, [f"tag of {key}"]) != (
                expected
            ):
                if time.monotonic() > deadline:
                    results.put("too late")
                    return
                time.sleep(0.002)

        for key in ("deleted", "tagged"):
            wait_for(key, "old")
        results.put("there")
        wait_for("deleted", "loaded anew")
        results.put("deleted")
        wait_for("tagged", "loaded anew")
        results.put("tagged")


def hang(results: Any, url: str, lease_seconds: float) -> None:
    """Get the lease of a key, say so, and never finish loading."""
    with cache_on(url, "server", lease_seconds=lease_seconds) as cache:

        def load() -> str:
            results.put("loading")
            threading.Event().wait(60)
            return "never"

        cache.get_or_create(KEY, load, 60)
