"""Cases of limits backends: threads, a second backend on the same state, the end of a backend."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from habitkit.limits import Limit, Limiter
from habitkit.testing.contracts._limiter_base import HOUR_NS, LimiterBase, allowed, hourly
from habitkit.testing.contracts._threads import THREADS, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitkit.limits import Decision
    from habitkit.limits.port import LimitsBackend
    from habitkit.testing.contracts._limiter_base import BackendClock

__all__ = ["EndCases", "LimiterRaces", "SharedCases"]


class LimiterRaces(LimiterBase):
    """Part of ``LimiterContract``: threads that call at the same moment."""

    def test_threads_on_one_key_are_admitted_exactly_the_burst(self, limiter: Limiter) -> None:
        def work() -> int:
            return allowed(10, lambda: limiter.acquire("ada", hourly(30)))

        assert sum(all_of([work] * THREADS)) == 30

    def test_threads_on_many_keys_are_admitted_once_each(self, limiter: Limiter) -> None:
        def work() -> list[bool]:
            return [bool(limiter.acquire(f"key {n}", hourly(1))) for n in range(200)]

        outcomes = all_of([work] * THREADS)

        assert [sum(of_a_key) for of_a_key in zip(*outcomes, strict=True)] == [1] * 200

    def test_a_call_that_another_one_delays_is_not_denied(self, limiter: Limiter) -> None:
        limits = [hourly(1000), hourly(2000, "named")]

        def work() -> int:
            return allowed(20, lambda: limiter.acquire("ada", limits))

        assert all_of([work] * THREADS) == [20] * THREADS
        assert [limiter.peek("ada", it).remaining for it in limits] == [
            1000 - 20 * THREADS,
            2000 - 20 * THREADS,
        ]

    def test_threads_are_charged_under_several_limits_all_or_none(self, limiter: Limiter) -> None:
        wide, narrow = hourly(1000), Limit(1, "d", 13)

        def work(turn: int) -> int:
            limits = [wide, narrow] if turn % 2 else [narrow, wide]
            return allowed(5, lambda: limiter.acquire("ada", limits))

        admitted = all_of([partial(work, turn) for turn in range(THREADS)])

        assert sum(admitted) == 13
        assert limiter.peek("ada", wide).remaining == 1000 - 13

    def test_threads_that_give_back_what_they_took_leave_the_budget_as_it_was(
        self, limiter: Limiter
    ) -> None:
        limits = [hourly(100), hourly(200, "named")]
        limiter.acquire("ada", limits, 50)  # so that what is given back too often shows as well

        def work() -> None:
            for _ in range(10):
                limiter.refund(limiter.acquire("ada", limits, 2))

        all_of([work] * THREADS)

        assert [limiter.peek("ada", it).remaining for it in limits] == [50, 150]

    def test_threads_that_wait_get_one_place_each_in_the_queue(
        self, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        def work() -> Decision:
            return limits.acquire("ada", (hourly(1),), 1, 24 * HOUR_NS)

        waits = sorted(it.wait_seconds for it in all_of([work] * THREADS))

        assert waits == [clock.about(place * 3600) for place in range(THREADS)]

    def test_threads_under_an_exact_limit_are_admitted_exactly_its_rate(
        self, limiter: Limiter, limits: LimitsBackend
    ) -> None:
        self.skip_unless_exact(limits)
        limit = Limit(20, "h", exact=True)

        def work() -> int:
            return allowed(5, lambda: limiter.acquire("ada", limit))

        assert sum(all_of([work] * THREADS)) == 20


class SharedCases(LimiterBase):
    """Part of ``LimiterContract``, with ``shared``: two backends on one state, as two processes."""

    @pytest.fixture
    def other(self, request: pytest.FixtureRequest) -> Iterator[Limiter]:
        """A limiter on the second backend."""
        self.skip_unless("shared")
        backend: LimitsBackend = request.getfixturevalue("limits_again")
        yield Limiter(backend, cache_denials=False)
        backend.close()

    def test_what_one_backend_charges_the_other_one_sees(
        self, limiter: Limiter, other: Limiter
    ) -> None:
        taken = limiter.acquire("ada", hourly(3), 2)

        assert other.acquire("ada", hourly(3)).remaining == 0
        assert not limiter.acquire("ada", hourly(3))
        other.refund(taken)
        assert limiter.peek("ada", hourly(3)).remaining == 2
        other.reset("ada")
        assert limiter.peek("ada", hourly(3)).remaining == 3

    def test_threads_of_both_backends_are_admitted_exactly_the_burst_of_a_key(
        self, limiter: Limiter, other: Limiter
    ) -> None:
        several = [hourly(1000), hourly(31)]

        def work(mine: Limiter) -> int:
            return allowed(10, lambda: mine.acquire("ada", several))

        turns = [limiter, other] * (THREADS // 2)
        admitted = all_of([partial(work, mine) for mine in turns])

        assert sum(admitted) == 31
        assert other.peek("ada", hourly(1000)).remaining == 1000 - 31

    def test_threads_of_both_backends_are_admitted_once_for_each_of_many_keys(
        self, limiter: Limiter, other: Limiter
    ) -> None:
        def work(mine: Limiter) -> list[bool]:
            return [bool(mine.acquire(f"key {n}", hourly(1))) for n in range(50)]

        turns = [limiter, other] * (THREADS // 2)
        outcomes = all_of([partial(work, mine) for mine in turns])

        assert [sum(of_a_key) for of_a_key in zip(*outcomes, strict=True)] == [1] * 50


class EndCases(LimiterBase):
    """Part of ``LimiterContract``: what a backend says of itself, forks, and closing."""

    def test_a_backend_says_what_it_is(self, limits: LimitsBackend) -> None:
        assert isinstance(limits.name, str)
        assert limits.name
        assert isinstance(limits.remote, bool)
        assert isinstance(limits.supports_exact, bool)

    def test_a_backend_works_after_the_call_for_a_forked_process(self, limiter: Limiter) -> None:
        limiter.acquire("ada", hourly(2))

        limiter.after_fork()

        assert limiter.acquire("ada", hourly(2)).remaining == 0

    def test_a_backend_may_be_closed_twice(self, limiter: Limiter) -> None:
        limiter.acquire("ada", hourly(2))

        limiter.close()
        limiter.close()
