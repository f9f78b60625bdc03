"""What the other processes of these tests do."""

from __future__ import annotations

import threading
from typing import Any

import redis

from habitkit.backends.redis import RedisLimits
from habitkit.limits import Limiter


def acquire_often(results: Any, port: int, key: str, limit: str, threads: int, calls: int) -> None:
    """Put the number of admitted calls into a queue: so many calls in each of so many threads."""
    with redis.Redis(port=port) as client:
        backend = RedisLimits(client, timeout_seconds=20)  # a busy machine is no outage
        limiter = Limiter(backend, cache_denials=False)
        admitted: list[int] = []

        def work() -> None:
            admitted.append(sum(limiter.acquire(key, limit).allowed for _ in range(calls)))

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        backend.close()
    results.put(sum(admitted))
