"""One process of a stampede: 25 threads that ask for one key on a Redis server.

Started as ``python -m benchmarks._stampede SIDE URL KEY LOADER_SECONDS``. It says ``ready``, begins
when it reads a line, and prints the number of its loader calls and its longest wait.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 25


def main() -> None:
    """Ask, in so many threads at once."""
    side, url, key, seconds = sys.argv[1:]
    loads: list[int] = []
    waits: list[float] = []

    def load() -> str:
        loads.append(1)
        time.sleep(float(seconds))
        return "value"

    get = _kit(url) if side == "habitkit" else _dogpile(url)

    def ask() -> None:
        started = time.perf_counter()
        get(key, load)
        waits.append(time.perf_counter() - started)

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(loads), max(waits), flush=True)


def _kit(url: str) -> Callable[[str, Any], Any]:
    from habitkit.cache import Cache  # noqa: PLC0415 - only the side that is measured

    cache = Cache.open(url)
    return lambda key, load: cache.get_or_create(key, load, 3600)


def _dogpile(url: str) -> Callable[[str, Any], Any]:
    from dogpile.cache import make_region  # noqa: PLC0415

    settings = {"url": url, "distributed_lock": True, "thread_local_lock": False}
    region = make_region().configure(
        "dogpile.cache.redis", expiration_time=3600, arguments=settings
    )
    get: Callable[[str, Any], Any] = region.get_or_create
    return get


if __name__ == "__main__":
    main()
