"""A cache on Redis: a hit without memory before it, and a stampede of four processes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, Any

import redis

from benchmarks._duel import take_turns
from benchmarks.limits import FLOOR, KIT, Row, compare, repeated
from habitkit.backends.redis import RedisCache
from habitkit.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks._duel import Size
    from benchmarks.limits import Call

__all__ = ["measure"]

KEY = "dashboard:1234567"
CALLS = 20
PROCESSES = 4
LOADER_SECONDS = 0.3


def measure(size: Size, url: str, advance: Callable[[], object]) -> list[Row]:
    """Measure hits and stampedes."""
    return [*_hits(size, url, advance), *_stampedes(size, url)]


def _load() -> dict[str, int]:
    return {"streak": 7}


def _hits(size: Size, url: str, advance: Callable[[], object]) -> list[Row]:
    client = redis.Redis.from_url(url, protocol=3)
    client.set("floor", b"x" * 80)
    cache = Cache(RedisCache(client, timeout_seconds=5.0), local=None)
    calls: dict[str, Call] = {
        FLOOR: lambda: client.get("floor"),
        KIT: lambda: cache.get_or_create(KEY, _load, 3600),
    }
    if find_spec("dogpile"):
        from dogpile.cache import make_region  # noqa: PLC0415

        settings: dict[str, Any] = {"url": url}
        region = make_region().configure(
            "dogpile.cache.redis", expiration_time=3600, arguments=settings
        )
        calls["dogpile.cache"] = lambda: region.get_or_create(KEY, _load)
    times = take_turns(size, count(), [repeated(call, CALLS) for call in calls.values()], advance)
    cache.close()
    client.close()
    return compare(
        "get_or_create, a hit on Redis", dict(zip(calls, times, strict=True)), FLOOR, 1.0
    )


def _stampedes(size: Size, url: str) -> list[Row]:
    """The longest wait of a stampede, and how many loader calls there were."""
    rows = []
    sides = ["habitkit", *(["dogpile.cache"] if find_spec("dogpile") else [])]
    for side in sides:
        rounds = [_stampede(side, url, f"{side}-{number}") for number in range(min(size.blocks, 3))]
        calls, longest = median(found[0] for found in rounds), median(found[1] for found in rounds)
        name = f"a stampede of {PROCESSES} x 25 threads, {calls:g} loader call, {side}"
        kit = side == "habitkit"
        rows.append(
            Row(
                name,
                longest * 1e6,
                3 * LOADER_SECONDS / longest if kit else None,
                f"3 loaders of {LOADER_SECONDS} s" if kit else "",
                1.0 if kit else None,
            )
        )
    return rows


def _stampede(side: str, url: str, key: str) -> tuple[int, float]:
    """Return how many loader calls a stampede makes, and the longest wait in seconds."""
    command = [sys.executable, "-m", "benchmarks._stampede", side, url, key, f"{LOADER_SECONDS}"]
    with ExitStack() as resources:
        processes = [
            resources.enter_context(
                subprocess.Popen(  # noqa: S603 - of our own
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(PROCESSES)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        results = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            output, _ = process.communicate(timeout=60)
            results.append(output.split())
    return sum(int(loads) for loads, _ in results), max(float(wait) for _, wait in results)
