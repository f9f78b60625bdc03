"""Cases of cache backends: threads, a second backend on the same state, the end of a backend."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from habitkit.testing.contracts._base import LIMIT_SECONDS
from habitkit.testing.contracts._cache_base import HOUR_MS, CacheBase, item, read
from habitkit.testing.contracts._threads import THREADS, all_of, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.cache.port import CacheBackend

__all__ = ["CacheEndCases", "CacheRaces", "SharedCacheCases"]

T = TypeVar("T")

ROUNDS = 20
TURNS = 10


def adding(turns: Sequence[CacheBackend]) -> list[int]:
    """Let threads add the same names; return who won each, and how many have seen it."""

    def work(cache: CacheBackend, mine: bytes) -> list[bool]:
        return [cache.add(item(f"l:{n}", mine)) for n in range(TURNS)]

    calls = [partial(work, cache, bytes([n])) for n, cache in enumerate(turns)]
    outcomes = list(zip(*all_of(calls), strict=True))
    assert [sum(of_a_name) for of_a_name in outcomes] == [1] * TURNS
    return [of_a_name.index(True) for of_a_name in outcomes]


def counting(turns: Sequence[CacheBackend]) -> None:
    """Let threads add to one counter, and check that each addition counts once."""

    def work(cache: CacheBackend) -> list[int]:
        return [cache.incr("n:a", 1, HOUR_MS) for _ in range(TURNS)]

    counts = [count for each in all_of([partial(work, it) for it in turns]) for count in each]
    assert sorted(counts) == list(range(1, len(turns) * TURNS + 1))


def in_turn(n: int, calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make calls at the same moment, at odd numbers in reverse: the last tends to begin first."""
    results = all_of(calls[:: -1 if n % 2 else 1])
    return results[:: -1 if n % 2 else 1]


def ending_against_deleting(one: CacheBackend, two: CacheBackend) -> None:
    """Let a lease end while its value is deleted: the value must not come back."""
    for n in range(ROUNDS):
        lease, value = f"l:{n}", f"v:{n}"
        one.add(item(lease, b"token"))
        calls: list[Callable[[], object]] = [
            partial(one.end_lease, lease, b"token", item(value, b"old")),
            partial(two.delete_many, [lease, value]),
        ]
        in_turn(n, calls)
        assert read(one, lease, value) == [None, None]


