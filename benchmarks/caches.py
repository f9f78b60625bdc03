"""What a cache hit costs, beside other libraries, and what a dashboard gains by a cache.

Each side makes the same call: return the value of a key, or load it, where it is always there. The
floor is a dict and a clock. Sides take blocks in turn. A library that is not installed is left out:
``make bench`` installs them.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import count
from threading import Lock
from time import monotonic_ns, perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks import eviction
from benchmarks._duel import Block, take_turns
from benchmarks._threads import in_threads
from benchmarks.limits import FLOOR, KIT, THREADS, compare, fastest, repeated
from habitkit import HabitKit, Schedule
from habitkit.cache import AsyncCache, Cache
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks._duel import Side, Size
    from benchmarks.limits import Call, Row

__all__ = ["measure"]

KEY = "dashboard:1234567"
TTL = 3600
CALLS = 200
"""How many calls are timed as one: a clock in each would cost as much as the call."""

DAYS = 60


def measure(
    size: Size,
    path: Path,
    redis_url: Callable[[], str | None],
    advance: Callable[[], object],
) -> list[Row]:
    """Measure all of it; what needs Redis only if there is one.

    Args:
        size: How much.
        path: A file for a database.
        redis_url: Starts a server and returns its address; None if there is none.
        advance: Is called after each round.
    """
    rows = [
        *_hits(size, advance, threads=1, goal=2.0),
        *_hits(size, advance, threads=THREADS, goal=4.0),
        *_async_hits(size, advance),
        *_dashboard(size, path, advance),
        *eviction.measure(size),
    ]
    url = redis_url()
    if url is not None:
        from benchmarks.caches_on_redis import measure as on_redis  # noqa: PLC0415 - of an extra

        rows += on_redis(size, url, advance)
    return rows


def _load() -> dict[str, int]:
    return {"streak": 7}


def _hits(size: Size, advance: Callable[[], object], threads: int, goal: float) -> list[Row]:
    """Hits of one key in memory, from one thread or from many."""
    calls = {FLOOR: _dict_and_clock(), KIT: _kit(), **_peers()}
    with ExitStack() as resources:
        sides = [
            repeated(call, CALLS)
            if threads == 1
            else resources.enter_context(in_threads(threads, _times(call), _nothing))
            for call in calls.values()
        ]
        times = take_turns(size, count(), sides, advance)
    per_call = 1 if threads == 1 else CALLS
    by_name = {
        name: [seconds / per_call for seconds in blocks]
        for name, blocks in zip(calls, times, strict=True)
    }
    who = "1 thread" if threads == 1 else f"{threads} threads"
    return compare(f"get_or_create, a hit in memory, {who}", by_name, fastest(by_name), goal)


def _async_hits(size: Size, advance: Callable[[], object]) -> list[Row]:
    """Hits of one key in memory, awaited."""
    cache = AsyncCache()
    calls: dict[str, Callable[[], Any]] = {KIT: lambda: cache.get_or_create(KEY, _load, TTL)}
    if find_spec("cashews"):
        from cashews import Cache as Cashews  # noqa: PLC0415

        cashews = Cashews()
        cashews.setup("mem://")
        calls["cashews"] = lambda: cashews.get_or_set(KEY, _load, expire=TTL)
    with asyncio.Runner() as runner:
        sides = [_awaited(runner, call) for call in calls.values()]
        times = take_turns(size, count(), sides, advance)
    by_name = dict(zip(calls, times, strict=True))
    return compare("await get_or_create, a hit in memory", by_name, fastest(by_name), 2.0)


def _awaited(runner: asyncio.Runner, call: Callable[[], Any]) -> Side:
    """Return a side that awaits several calls an item, and times them together."""

    async def many() -> None:
        for _ in range(CALLS):
            await call()

    def side(items: Sequence[Any]) -> Block:
        seconds = []
        for _ in items:
            started = perf_counter()
            runner.run(many())
            seconds.append((perf_counter() - started) / CALLS)
        return Block(seconds, [])

    return side


def _dashboard(size: Size, path: Path, advance: Callable[[], object]) -> list[Row]:
    """The dashboard of an owner on SQLite: computed, and from a cache by the owner's revision."""
    clock = FakeClock("2026-03-01T08:00Z")
    with HabitKit.open(f"sqlite:///{path}", clock=clock) as kit:
        for number in range(size.habits // 5):
            habit = kit.habits.create("ada", f"Habit {number}", Schedule.daily())
            for _ in range(min(DAYS, size.block)):
                kit.habits.check_in(habit.id)
                clock.advance(days=1)
            clock.set("2026-03-01T08:00Z")

        def computed() -> int:
            return len(kit.streaks.today("ada"))

        def cached() -> int:
            key = ("dashboard", "ada", str(kit.events.revision("ada")))
            return kit.cache.get_or_create(key, computed, TTL)

        calls: dict[str, Call] = {"computed each time": computed, KIT: cached}
        sides = [repeated(call, 1) for call in calls.values()]
        times = take_turns(size, count(), sides, advance)
    by_name = dict(zip(calls, times, strict=True))
    return compare("a dashboard by the owner's revision", by_name, "computed each time", 2.0)


def _dict_and_clock() -> Call:
    values = {KEY: (_load(), monotonic_ns() + TTL * 1_000_000_000)}

    def floor() -> Any:
        value, until = values[KEY]
        return value if until > monotonic_ns() else None

    return floor


def _kit() -> Call:
    get_or_create = Cache().get_or_create
    return lambda: get_or_create(KEY, _load, TTL)


def _peers() -> dict[str, Call]:
    """Return the same call of the libraries that are installed."""
    import cachetools  # noqa: PLC0415 - as the others

    @cachetools.cached(cachetools.TTLCache(1000, TTL), lock=Lock())
    def timed(_: str) -> Any:
        return _load()

    @cachetools.cached(cachetools.LRUCache(1000), lock=Lock())
    def untimed(_: str) -> Any:
        return _load()

    found: dict[str, Call] = {
        "cachetools, TTLCache": lambda: timed(KEY),
        "cachetools, LRUCache without ttl": lambda: untimed(KEY),
    }
    if find_spec("theine"):
        from datetime import timedelta  # noqa: PLC0415

        from theine import Memoize  # noqa: PLC0415

        def load(_: str) -> Any:
            return _load()

        remembered: Any = Memoize(1000, timedelta(seconds=TTL))(load)
        found["theine"] = lambda: remembered(KEY)
    if find_spec("dogpile"):
        from dogpile.cache import make_region  # noqa: PLC0415

        region = make_region().configure("dogpile.cache.memory", expiration_time=TTL)
        found["dogpile.cache"] = lambda: region.get_or_create(KEY, _load)
    return found


def _times(call: Call) -> Callable[[Any], None]:
    def many(_: object) -> None:
        for _ in range(CALLS):
            call()

    return many


def _nothing(_: object) -> int:
    return 0
