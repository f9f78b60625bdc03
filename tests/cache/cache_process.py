"""A process that shares a cache with others; counts its loads in a file."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from habitkit.backends.sqlalchemy import SqlCache
from habitkit.backends.sqlalchemy import open_url as open_sqlite
from habitkit.cache import Cache

KEY = "report"


def opened(url: str, **options: Any) -> Cache:
    """Return the cache of a URL; on SQLite it waits long enough for a slow machine."""
    if not url.startswith("sqlite"):
        return Cache.open(url, **options)
    store: Any = open_sqlite(url, asynchronous=False)
    return Cache(SqlCache(store, timeout_seconds=60), **options)


def load_from(log: Path, seconds: float) -> str:
    """Take so long, and write a byte into the file."""
    with log.open("ab") as file:
        file.write(b".")
    time.sleep(seconds)
    return "loaded"


def ask_at_once(
    results: Any, barrier: Any, url: str, log: Path, threads: int, seconds: float
) -> None:
    """Ask for a key in many threads, as other processes do; put the values and the longest wait."""
    values: list[str] = []
    waits: list[float] = []
    with opened(url) as cache:
        cache.get("something else")  # connect
        together = threading.Barrier(threads + 1)

        def work() -> None:
            together.wait(30)
            began = time.monotonic()
            values.append(cache.get_or_create(KEY, lambda: load_from(log, seconds), 60))
            waits.append(time.monotonic() - began)

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        barrier.wait(30)
        together.wait(30)
        for worker in workers:
            worker.join()
    results.put((values, max(waits)))


def hang(results: Any, url: str, lease_seconds: float) -> None:
    """Get the lease of a key, say so, and never finish loading."""
    with opened(url, lease_seconds=lease_seconds) as cache:

        def load() -> str:
            results.put("loading")
            threading.Event().wait(60)
            return "never"

        cache.get_or_create(KEY, load, 60)
