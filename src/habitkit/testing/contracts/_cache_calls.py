"""Cases of cache backends: what a cache makes of them, end to end."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from habitkit.cache import Cache
from habitkit.testing.contracts._cache_base import HOUR_MS, CacheBase
from habitkit.testing.contracts._threads import all_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitkit.cache.port import CacheBackend
    from habitkit.testing.contracts._cache_base import CacheClock

    Caches = tuple[Cache, Cache]

__all__ = ["CacheCallCases"]

CALLERS = 20
HOUR = HOUR_MS // 1000
NOTHING = object()
KEYS: list[Any] = [
    "ada",
    "Ada",
    ("ada", "b"),
    "a\nb",
    "a b",
    "%",
    "🗝" * 500,
    ("x" * 250, "y" * 250),
]


class CacheCallCases(CacheBase):
    """Part of ``CacheContract``: two caches on one state, as two processes."""

    @pytest.fixture
    def make_cache(self, clock: CacheClock) -> Callable[[CacheBackend], Cache]:
        """A function that makes a cache on a backend; its errors are raised."""

        def make_cache(backend: CacheBackend) -> Cache:
            clocks: dict[str, Any] = {"ticks": clock.ticks, "wall_ns": clock.wall_ns}
            return Cache(backend, on_error="raise", lease_seconds=10, poll_seconds=0, **clocks)

        return make_cache

    @pytest.fixture
    def caches(
        self,
        cache: CacheBackend,
        make_cache: Callable[[CacheBackend], Cache],
        request: pytest.FixtureRequest,
    ) -> Iterator[Caches]:
        """Two caches: with ``shared`` on two backends, else on one."""
        again = request.getfixturevalue("cache_again") if "shared" in self.capabilities else cache
        pair = make_cache(cache), make_cache(again)
        yield pair
        for each in pair:
            each.close()

    def test_of_many_callers_on_two_caches_one_loads(self, caches: Caches) -> None:
        begun: list[int] = []
        loads: list[int] = []

        def load() -> dict[str, int]:
            loads.append(1)
            self.wait_until(lambda: len(begun) == CALLERS)
            return {"n": 7}

        def work(mine: Cache) -> Any:
            begun.append(1)
            return mine.get_or_create("ada", load, ttl_seconds=HOUR)

        values = all_of([partial(work, it) for it in caches * (CALLERS // 2)])

        assert values == [{"n": 7}] * CALLERS
        assert len(loads) == 1

    def test_a_change_in_one_cache_is_seen_by_the_other_one(self, caches: Caches) -> None:
        one, two = caches
        for key in KEYS:
            one.set(key, [1], ttl_seconds=HOUR)
        for key in KEYS:
            assert two.get_or_create(key, lambda: [0], ttl_seconds=HOUR) == [1]
            assert two.get(key) == [1]

        for key in KEYS:
            one.set(key, [2], ttl_seconds=HOUR)
        self.wait_until(lambda: all(two.get(key) == [2] for key in KEYS))

        one.delete(KEYS[0])
        self.wait_until(lambda: two.get(KEYS[0], NOTHING) is NOTHING)
        assert [two.get(key) for key in KEYS[1:]] == [[2]] * len(KEYS[1:])

    def test_an_invalidated_tag_makes_its_values_a_miss_in_both_caches(
        self, caches: Caches
    ) -> None:
        one, two = caches
        tagged: dict[str, list[Any]] = {"a": ["x"], "b": ["x", ("y", "z")], "c": [("y", "z")]}
        for key, tags in tagged.items():
            one.get_or_create(key, lambda: 1, ttl_seconds=HOUR, tags=tags)
        one.set("d", 1, ttl_seconds=HOUR, tags=["w"])
        assert [two.get(key) for key in "abcd"] == [1] * 4

        two.invalidate_tag("x")

        self.wait_until(lambda: one.get("a") is None and one.get("b") is None)
        assert [two.get(key) for key in "abcd"] == [None, None, 1, 1]
        assert [one.get(key) for key in "abcd"] == [None, None, 1, 1]
        assert two.get_or_create("a", lambda: 2, ttl_seconds=HOUR, tags=["x"]) == 2
        self.wait_until(lambda: one.get("a") == 2)

    def test_none_is_a_value(self, caches: Caches) -> None:
        loads: list[int] = []

        values = [it.get_or_create("a", lambda: loads.append(1), HOUR) for it in caches * 2]

        assert values == [None] * 4
        assert len(loads) == 1
        assert [it.get("a", NOTHING) for it in caches] == [None, None]

    def test_an_old_value_is_used_if_loading_a_new_one_fails(
        self, caches: Caches, clock: CacheClock
    ) -> None:
        one, two = caches

        def fail() -> Any:
            raise ZeroDivisionError

        assert one.get_or_create("a", lambda: 1, self.short_ms / 1000, stale_seconds=HOUR) == 1
        clock.pass_ms(self.short_ms)

        for each in (one, two, one, two):
            assert each.get_or_create("a", fail, ttl_seconds=HOUR, stale_seconds=HOUR) == 1

    def test_an_old_value_gives_way_to_a_new_one(self, caches: Caches, clock: CacheClock) -> None:
        one, two = caches
        for each in caches:
            each.get_or_create("a", lambda: 1, self.short_ms / 1000, stale_seconds=HOUR)
        clock.pass_ms(self.short_ms)

        assert one.get_or_create("a", lambda: 2, HOUR, stale_seconds=HOUR) in {1, 2}

        for each in (one, two):
            self.wait_until(lambda it=each: it.get_or_create("a", lambda: 3, HOUR) == 2)  # type: ignore[misc]

    def test_what_a_loader_raises_is_not_cached(self, caches: Caches) -> None:
        def fail() -> Any:
            raise ZeroDivisionError

        for each in caches:
            with pytest.raises(ZeroDivisionError):
                each.get_or_create("a", fail, ttl_seconds=HOUR)

        assert caches[1].get("a", NOTHING) is NOTHING
        assert [it.get_or_create("a", lambda: 1, ttl_seconds=HOUR) for it in caches] == [1, 1]

    def test_a_value_deleted_while_it_is_loaded_is_not_cached(self, caches: Caches) -> None:
        one, two = caches

        def load() -> int:
            two.delete("a")
            return 1

        assert one.get_or_create("a", load, ttl_seconds=HOUR) == 1

        assert [it.get("a", NOTHING) for it in caches] == [NOTHING] * 2

    def test_a_counter_is_one_for_both_caches(self, caches: Caches) -> None:
        one, two = caches

        assert [it.incr("a", 2, ttl_seconds=HOUR) for it in (one, two, one)] == [2, 4, 6]
        two.delete("a")
        assert one.incr("a", ttl_seconds=HOUR) == 1
