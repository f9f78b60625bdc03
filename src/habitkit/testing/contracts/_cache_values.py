"""Cases of cache backends: values, names, and calls with many of them."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.cache.domain.names import LONGEST_NAME, name
from habitkit.testing.contracts._cache_base import CacheBase, item, read
from habitkit.testing.contracts._limiter_budgets import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.cache.domain.names import Key
    from habitkit.cache.port import CacheBackend

    Writer = Callable[[CacheBackend, str, bytes, int], object]

__all__ = ["WRITERS", "NameCases", "ValueCases"]

VALUES = {
    "empty": b"",
    "one NUL": b"\0",
    "NULs around": b"\0a\0b\0",
    "every byte": bytes(range(256)),
    "every byte backwards": bytes(reversed(range(256))),
    "no UTF-8": b"\xff\xfe\x80",
    "blanks around": b" \t\r\n a \r\n",
    "digits": b"1234567890",
    "a number that text rounds": b"1.0e400",
    "the end of a reply": b"\r\nEND\r\n$-1\r\n",
    "quotes": b"'\"\\%s%%:x?;--",
    "a megabyte": bytes(range(250)) * 4_000,
}
"""Values that a careless backend changes."""


def _by_set(cache: CacheBackend, name: str, value: bytes, ttl_ms: int) -> None:
    cache.set_many([item(name, value, ttl_ms)])


def _by_add(cache: CacheBackend, name: str, value: bytes, ttl_ms: int) -> None:
    assert cache.add(item(name, value, ttl_ms)) is True


def _by_end_lease(cache: CacheBackend, name: str, value: bytes, ttl_ms: int) -> None:
    lease = f"l{name[1:]}"
    assert cache.add(item(lease, b"token")) is True
    assert cache.end_lease(lease, b"token", item(name, value, ttl_ms)) is True


WRITERS: dict[str, Writer] = {
    "set_many": _by_set,
    "add": _by_add,
    "end_lease": _by_end_lease,
}
"""Each way to store a value."""

_LONG = "x" * 500
_SPACES = ("a\tb", "a\r\nb", "a\u00a0b", "a\u2028b", "a\u200db", "\ufeffa", "\x7f")
_PATTERNS = ("%s", "%(a)s", ":a", "?", "$1", "..", "/", "NULL", "\U0010ffff")
_CASES = ("ß", "ss", "SS", "ǆ", "ǅ", "\u0130", "\u0131", "i", "I", "K", "\u212a")

NAMES: list[str] = [
    *(name("v", "", key) for key in (*HOSTILE, *_SPACES, *_PATTERNS, *_CASES)),
    *(name("v", namespace, "a") for namespace in ("a", "A", "b", "a.b", "a_b", "a-b", "1")),
    *(f"v:{'🗝' * n}{'鍵' * (LONGEST_NAME - 2 - n)}" for n in (LONGEST_NAME - 2, LONGEST_NAME - 3)),
    *(name("v", "n" * 50, _LONG[: 500 - n] + "y" * n) for n in range(3)),
    *(name("v", f"{'n' * 49}{letter}", _LONG) for letter in "aA"),
]
"""Names that a careless backend takes for one another, or does not take."""

CHARACTERS = [
    *(chr(code) for code in range(1, 0x600)),
    *(chr(code) for code in range(0x2000, 0x2070)),
    *"\ud7ff\ue000\ufdd0\ufeff\ufffd\uffff\U00010000\U0001f5dd\U000e0001\U0010ffff",
]


class ValueCases(CacheBase):
    """Part of ``CacheContract``: values come back as they were set, until they are deleted."""

    @pytest.mark.parametrize("writer", WRITERS)
    @pytest.mark.parametrize("kind", VALUES)
    def test_a_value_comes_back_byte_for_byte(
        self, cache: CacheBackend, kind: str, writer: str
    ) -> None:
        WRITERS[writer](cache, "va:ada", VALUES[kind], 60_000)

        found = read(cache, "va:ada")

        assert type(found) is bytes
        assert found == VALUES[kind]

    def test_a_name_that_was_never_set_has_no_value(self, cache: CacheBackend) -> None:
        assert cache.get_many(["va:ada"]) == [None]

    @pytest.mark.parametrize("kind", VALUES)
    def test_a_value_that_is_set_again_replaces_the_old_one(
        self, cache: CacheBackend, kind: str
    ) -> None:
        for value in (b"old", VALUES[kind], b"new"):
            cache.set_many([item("va:ada", value)])

            assert read(cache, "va:ada") == value

    def test_a_deleted_value_is_gone_and_the_others_stay(self, cache: CacheBackend) -> None:
        cache.set_many([item(f"v:{n}") for n in range(4)])

        cache.delete_many(["v:1", "v:3"])

        assert read(cache, *(f"v:{n}" for n in range(4))) == [b"value", None, b"value", None]

    def test_deleting_what_is_not_there_changes_nothing(self, cache: CacheBackend) -> None:
        cache.set_many([item("v:a")])

        cache.delete_many(["v:b"])
        cache.delete_many(["v:c", "v:a", "v:d", "v:a"])

        assert read(cache, "v:a", "v:b", "v:c") == [None] * 3

    def test_a_deleted_value_can_be_set_again(self, cache: CacheBackend) -> None:
        for value in (b"one", b"two"):
            cache.set_many([item("v:a", value)])
            assert read(cache, "v:a") == value
            cache.delete_many(["v:a"])
            assert read(cache, "v:a") is None

    def test_many_values_are_read_in_the_order_of_their_names(self, cache: CacheBackend) -> None:
        cache.set_many([item(f"v:{n}", str(n).encode()) for n in range(60)])
        order = [(n * 37) % 80 for n in range(100)]

        found = cache.get_many([f"v:{n}" for n in order])

        assert len(set(order)) < 100, "some names are read twice"
        assert found == [str(n).encode() if n < 60 else None for n in order]

    def test_a_hundred_values_can_be_set_and_deleted_at_once(self, cache: CacheBackend) -> None:
        names = tuple(f"v:{n}" for n in range(100))

        cache.set_many(tuple(item(it, it.encode() * n) for n, it in enumerate(names)))
        assert read(cache, *names) == [it.encode() * n for n, it in enumerate(names)]

        cache.delete_many(names)
        assert read(cache, *names) == [None] * 100


class NameCases(CacheBase):
    """Part of ``CacheContract``: every name is taken, and none for another one."""

    def test_names_are_apart(self, cache: CacheBackend) -> None:
        assert len(set(NAMES)) == len(NAMES)
        assert max(map(len, NAMES)) <= LONGEST_NAME
        assert len(NAMES) <= 100
        for n, it in enumerate(NAMES):
            cache.set_many([item(it, str(n).encode())])

        assert read(cache, *NAMES) == [str(n).encode() for n in range(len(NAMES))]

        for it in NAMES[::2]:
            cache.delete_many([it])
        assert read(cache, *NAMES[::2]) == [None] * len(NAMES[::2])
        assert read(cache, *NAMES[1::2]) == [str(n).encode() for n in range(1, len(NAMES), 2)]

    def test_names_are_apart_in_one_call(self, cache: CacheBackend) -> None:
        values = [str(n).encode() for n in range(len(NAMES))]

        cache.set_many([item(it, value) for it, value in zip(NAMES, values, strict=True)])

        assert cache.get_many(NAMES) == values

    def test_names_are_apart_for_leases_and_counters(self, cache: CacheBackend) -> None:
        leases = [f"l{it[1:]}" for it in NAMES]

        assert [cache.add(item(it, b"token")) for it in leases] == [True] * len(NAMES)
        assert not any(cache.add(item(it, b"token")) for it in leases)
        stored = [
            cache.end_lease(lease, b"token", item(it, it.encode()))
            for lease, it in zip(leases, NAMES, strict=True)
        ]
        assert stored == [True] * len(NAMES)
        assert read(cache, *NAMES) == [it.encode() for it in NAMES]
        counters = [f"n{it[1:]}" for it in NAMES]
        assert [cache.incr(it, 1, 60_000) for it in counters] == [1] * len(NAMES)

    def test_names_may_hold_every_character_but_nul(self, cache: CacheBackend) -> None:
        names = [name("v", "", f"a{it}b") for it in CHARACTERS]
        for at in range(0, len(names), 100):
            cache.set_many([item(it, it.encode()) for it in names[at : at + 100]])

        assert read(cache, *names) == [it.encode() for it in names]

    @pytest.mark.parametrize("key", ["ada", ("ada", "b"), "🗝" * 500])
    def test_names_of_different_kinds_are_apart(self, cache: CacheBackend, key: Key) -> None:
        value, lease, tag, counter = (name(kind, "app", key) for kind in ("v", "l", "t", "n"))

        assert cache.add(item(lease, b"lease")) is True
        assert cache.add(item(tag, b"tag")) is True
        assert cache.incr(counter, 3, 60_000) == 3
        assert read(cache, value) is None
        cache.set_many([item(value)])
        assert read(cache, tag, value, lease) == [b"tag", b"value", b"lease"]

        cache.delete_many([value])
        assert read(cache, tag, value, lease) == [b"tag", None, b"lease"]
        assert cache.incr(counter, 1, 60_000) == 4
        cache.delete_many([lease, counter])
        assert read(cache, tag, lease) == [b"tag", None]
        assert cache.incr(counter, 1, 60_000) == 1
