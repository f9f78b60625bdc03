"""How often a full cache has what it is asked for, by policy, on traces of the usual shapes.

The traces are drawn from distributions, with a fixed seed: a few keys asked for again and again
(Zipf), the same with scans of keys that never come back, a loop over somewhat more keys than the
cache holds, and a popularity that moves on. A miss is followed by putting the key in.
"""

from __future__ import annotations

import random
from importlib.util import find_spec
from itertools import accumulate, cycle, islice
from typing import TYPE_CHECKING, Any

import cachetools

from benchmarks.limits import KIT, Row
from habitkit.backends.memory import MemoryCache
from habitkit.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks._duel import Size

    Play = Callable[[Sequence[str]], int]
    """Asks for keys one after the other; returns how many were there."""

__all__ = ["KEYS", "hit_ratios", "measure", "traces"]

KEYS = 20_000
SHARE = 10
"""One in so many keys fits into the cache."""

REQUESTS = 200_000
LRU = "LRU"


def measure(size: Size) -> list[Row]:
    """Return the hit ratio in percent of each policy on each trace, the default beside LRU."""
    keys = min(KEYS, size.block * 200)
    rows = []
    for trace, ratios in hit_ratios(keys, keys * (REQUESTS // KEYS)).items():
        for policy, ratio in ratios.items():
            is_kit = policy == KIT
            beside = ratio / ratios[LRU] if is_kit and ratios[LRU] else None
            name = f"hits in percent, {trace}, {policy}"
            rows.append(
                Row(name, ratio * 100, beside, LRU if beside else "", 1 if beside else None)
            )
    return rows


def hit_ratios(keys: int, requests: int, only: Sequence[str] = ()) -> dict[str, dict[str, float]]:
    """Return the hit ratios, by trace and policy.

    Args:
        keys: Of how many keys the traces are; a tenth of them fits into the cache.
        requests: How long they are.
        only: The names of the policies; all of them unless given.
    """
    policies = {
        name: play for name, play in _policies(keys // SHARE).items() if not only or name in only
    }
    return {
        name: {policy: play()(trace) / len(trace) for policy, play in policies.items()}
        for name, trace in traces(keys, requests).items()
    }


def traces(keys: int, requests: int) -> dict[str, list[str]]:
    """Return the traces: so many requests for so many keys."""
    chance = random.Random(20_260_101)
    return {
        "Zipf 1.0": list(islice(_zipf(chance, keys, 1.0), requests)),
        "Zipf 0.7": list(islice(_zipf(chance, keys, 0.7), requests)),
        "Zipf and scans": list(islice(_with_scans(chance, keys), requests)),
        "loop": list(islice(cycle(map(str, range(keys // SHARE * 12 // 10))), requests)),
        "moving": list(islice(_moving(chance, keys), requests)),
    }


def _zipf(chance: random.Random, keys: int, exponent: float) -> Iterator[str]:
    weights = list(accumulate(1 / rank**exponent for rank in range(1, keys + 1)))
    names = [str(number) for number in range(keys)]
    while True:
        yield from chance.choices(names, cum_weights=weights, k=1000)


def _with_scans(chance: random.Random, keys: int) -> Iterator[str]:
    """A scan of half a cache after each three caches' worth of requests."""
    usual, scanned = _zipf(chance, keys, 1.0), 0
    capacity = keys // SHARE
    while True:
        yield from islice(usual, 3 * capacity)
        yield from (f"scan {number}" for number in range(scanned, scanned + capacity // 2))
        scanned += capacity // 2


def _moving(chance: random.Random, keys: int) -> Iterator[str]:
    """Every so often other keys are the popular ones."""
    usual, shift = _zipf(chance, keys, 0.9), 0
    while True:
        for name in islice(usual, 2 * keys):
            yield str((int(name) + shift) % keys)
        shift += keys // 3


def _policies(capacity: int) -> dict[str, Callable[[], Play]]:
    found: dict[str, Callable[[], Play]] = {KIT: lambda: _cache(MemoryCache(capacity))}
    for name, policy in (
        (LRU, cachetools.LRUCache),
        ("LFU", cachetools.LFUCache),
        ("FIFO", cachetools.FIFOCache),
    ):
        found[name] = lambda policy=policy: _plain(policy(capacity))  # type: ignore[misc]
    found[f"{KIT} with cachetools.LRUCache"] = lambda: _cache(
        MemoryCache(capacity, policy=cachetools.LRUCache)
    )
    if find_spec("theine"):
        found["theine"] = lambda: _theine(capacity)
    return found


def _cache(local: MemoryCache) -> Play:
    cache = Cache(local=local)

    def play(trace: Sequence[str]) -> int:
        misses = 0

        def load() -> int:
            nonlocal misses
            misses += 1
            return 1

        for key in trace:
            cache.get_or_create(key, load, 3600)
        return len(trace) - misses

    return play


def _plain(cache: cachetools.Cache[str, int]) -> Play:
    def play(trace: Sequence[str]) -> int:
        hits = 0
        for key in trace:
            if cache.get(key) is None:
                cache[key] = 1
            else:
                hits += 1
        return hits

    return play


def _theine(capacity: int) -> Play:
    from theine import Cache as Theine  # noqa: PLC0415

    cache: Any = Theine(capacity)

    def play(trace: Sequence[str]) -> int:
        hits = 0
        for key in trace:
            _, found = cache.get(key)
            if found:
                hits += 1
            else:
                cache.set(key, 1)
        cache.close()
        return hits

    return play
