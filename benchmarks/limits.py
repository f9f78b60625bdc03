"""What a rate limit check costs, beside other libraries and beside the bare minimum.

Each side makes the same calls on a key whose limit is never reached. The floor in memory is a dict
under a lock, the floor on Redis a bare EVALSHA of the redis package. Sides take blocks in turn. A
library that is not installed is left out: ``make bench`` installs them.
"""

from __future__ import annotations

import tracemalloc
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import count
from statistics import median
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import frozen

from benchmarks._duel import Block, take_turns
from benchmarks._threads import in_threads
from habitkit.backends.memory import MemoryLimits
from habitkit.limits import Limiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks._duel import Side, Size

    Call = Callable[[], object]

__all__ = ["Row", "measure"]

PER_SECOND = 1_000_000
LIMIT = f"{PER_SECOND}/s"
THREADS = 8
CALLS = 200
"""How many calls are timed as one: a clock in each would cost as much as the call."""

KIT, FLOOR = "habitkit", "floor"
KEY = "user:1234567"  # 12 bytes


@frozen
class Row:
    """A row of the table.

    Attributes:
        name: What was done, and by whom.
        value: How long a call took in microseconds, or how many bytes a key takes.
        ratio: How many times as fast, or as small, as what it is compared with; None if nothing.
        against: What that is.
        goal: What the ratio shall be at least, or None.
    """

    name: str
    value: float
    ratio: float | None = None
    against: str = ""
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        return None if self.goal is None or self.ratio is None else self.ratio >= self.goal


def measure(
    size: Size, redis_url: Callable[[], str | None], advance: Callable[[], object]
) -> list[Row]:
    """Measure all of it; what needs Redis only if there is one."""
    rows = [
        *_in_memory(size, advance, threads=1, goal=3.0),
        *_in_memory(size, advance, threads=THREADS, goal=2.5),
        *_bytes_in_memory(size),
    ]
    url = redis_url()
    if url is not None:
        from benchmarks.limits_on_redis import measure as on_redis  # noqa: PLC0415 - of an extra

        rows += on_redis(size, url, advance)
    return rows


def compare(
    title: str, times: Mapping[str, Sequence[float]], against: str, goal: float
) -> list[Row]:
    """Return a row a side, the kit's with how many times as fast as another one it is.

    Args:
        title: What was done.
        times: The blocks of each side, in seconds; one of them is ``KIT``.
        against: What the kit is compared with; none if it was not measured.
        goal: How many times as fast it shall be at least.
    """
    rows = []
    for name, seconds in times.items():
        ratio = None
        if name == KIT and against in times:
            ratio = median(other / own for other, own in zip(times[against], seconds, strict=True))
        is_compared = ratio is not None
        rows.append(
            Row(
                f"{title}, {name}",
                median(seconds) * 1e6,
                ratio,
                against if is_compared else "",
                goal if is_compared else None,
            )
        )
    return rows


def fastest(times: Mapping[str, Sequence[float]]) -> str:
    """Return the fastest of the other libraries; nothing if none is installed."""
    others = [name for name in times if name not in {KIT, FLOOR}]
    return min(others, key=lambda name: median(times[name]), default="")


def within(name: str, value: float, figure: float, most: float | None, shown: str) -> Row:
    """Return a row whose figure shall be within a limit, if there is one."""
    if most is None:
        return Row(name, value)
    return Row(name, value, most / figure, shown, 1.0)


def repeated(call: Call, times: int = CALLS) -> Side:
    """Return a side that makes several calls an item, and times them together."""

    def side(items: Sequence[Any]) -> Block:
        seconds = []
        for _ in items:
            started = perf_counter()
            for _ in range(times):
                call()
            seconds.append((perf_counter() - started) / times)
        return Block(seconds, [])

    return side


def _in_memory(size: Size, advance: Callable[[], object], threads: int, goal: float) -> list[Row]:
    """One key, from one thread or from many."""
    calls = {FLOOR: _dict_and_lock(), KIT: _kit(), **_peers()}
    with ExitStack() as resources:
        sides = [
            repeated(call)
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
    return compare(f"acquire in memory, {who}", by_name, fastest(by_name), goal)


def _bytes_in_memory(size: Size) -> list[Row]:
    """What a key takes, besides the key itself."""
    keys = [f"user:{number:07}" for number in range(min(size.block * 100, 20_000))]

    def of(call: Callable[[str], object]) -> float:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for key in keys:
            call(key)
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return (after - before) / len(keys)

    limiter = Limiter(MemoryLimits())
    found = {KIT: of(lambda key: limiter.acquire(key, "10/min"))}
    if find_spec("limits"):
        from limits import parse, storage, strategies  # noqa: PLC0415

        other, item = strategies.FixedWindowRateLimiter(storage.MemoryStorage()), parse("10/minute")
        found["limits, fixed window"] = of(lambda key: other.hit(item, key))
    if find_spec("throttled"):
        from throttled import Throttled, per_min, store  # noqa: PLC0415

        throttle = Throttled(
            using="gcra",
            quota=per_min(10),
            store=store.MemoryStore(options={"MAX_SIZE": len(keys) + 1}),
        )
        found["throttled-py, GCRA"] = of(throttle.limit)
    best = min((name for name in found if name != KIT), key=found.__getitem__, default="")
    ratio = found[best] / found[KIT] if best else None
    rows = [Row(f"bytes of a key in memory, {KIT}", found.pop(KIT), ratio, best)]
    return rows + [Row(f"bytes of a key in memory, {name}", value) for name, value in found.items()]


def _dict_and_lock() -> Call:
    counts: dict[str, int] = {}
    lock = Lock()

    def floor() -> None:
        with lock:
            counts[KEY] = counts.get(KEY, 0) + 1

    return floor


def _kit() -> Call:
    acquire = Limiter(MemoryLimits()).acquire
    return lambda: acquire(KEY, LIMIT)


def _peers() -> dict[str, Call]:
    """Return the same call of the libraries that are installed."""
    found: dict[str, Call] = {}
    if find_spec("limits"):
        from limits import parse, storage, strategies  # noqa: PLC0415

        window = strategies.FixedWindowRateLimiter(storage.MemoryStorage())
        item = parse(f"{PER_SECOND}/second")
        found["limits, fixed window"] = lambda: window.hit(item, KEY)
    if find_spec("throttled"):
        from throttled import Throttled, per_sec, store  # noqa: PLC0415

        quota = per_sec(PER_SECOND, burst=PER_SECOND)
        throttle = Throttled(using="gcra", quota=quota, store=store.MemoryStore())
        found["throttled-py, GCRA"] = lambda: throttle.limit(KEY)
    if find_spec("pyrate_limiter"):
        from pyrate_limiter import Duration, Rate  # noqa: PLC0415
        from pyrate_limiter import Limiter as PyrateLimiter  # noqa: PLC0415

        # It keeps each call of the period, so its period is short.
        pyrate = PyrateLimiter(Rate(PER_SECOND, Duration.SECOND))
        found["pyrate-limiter"] = lambda: pyrate.try_acquire(KEY)
    return found


def _times(call: Call) -> Callable[[Any], None]:
    def many(_: object) -> None:
        for _ in range(CALLS):
            call()

    return many


def _nothing(_: object) -> int:
    return 0
