"""What the tests of limits in SQL need: a clock that a test moves, and processes that use limits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, event

from habitkit.backends.sqlalchemy import SqlLimits, SqlStore, sqlite_engine
from habitkit.limits import Limiter
from habitkit.testing._race_worker import Channel
from habitkit.testing.contracts._threads import THREADS, all_of

__all__ = ["Wall", "acquiring", "limiter_on"]


class Wall:
    """The machine's clock, which moves only when a test moves it."""

    def __init__(self, now: int = 1_800_000_000 * 10**9) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, nanoseconds: int) -> None:
        self.now += nanoseconds


def limiter_on(engine: Any, on_error: Any = "raise", *, schema: str | None = None) -> Limiter:
    """Return a limiter that asks the database each time."""
    backend = SqlLimits(SqlStore(engine, schema=schema))
    return Limiter(backend, on_error, cache_denials=False)


def acquiring(channel: Channel, url: str, key: str, limits: str, calls: str) -> None:
    """Acquire in many threads of a process, and say how often it was allowed."""
    if url.startswith("sqlite"):
        engine = sqlite_engine(url)
        event.listen(engine, "connect", _do_not_sync)
    else:
        engine = create_engine(url, pool_size=THREADS)
    limiter = limiter_on(engine)
    limiter.peek(key, limits)
    channel.say("ready")
    channel.wait()

    def work() -> int:
        return sum(bool(limiter.acquire(key, limits)) for _ in range(int(calls)))

    channel.say(str(sum(all_of([work] * THREADS))))
    engine.dispose()


def _do_not_sync(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")
