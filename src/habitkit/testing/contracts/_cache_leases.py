"""Cases of cache backends: adding what is not there, and leases."""
# ruff: noqa: S101 - tests assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.testing.contracts._cache_base import CacheBase, item, read

if TYPE_CHECKING:
    from habitkit.cache.port import CacheBackend
    from habitkit.testing.contracts._cache_base import CacheClock

__all__ = ["LeaseCases"]

TOKEN = b"\0token\xff\n"
OTHERS = {
    "empty": b"",
    "shorter": TOKEN[:-1],
    "longer": TOKEN + b"\0",
    "in another case": TOKEN.upper(),
    "one bit off": TOKEN[:-1] + b"\x0b",
    "another before NUL": b"other",
    "trimmed": TOKEN.strip(b"\0\n"),
}
"""Values that a careless backend takes for the token."""


class LeaseCases(CacheBase):
    """Part of ``CacheContract``: additions, and leases that are still held or not."""

    def test_a_value_is_added_if_there_is_none(self, cache: CacheBackend) -> None:
        assert cache.add(item("v:a", b"one")) is True
        assert cache.add(item("v:a", b"two")) is False
        assert cache.add(item("v:a", b"one")) is False
        assert read(cache, "v:a") == b"one"

        cache.delete_many(["v:a"])
        assert cache.add(item("v:a", b"three")) is True
        assert read(cache, "v:a") == b"three"

    def test_an_empty_value_is_a_value_where_something_is_added(self, cache: CacheBackend) -> None:
        cache.set_many([item("v:a", b"")])

        assert cache.add(item("v:a", b"two")) is False
        assert read(cache, "v:a") == b""

    def test_a_lease_that_is_held_can_be_given_back(self, cache: CacheBackend) -> None:
        cache.set_many([item("v:a", b"old")])
        cache.add(item("l:a", TOKEN))

        assert cache.end_lease("l:a", TOKEN) is True

        assert read(cache, "l:a", "v:a") == [None, b"old"]
        assert cache.add(item("l:a", b"next")) is True

    @pytest.mark.parametrize("value", [b"new", b""])
    @pytest.mark.parametrize("old", [b"old", None])
    def test_what_was_loaded_under_a_lease_is_stored_if_it_is_held(
        self, cache: CacheBackend, old: bytes | None, value: bytes
    ) -> None:
        if old is not None:
            cache.set_many([item("v:a", old)])
        cache.add(item("l:a", TOKEN))

        assert cache.end_lease("l:a", TOKEN, item("v:a", value)) is True

        assert read(cache, "l:a", "v:a") == [None, value]
        assert cache.add(item("l:a", b"next")) is True

    @pytest.mark.parametrize("token", OTHERS.values(), ids=OTHERS)
    @pytest.mark.parametrize("with_item", [False, True])
    def test_a_lease_with_another_token_is_not_touched(
        self, cache: CacheBackend, token: bytes, *, with_item: bool
    ) -> None:
        cache.set_many([item("v:a", b"old")])
        cache.add(item("l:a", TOKEN))

        loaded = item("v:a", b"new") if with_item else None
        assert cache.end_lease("l:a", token, loaded) is False

        assert read(cache, "l:a", "v:a") == [TOKEN, b"old"]
        assert cache.end_lease("l:a", TOKEN) is True

    @pytest.mark.parametrize("token", [b"", TOKEN])
    def test_a_lease_that_nobody_took_is_not_held(self, cache: CacheBackend, token: bytes) -> None:
        cache.set_many([item("v:a", token)])

        assert cache.end_lease("l:a", token) is False
        assert cache.end_lease("l:a", token, item("v:a", b"new")) is False

        assert read(cache, "l:a", "v:a") == [None, token]

    def test_a_lease_is_given_back_once(self, cache: CacheBackend) -> None:
        cache.add(item("l:a", TOKEN))
        cache.end_lease("l:a", TOKEN, item("v:a", b"one"))

        assert cache.end_lease("l:a", TOKEN, item("v:a", b"two")) is False
        assert cache.end_lease("l:a", TOKEN) is False

        assert read(cache, "v:a") == b"one"

    def test_a_lease_that_was_deleted_stores_nothing(self, cache: CacheBackend) -> None:
        cache.add(item("l:a", TOKEN))
        cache.delete_many(["l:a", "v:a"])

        assert cache.end_lease("l:a", TOKEN, item("v:a", b"old")) is False

        assert read(cache, "l:a", "v:a") == [None, None]

    def test_a_lease_that_has_expired_stores_nothing(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        cache.set_many([item("v:a", b"old")])
        cache.add(item("l:a", TOKEN, self.short_ms))
        clock.pass_ms(self.short_ms)

        assert cache.end_lease("l:a", TOKEN) is False
        assert cache.end_lease("l:a", TOKEN, item("v:a", b"new")) is False

        assert read(cache, "l:a", "v:a") == [None, b"old"]

    def test_a_lease_that_another_one_has_taken_since_is_not_touched(
        self, cache: CacheBackend, clock: CacheClock
    ) -> None:
        cache.add(item("l:a", TOKEN, self.short_ms))
        clock.pass_ms(self.short_ms)
        assert cache.add(item("l:a", b"next")) is True

        assert cache.end_lease("l:a", TOKEN) is False
        assert cache.end_lease("l:a", TOKEN, item("v:a", b"old")) is False

        assert read(cache, "l:a", "v:a") == [b"next", None]
        assert cache.end_lease("l:a", b"next", item("v:a", b"new")) is True
        assert read(cache, "l:a", "v:a") == [None, b"new"]

    def test_leases_of_different_names_are_apart(self, cache: CacheBackend) -> None:
        for key in ("a", "b"):
            cache.add(item(f"l:{key}", TOKEN))

        cache.end_lease("l:a", TOKEN, item("v:a", b"new"))

        assert read(cache, "l:a", "v:a", "l:b", "v:b") == [None, b"new", TOKEN, None]
