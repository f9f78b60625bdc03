"""What a process does that acquires in many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import create_engine, event

from habitkit.backends.sqlalchemy import sqlite_engine
from habitkit.testing._race_worker import Channel
from tests.sql.limits_support import limiter_on

THREADS = 8


def acquiring(channel: Channel, url: str, *limits: str) -> None:
    """Acquire a few times in each thread, under some limits in turn; say how often it was allowed.

    Their texts are the keys.
    """
    if url.startswith("sqlite"):
        engine = sqlite_engine(url)
        event.listen(engine, "connect", _do_not_sync)
    else:
        engine = create_engine(url, pool_size=THREADS)
    limiter = limiter_on(engine)
    limiter.peek("ada", "1/h")
    channel.say("ready")
    channel.wait()

    def work(_: int) -> list[int]:
        return [sum(bool(limiter.acquire(it, it)) for _ in range(3)) for it in limits]

    with ThreadPoolExecutor(THREADS) as threads:
        outcomes = list(threads.map(work, range(THREADS)))
    channel.say(" ".join(str(sum(column)) for column in zip(*outcomes, strict=True)))
    engine.dispose()


def _do_not_sync(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
