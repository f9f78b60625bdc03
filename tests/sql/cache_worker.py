"""What a process does that uses a cache in SQL in many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import create_engine, event

from habitkit.backends.sqlalchemy import SqlCache, SqlStore, sqlite_engine
from habitkit.cache.port import Item
from habitkit.testing._race_worker import Channel

THREADS = 4
NAMES = 10
MINUTE_MS = 60_000


def racing(channel: Channel, url: str, mine: str) -> None:
    """Add, end leases and count, in each thread; say how often each of them succeeded."""
    if url.startswith("sqlite"):
        engine = sqlite_engine(url)
        event.listen(engine, "connect", _do_not_sync)
    else:
        engine = create_engine(url, pool_size=THREADS)
    cache = SqlCache(SqlStore(engine), timeout_seconds=60)
    cache.get_many(["v:none"])
    channel.say("ready")
    channel.wait()

    def work(thread: int) -> tuple[int, int]:
        value = f"{mine} {thread}".encode()
        added = [cache.add(Item(f"l:add {n}", value, MINUTE_MS)) for n in range(NAMES)]
        ended = [
            cache.end_lease(f"l:end {n}", b"token", Item(f"v:end {n}", value, MINUTE_MS))
            for n in range(NAMES)
        ]
        for _ in range(NAMES):
            cache.incr("n:count", 1, MINUTE_MS)
        return sum(added), sum(ended)

    with ThreadPoolExecutor(THREADS) as threads:
        outcomes = list(threads.map(work, range(THREADS)))
    channel.say(" ".join(str(sum(column)) for column in zip(*outcomes, strict=True)))
    engine.dispose()


def _do_not_sync(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
