"""Cases of cache backends: when values are gone, and counters."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from habitkit.testing.contracts._cache_base import DAY_MS, HOUR_MS, MS, CacheBase, item, read
from habitkit.testing.contracts._cache_values import WRITERS

if TYPE_CHECKING:
    from habitkit.cache.port import CacheBackend
    from habitkit.testing.contracts._cache_base import CacheClock

__all__ = ["CounterCases", "ExpiryCases"]

MOST_BY = 2**32 - 1


class ExpiryCases(CacheBase):
    """Part of ``CacheContract``: a value is gone after its ttl, never later."""

    @pytest.mark.parametrize("writer", WRITERS)
    def test_a_value_is_there_until_its_ttl_is_over(
        self, cache: CacheBackend, clock: CacheClock, writer: str
    ) -> None:
        began = time.monotonic()
        WRITERS[writer](cache, "v:a", b"value", self.short_ms)
        found = read(cache, "v:a")
        self.skip_if_late(clock, began)
        assert found == b"value"

        clock.pass_ms(self.short_ms)

        assert read(cache, "v:a") is None

    @pytest.mark.parametrize("writer", WRITERS)
    @pytest.mark.parametrize("ttl_ms", [1, 2, 999, 1000, 1001, 59_999, 30 * DAY_MS + 1])
    def test_a_value_is_gone_at_the_millisecond(
        self, cache: CacheBackend, clock: CacheClock, ttl_ms: int, writer: str
    ) -> None:
        clock.skip_unless_moves()
        early_ns = min(MS + round(self.ttl_resolution_seconds * 1e9), ttl_ms * MS)
        WRITERS[writer](cache, "v:a", b"value", ttl_ms)

        clock.advance(ttl_ms * MS - early_ns)
        found = read(cache, "v:a")
        clock.advance(early_ns)

        assert found == b"value" or ttl_ms <= self.ttl_resolution_seconds * 1000
        assert read(cache, "v:a") is None

    @pytest.mark.parametrize("writer", WRITERS)
    def test_the_shortest_ttl_is_a_millisecond(
        self, cache: CacheBackend, clock: CacheClock, writer: str
    ) -> None:
        WRITERS[writer](cache, "v:a", b"value", 1)

        clock.pass_ms(1)

        assert read(cache, "v:a") is None

    @pytest.mark.parametrize("writer", WRITERS)
    @pytest.mark.parametrize("days", [24, 25, 30, 31, 49, 50, 366])
    def test_a_ttl_may_be_long(
        self, cache: CacheBackend, clock: CacheClock, days: int, writer: str
    ) -> None:
        WRITERS[writer](cache, "v:a", b"value", days * DAY_MS)

        assert read(cache, "v:a") == b"value"
        if clock.moves:
            clock.advance((days - 1) * DAY_MS * MS)
            assert read(cache, "v:a") == b"value"
            clock.advance(DAY_MS * MS)
            assert read(cache, "v:a") is None

    def test_each_value_has_its_own_ttl(self, cache: CacheBackend, clock: CacheClock) -> None:
        cache.set_many(
            [item("v:a"), item("v:b", b"b", self.short_ms), item("v:c"), item("v:d", b"d", 1)]
        )

        clock.pass_ms(self.short_ms)

        found = read(cache, "v:a", "v:b", "v:c", "v:d")
        assert found == [b"value", None, b"value", None]

    def test_a_value_that_is_set_again_has_the_new_ttl(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        cache.set_many([item("v:longer", b"1", self.short_ms), item("v:shorter", b"1")])
        cache.set_many([item("v:longer", b"2"), item("v:shorter", b"2", self.short_ms)])

        clock.pass_ms(self.short_ms)

        assert read(cache, "v:longer", "v:shorter") == [b"2", None]

    def test_what_replaces_a_value_at_the_end_of_a_lease_has_the_new_ttl(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        for name, old, new in (("a", self.short_ms, HOUR_MS), ("b", HOUR_MS, self.short_ms)):
            cache.set_many([item(f"v:{name}", b"1", old)])
            cache.add(item(f"l:{name}", b"token"))
            cache.end_lease(f"l:{name}", b"token", item(f"v:{name}", b"2", new))

        clock.pass_ms(self.short_ms)

        assert read(cache, "v:a", "v:b") == [b"2", None]

    def test_reading_a_value_does_not_prolong_it(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        cache.set_many([item("v:a", b"value", self.short_ms)])

        for _ in range(4):
            clock.pass_ms(self.short_ms // 4)
            read(cache, "v:a")

        assert read(cache, "v:a") is None

    def test_a_failed_addition_does_not_prolong_a_value(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        began = time.monotonic()
        cache.add(item("l:a", b"token", self.short_ms))
        added = cache.add(item("l:a", b"other", HOUR_MS))
        self.skip_if_late(clock, began)
        assert added is False

        clock.pass_ms(self.short_ms)

        assert read(cache, "l:a") is None

    def test_a_value_that_is_over_can_be_added_again(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        cache.add(item("l:a", b"one", self.short_ms))

        clock.pass_ms(self.short_ms)

        assert cache.add(item("l:a", b"two")) is True
        assert cache.add(item("l:a", b"three")) is False
        assert read(cache, "l:a") == b"two"


class CounterCases(CacheBase):
    """Part of ``CacheContract``: counters."""

    def test_a_counter_begins_at_0(self, cache: CacheBackend) -> None:
        counts = [cache.incr("n:a", by, HOUR_MS) for by in (1, 1, 5, 1)]

        assert counts == [1, 2, 7, 8]
        assert {type(it) for it in counts} == {int}
        assert cache.incr("n:b", 3, HOUR_MS) == 3

    def test_a_counter_counts_below_two_to_the_63(self, cache: CacheBackend) -> None:
        assert cache.incr("n:a", MOST_BY, HOUR_MS) == MOST_BY
        assert cache.incr("n:a", MOST_BY, HOUR_MS) == 2 * MOST_BY
        assert cache.incr("n:b", 2**53 + 1, HOUR_MS) == 2**53 + 1
        assert cache.incr("n:b", 2, HOUR_MS) == 2**53 + 3
        assert cache.incr("n:c", 2**62, HOUR_MS) == 2**62
        assert cache.incr("n:c", 2**62 - 1, HOUR_MS) == 2**63 - 1

    def test_a_counter_that_is_deleted_begins_anew(self, cache: CacheBackend) -> None:
        cache.incr("n:a", 3, HOUR_MS)

        cache.delete_many(["n:a"])

        assert cache.incr("n:a", 1, HOUR_MS) == 1

    def test_a_counter_that_is_over_begins_anew_with_a_new_ttl(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        cache.incr("n:a", 3, self.short_ms)
        clock.pass_ms(self.short_ms)

        assert cache.incr("n:a", 1, HOUR_MS) == 1
        clock.pass_ms(self.short_ms)
        assert cache.incr("n:a", 1, HOUR_MS) == 2

    @pytest.mark.parametrize("later_ms", [1, HOUR_MS])
    def test_the_ttl_of_a_counter_counts_from_the_first_addition(
        self, cache: CacheBackend, clock: CacheClock, later_ms: int
    ) -> None:
        began = time.monotonic()
        cache.incr("n:a", 1, self.short_ms)
        clock.pass_ms(50)
        count = cache.incr("n:a", 1, later_ms)
        clock.pass_ms(5)
        again = cache.incr("n:a", 1, later_ms)
        self.skip_if_late(clock, began)
        assert (count, again) == (2, 3)

        clock.pass_ms(self.short_ms - 55)

        assert cache.incr("n:a", 1, HOUR_MS) == 1

    @pytest.mark.parametrize("days", [31, 366])
    def test_the_ttl_of_a_counter_may_be_long(
        self, cache: CacheBackend, clock: CacheClock, days: int
    ) -> None:
        cache.incr("n:a", 1, days * DAY_MS)

        assert cache.incr("n:a", 1, 1) == 2
        if clock.moves:
            clock.advance((days - 1) * DAY_MS * MS)
            assert cache.incr("n:a", 1, 1) == 3
            clock.advance(DAY_MS * MS)
            assert cache.incr("n:a", 1, 1) == 1