class CacheRaces(CacheBase):
    """Part of ``CacheContract``: threads that call at the same moment."""

    def test_of_many_threads_that_add_a_value_one_succeeds(self, cache: CacheBackend) -> None:
        winners = adding([cache] * THREADS)

        assert read(cache, *(f"l:{n}" for n in range(TURNS))) == [bytes([it]) for it in winners]

    def test_of_many_threads_that_give_a_lease_back_one_succeeds(self, cache: CacheBackend) -> None:
        for n in range(TURNS):
            cache.add(item(f"l:{n}", b"token"))

        def work(mine: bytes) -> list[bool]:
            return [cache.end_lease(f"l:{n}", b"token", item(f"v:{n}", mine)) for n in range(TURNS)]

        outcomes = all_of([partial(work, bytes([n])) for n in range(THREADS)])

        of_each = list(zip(*outcomes, strict=True))
        assert [sum(it) for it in of_each] == [1] * TURNS
        stored = [bytes([it.index(True)]) for it in of_each]
        assert read(cache, *(f"v:{n}" for n in range(TURNS))) == stored

    def test_a_value_deleted_while_its_lease_ends_does_not_come_back(
        self, cache: CacheBackend
    ) -> None:
        ending_against_deleting(cache, cache)

    def test_a_value_set_while_an_old_lease_ends_is_not_overwritten(
        self, cache: CacheBackend
    ) -> None:
        def set_anew(n: int) -> None:
            cache.delete_many([f"l:{n}"])
            cache.set_many([item(f"v:{n}", b"new")])

        for n in range(ROUNDS):
            cache.add(item(f"l:{n}", b"token"))
            end = partial(cache.end_lease, f"l:{n}", b"token", item(f"v:{n}", b"old"))
            calls: list[Callable[[], object]] = [end, partial(set_anew, n)]
            in_turn(n, calls)
            assert read(cache, f"v:{n}") in {b"new", None}  # a backend may drop a value

    def test_a_lease_taken_while_an_old_one_ends_is_not_lost(self, cache: CacheBackend) -> None:
        def take(n: int) -> bool:
            cache.delete_many([f"l:{n}"])
            return cache.add(item(f"l:{n}", b"next"))

        for n in range(ROUNDS):
            cache.add(item(f"l:{n}", b"token"))
            end = partial(cache.end_lease, f"l:{n}", b"token")
            _, taken = in_turn(n, [end, partial(take, n)])
            assert taken is True
            assert read(cache, f"l:{n}") == b"next"

    def test_a_counter_loses_no_addition_of_many_threads(self, cache: CacheBackend) -> None:
        counting([cache] * THREADS)

    def test_each_of_many_threads_gets_its_own_values(self, cache: CacheBackend) -> None:
        def work(mine: int) -> list[bool]:
            names = [f"v{mine}:{n}" for n in range(5)]
            values = [f"{mine} {n}".encode() * (mine + 1) for n in range(5)]
            seen = []
            for _ in range(TURNS):
                cache.set_many([item(*each) for each in zip(names, values, strict=True)])
                seen.append(cache.get_many([*names, f"v{mine}:none"]) == [*values, None])
                seen.append(cache.incr(f"n{mine}:a", 1 + mine, HOUR_MS) % (1 + mine) == 0)
            cache.delete_many(names)
            return [*seen, read(cache, *names) == [None] * 5]

        assert all_of([partial(work, n) for n in range(THREADS)]) == [[True] * 21] * THREADS

    def test_a_value_that_is_read_while_it_changes_is_one_or_the_other(
        self, cache: CacheBackend
    ) -> None:
        values = [bytes([65 + n]) * (50_000 + n) for n in range(THREADS // 2)]
        cache.set_many([item("v:a", values[0])])

        ended: list[bytes] = []

        def write(mine: bytes) -> set[bytes | None]:
            for _ in range(TURNS):
                cache.set_many([item("v:a", mine)])
            ended.append(mine)
            return set()

        def watch() -> set[bytes | None]:
            seen: set[bytes | None] = set()

            def look() -> bool:
                seen.add(read(cache, "v:a"))
                return len(ended) == len(values)

            self.wait_until(look)
            return seen

        calls: list[Callable[[], set[bytes | None]]] = [partial(write, it) for it in values]
        for seen in all_of([*calls, *[watch] * (THREADS // 2)]):
            assert seen <= set(values)


class SharedCacheCases(CacheBase):
    """Part of ``CacheContract``, with ``shared``: two backends on one state."""

    def test_what_one_backend_does_the_other_one_sees(
        self, cache: CacheBackend, other: CacheBackend
    ) -> None:
        cache.set_many([item("v:a", b"one"), item("v:b")])
        assert read(other, "v:a", "v:b") == [b"one", b"value"]
        other.delete_many(["v:b"])
        other.set_many([item("v:a", b"two")])
        assert read(cache, "v:a", "v:b") == [b"two", None]
        assert cache.add(item("l:a", b"token")) is True
        assert other.add(item("l:a", b"other")) is False
        assert other.end_lease("l:a", b"other", item("v:a", b"old")) is False
        assert other.end_lease("l:a", b"token", item("v:a", b"new")) is True
        assert read(cache, "v:a", "l:a") == [b"new", None]
        assert [it.incr("n:a", 1, HOUR_MS) for it in (cache, other, cache)] == [1, 2, 3]

    def test_of_threads_of_both_backends_that_add_a_value_one_succeeds(
        self, cache: CacheBackend, other: CacheBackend
    ) -> None:
        winners = adding([cache, other] * (THREADS // 2))

        assert read(other, *(f"l:{n}" for n in range(TURNS))) == [bytes([it]) for it in winners]

    def test_a_counter_loses_no_addition_of_threads_of_both_backends(
        self, cache: CacheBackend, other: CacheBackend
    ) -> None:
        counting([cache, other] * (THREADS // 2))

    def test_a_value_that_the_other_backend_deletes_while_its_lease_ends_does_not_come_back(
        self, cache: CacheBackend, other: CacheBackend
    ) -> None:
        ending_against_deleting(cache, other)

    def test_a_backend_that_is_closed_leaves_the_state_to_the_other_one(
        self, cache: CacheBackend, other: CacheBackend
    ) -> None:
        other.set_many([item("v:a")])

        other.close()

        assert read(cache, "v:a") == b"value"


class CacheEndCases(CacheBase):
    """Part of ``CacheContract``: what a backend says of itself, forks, threads, and closing."""

    def test_a_backend_says_what_it_is(self, cache: CacheBackend) -> None:
        assert isinstance(cache.name, str)
        assert cache.name
        assert hasattr(cache, "subscribe") == ("publishes" in self.capabilities), (
            "a class declares the capability 'publishes' if its backend has `subscribe`"
        )

    def test_a_backend_works_after_the_call_for_a_forked_process(self, cache: CacheBackend) -> None:
        cache.set_many([item("v:a")])

        cache.after_fork()

        assert read(cache, "v:a") == b"value"
        cache.set_many([item("v:a", b"new")])
        assert read(cache, "v:a") == b"new"

    def test_a_backend_works_after_a_thread_that_used_it_has_ended(
        self, cache: CacheBackend
    ) -> None:
        for n in range(3):
            spawn(partial(cache.set_many, [item(f"v:{n}")])).result(LIMIT_SECONDS)

            assert read(cache, f"v:{n}") == b"value"

    def test_a_backend_may_be_closed_twice(self, cache: CacheBackend) -> None:
        cache.set_many([item("v:a")])

        cache.close()
        cache.close()

    def test_a_backend_may_be_closed_before_it_was_used(self, cache: CacheBackend) -> None:
        cache.close()
