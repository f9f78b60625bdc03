"""What a kit records of its limiter, its cache and its metrics."""

from __future__ import annotations

from typing import Any

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.memory import MemoryLimits, MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.cache import AsyncCache, Cache
from habitkit.limits import AsyncLimiter, Limiter
from habitkit.metrics import Metrics
from tests.kit.metrics.support import OWNER, recorded


class TestLimiterAndCache:
    @pytest.mark.parametrize("shadow", [False, True])
    def test_decisions_are_counted_beside_the_hook_of_the_host(self, shadow):
        seen: list[Any] = []
        limiter = Limiter(MemoryLimits(), observe=seen.append)
        kit = habitkit.testing.kit(limits=limiter, metrics=True)
        for _ in range(3):
            kit.limits.acquire(OWNER, "2/min", shadow=shadow)
        denied = {} if shadow else {(limiter_id("2/min"), "denied"): 1}
        allowed = {(limiter_id("2/min"), "allowed"): 3 if shadow else 2}
        assert recorded(kit.metrics, "limiter_decisions") == {**allowed, **denied}
        assert len(seen) == 3

    def test_a_function_watches_once_and_a_broken_one_stops_nothing(self):
        for resident, call in (
            (Limiter(MemoryLimits()), lambda it: it.acquire("a", "9/min")),
            (Cache(), lambda it: it.get_or_create("a", lambda: 1, ttl_seconds=9)),
            (Cache(observe=lambda _: 1 / 0), lambda it: it.get_or_create("a", int, ttl_seconds=9)),
        ):
            seen: list[Any] = []
            watched: Any = resident
            watched.watch(lambda _: 1 / 0)
            watched.watch(seen.append)
            watched.watch(seen.append)
            call(watched)
            assert len(seen) == 1

    def test_calls_of_the_cache_are_counted_by_namespace_and_result(self):
        cache = Cache()
        before = cache.namespace("users")
        kit = habitkit.testing.kit(cache=cache, metrics=True)
        for view in (kit.cache, kit.cache.namespace("pages"), before):
            for _ in range(2):
                view.get_or_create(OWNER, lambda: 1, ttl_seconds=9)
        found = recorded(kit.metrics, "cache_requests")
        assert found == {
            (name, result): 1 for name in ("", "pages", "users") for result in ("loaded", "hit")
        }

    async def test_an_async_kit_counts_both(self):
        limits, cache = AsyncLimiter(MemoryLimits()), AsyncCache()
        store = ThreadedStore(MemoryStore())
        async with AsyncHabitKit(store, limits=limits, cache=cache, metrics=True) as kit:

            async def load() -> int:
                return 1

            for _ in range(2):
                await kit.limits.acquire(OWNER, "1/min")
                await kit.cache.get_or_create(OWNER, load, ttl_seconds=9)
            found = recorded(kit.metrics, "limiter_decisions")
            assert {of[1]: n for of, n in found.items()} == {"allowed": 1, "denied": 1}
            assert recorded(kit.metrics, "cache_requests") == {("", "loaded"): 1, ("", "hit"): 1}


def limiter_id(text: str) -> str:
    return Limiter(MemoryLimits()).acquire("a", text).limit.id


class TestMetricsOfMetrics:
    def test_flushes_are_timed_and_what_is_lost_is_counted(self, store):
        metrics = Metrics(max_values=2)
        with HabitKit(store, metrics=metrics):
            for zone in ("a", "b", "c", "d"):
                metrics.counter("x").add(1, {"zone": zone})
            metrics.counter("x").add(-1, {"zone": "a"})
            metrics.flush()
            assert recorded(metrics, "flush_duration") == {(): 1}
            assert recorded(metrics, "metrics_dropped") == {("x", "negative"): 1}
            assert recorded(metrics, "metrics_folded") == {("zone", "x"): 2}
