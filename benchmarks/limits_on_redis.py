"""A rate limit check on Redis, beside a bare EVALSHA and other libraries; the deny cache."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

import redis

from benchmarks._duel import take_turns
from benchmarks.limits import FLOOR, KEY, KIT, LIMIT, PER_SECOND, Row, compare, repeated
from habitkit.backends.redis import RedisLimits
from habitkit.limits import Limiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks._duel import Size
    from benchmarks.limits import Call

    Acquire = Callable[[str], Callable[[str], object]]
    """From a limit, ``"10/min"`` or the big one, to a call for a key."""

__all__ = ["measure"]

SCRIPT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
CALLS = 20
"""How many calls are timed as one."""


def measure(size: Size, url: str, advance: Callable[[], object]) -> list[Row]:
    """Measure calls that are allowed, calls that are denied, and what a key takes there."""
    client = redis.Redis.from_url(url, protocol=3)
    limits = RedisLimits(client, timeout_seconds=5.0)
    try:
        return [
            *_allowed(size, client, Limiter(limits), url, advance),
            *_denied(size, Limiter(limits), advance),
            *_bytes(client, Limiter(limits), url),
        ]
    finally:
        limits.close()
        client.close()


def _allowed(
    size: Size, client: redis.Redis, limiter: Limiter, url: str, advance: Callable[[], object]
) -> list[Row]:
    sha = client.script_load(SCRIPT)
    others = {name: make(LIMIT) for name, make in _peers(url).items()}
    calls: dict[str, Call] = {
        FLOOR: lambda: client.evalsha(sha, 1, "floor", 1),
        KIT: lambda: limiter.acquire(KEY, LIMIT),
        **{name: _on_key(call) for name, call in others.items()},
    }
    return compare("acquire on Redis", _times(size, calls, advance), FLOOR, 1.0)


def _denied(size: Size, limiter: Limiter, advance: Callable[[], object]) -> list[Row]:
    limiter.acquire("denied", "1/d")
    limiter.acquire("denied", "1/d")
    calls: dict[str, Call] = {
        "round trip": lambda: limiter.acquire(KEY, LIMIT),
        KIT: lambda: limiter.acquire("denied", "1/d"),
    }
    return compare("denial from the cache", _times(size, calls, advance), "round trip", 50.0)


def _bytes(client: redis.Redis, limiter: Limiter, url: str) -> list[Row]:
    """What one key takes on the server, with its name."""
    rows: list[Row] = []
    acquires: dict[str, Acquire] = {
        KIT: lambda limit: lambda key: limiter.acquire(key, limit),
        **_peers(url),
    }
    for name, make in acquires.items():
        client.flushdb()
        make("10/min")(KEY)
        used = sum(client.memory_usage(key) or 0 for key in client.scan_iter())
        rows.append(Row(f"bytes of a key on Redis, {name}", used))
    return rows


def _times(
    size: Size, calls: Mapping[str, Call], advance: Callable[[], object]
) -> dict[str, Sequence[float]]:
    sides = [repeated(call, CALLS) for call in calls.values()]
    return dict(zip(calls, take_turns(size, count(), sides, advance), strict=True))


def _on_key(call: Callable[[str], object]) -> Call:
    return lambda: call(KEY)


def _peers(url: str) -> dict[str, Acquire]:
    """Return the same calls of the libraries that are installed."""
    found: dict[str, Acquire] = {}
    if find_spec("limits"):
        from limits import parse, storage, strategies  # noqa: PLC0415

        windows = strategies.FixedWindowRateLimiter(storage.RedisStorage(url))

        def of_limits(limit: str) -> Callable[[str], object]:
            item = parse("10/minute" if limit == "10/min" else f"{PER_SECOND}/second")
            return lambda key: windows.hit(item, key)

        found["limits, fixed window"] = of_limits
    if find_spec("throttled"):
        from throttled import Throttled, per_min, per_sec, store  # noqa: PLC0415

        def of_throttled(limit: str) -> Callable[[str], object]:
            is_small = limit == "10/min"
            quota = per_min(10) if is_small else per_sec(PER_SECOND, burst=PER_SECOND)
            throttle = Throttled(using="gcra", quota=quota, store=store.RedisStore(server=url))
            acquire: Callable[[str], object] = throttle.limit
            return acquire

        found["throttled-py, GCRA"] = of_throttled
    return found
