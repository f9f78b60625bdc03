"""Cases of limits backends that support exact limits: sliding windows, and leases."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from habitkit.limits import InvalidLimit, Limit, Limiter
from habitkit.testing.contracts._limiter_base import HOUR_NS, NS, LimiterBase, allowed, hourly

if TYPE_CHECKING:
    from habitkit.limits.port import LimitsBackend
    from habitkit.testing.contracts._limiter_base import BackendClock

__all__ = ["ExactCases", "LeaseCases", "WithoutExactCases"]

LONG_NS = 24 * HOUR_NS


def exact(rate: int, per: str = "h", name: str | None = None) -> Limit:
    """Return an exact limit."""
    return Limit(rate, per, name=name, exact=True)


class _ExactBase(LimiterBase):
    @pytest.fixture
    def exact_limits(self, limits: LimitsBackend) -> LimitsBackend:
        """The backend under test; without exact limits the test is skipped."""
        self.skip_unless_exact(limits)
        return limits

    @pytest.fixture
    def exact_limiter(self, exact_limits: LimitsBackend, limiter: Limiter) -> Limiter:  # noqa: ARG002
        """A limiter that has leases and exact limits."""
        return limiter


class ExactCases(_ExactBase):
    """Part of ``LimiterContract``: at most so many calls in any window of one period."""

    def test_an_exact_limit_admits_its_rate_at_once_and_no_more(
        self, exact_limiter: Limiter
    ) -> None:
        for rate in (1, 2, 7, 31):
            left = [exact_limiter.acquire("ada", exact(rate)) for _ in range(rate + 2)]

            assert [it.allowed for it in left] == [True] * rate + [False] * 2
            assert [it.remaining for it in left] == [*reversed(range(rate)), 0, 0]

    def test_an_exact_limit_says_when_its_calls_expire(
        self, exact_limiter: Limiter, clock: BackendClock
    ) -> None:
        first = exact_limiter.acquire("ada", exact(3), 2)
        denied = exact_limiter.acquire("ada", exact(3), 2)

        assert (first.remaining, first.reset_after_seconds) == (1, clock.about(3600))
        assert (denied.allowed, denied.remaining) == (False, 1)
        assert denied.retry_after_seconds == clock.about(3600)
        assert exact_limiter.acquire("ada", exact(3)).remaining == 0

    def test_calls_under_an_exact_limit_expire_one_by_one_after_a_period(
        self, exact_limiter: Limiter, clock: BackendClock
    ) -> None:
        clock.skip_unless_moves()
        for seconds in (0, 10, 20):
            clock.advance(seconds * NS)
            assert exact_limiter.acquire("ada", exact(3, "min"))
        assert exact_limiter.peek("ada", exact(3, "min"), 2).retry_after_seconds == 40
        assert exact_limiter.peek("ada", exact(3, "min"), 3).retry_after_seconds == 60

        for seconds in (30, 10, 20):
            clock.advance(seconds * NS - 1)
            assert not exact_limiter.acquire("ada", exact(3, "min"))
            clock.advance(1)
            assert exact_limiter.acquire("ada", exact(3, "min"))

    def test_calls_under_an_exact_limit_expire(
        self, exact_limiter: Limiter, clock: BackendClock
    ) -> None:
        exact_limiter.acquire("ada", exact(2, "s"), 2)
        retry = exact_limiter.peek("ada", exact(2, "s")).retry_after_seconds

        assert retry is not None
        assert retry <= 1
        clock.pass_seconds(retry)  # no period is shorter than a second
        assert exact_limiter.acquire("ada", exact(2, "s"), 2)

    def test_no_window_of_a_period_ever_has_more_than_the_rate(
        self, exact_limiter: Limiter, clock: BackendClock
    ) -> None:
        clock.skip_unless_moves()
        steps = random.Random(2026)  # noqa: S311 - no cryptography
        limit, now, admitted = exact(5, "s"), 0, [-NS]
        for _ in range(400):
            step = steps.choice([0, 1, NS // 10, NS // 4, NS - 1, steps.randrange(NS // 3)])
            now += step
            clock.advance(step)
            cost = steps.choice([1, 1, 2, 3])
            pending = sum(at > now - NS for at in admitted)

            assert bool(exact_limiter.acquire("ada", limit, cost)) == (pending + cost <= 5)
            admitted += [now] * cost if pending + cost <= 5 else []

    def test_a_refund_frees_what_a_call_under_an_exact_limit_took(
        self, exact_limiter: Limiter
    ) -> None:
        first = exact_limiter.acquire("ada", exact(5), 2)
        exact_limiter.acquire("ada", exact(5), 3)

        exact_limiter.refund(first)
        exact_limiter.refund(first)

        assert allowed(4, lambda: exact_limiter.acquire("ada", exact(5))) == 2

    def test_a_refund_after_the_calls_have_expired_adds_nothing(
        self, exact_limiter: Limiter, clock: BackendClock
    ) -> None:
        clock.skip_unless_moves()
        old = exact_limiter.acquire("ada", exact(2, "s"), 2)
        clock.advance(NS)
        exact_limiter.acquire("ada", exact(2, "s"), 1)

        exact_limiter.refund(old)

        assert allowed(3, lambda: exact_limiter.acquire("ada", exact(2, "s"))) == 1

    def test_calls_that_wait_under_an_exact_limit_queue_for_those_before_them(
        self, exact_limits: LimitsBackend, clock: BackendClock
    ) -> None:
        calls = [exact_limits.acquire("ada", (exact(2),), 1, LONG_NS) for _ in range(6)]
        short = exact_limits.acquire("ada", (exact(2),), 1, HOUR_NS)

        assert all(calls)
        waits = [it.wait_seconds for it in calls]
        assert waits == [clock.about(hours * 3600) for hours in (0, 0, 1, 1, 2, 2)]
        assert (short.allowed, short.retry_after_seconds) == (False, clock.about(3 * 3600))

    def test_exact_and_other_limits_are_charged_all_or_none(self, exact_limiter: Limiter) -> None:
        several = [hourly(5), exact(2), hourly(9, "named"), exact(7, name="log")]

        assert allowed(4, lambda: exact_limiter.acquire("ada", several)) == 2

        assert [exact_limiter.peek("ada", it).remaining for it in several] == [3, 0, 7, 5]

    def test_exact_limits_of_other_numbers_or_names_are_independent(
        self, exact_limiter: Limiter
    ) -> None:
        several = [exact(2), exact(3), exact(2, "d"), exact(2, name="a"), hourly(2), hourly(2, "a")]

        assert all(exact_limiter.acquire("ada", limit, 2) for limit in several)
        assert exact_limiter.acquire("ada", exact(3))
        assert not any(exact_limiter.acquire("ada", limit) for limit in several)

    def test_an_exact_limit_with_a_name_keeps_its_calls_when_its_rate_changes(
        self, exact_limiter: Limiter
    ) -> None:
        exact_limiter.acquire("ada", exact(5, name="log"), 4)

        assert exact_limiter.acquire("ada", exact(6, name="log")).remaining == 1
        assert not exact_limiter.acquire("ada", exact(2, name="log"))
        assert exact_limiter.peek("ada", exact(2, name="log")).remaining == 0


class LeaseCases(_ExactBase):
    """Part of ``LimiterContract``: so many at the same time."""

    def test_at_most_n_leases_are_held_at_the_same_time(self, exact_limiter: Limiter) -> None:
        leases = [exact_limiter.lease("ada", 3, ttl_seconds=3600) for _ in range(5)]

        assert [bool(it) for it in leases] == [True, True, True, False, False]
        assert [it.decision.remaining for it in leases] == [2, 1, 0, 0, 0]
        assert exact_limiter.lease("bob", 1, ttl_seconds=3600)

    def test_a_lease_that_is_released_frees_one_place(self, exact_limiter: Limiter) -> None:
        with exact_limiter.lease("ada", 2, ttl_seconds=3600) as first:
            assert first
            exact_limiter.lease("ada", 2, ttl_seconds=3600)
            assert not exact_limiter.lease("ada", 2, ttl_seconds=3600)
        first.release()

        assert allowed(3, lambda: exact_limiter.lease("ada", 2, ttl_seconds=3600)) == 1

    def test_a_lease_that_nobody_releases_ends_after_its_ttl(
        self, exact_limiter: Limiter, clock: BackendClock
    ) -> None:
        exact_limiter.lease("ada", 1, ttl_seconds=1)
        if clock.moves:
            clock.advance(NS - 1)
            assert not exact_limiter.lease("ada", 1, ttl_seconds=1)
            clock.advance(1)
        else:
            assert not exact_limiter.lease("ada", 1, ttl_seconds=1)
            clock.pass_seconds(1)

        assert exact_limiter.lease("ada", 1, ttl_seconds=1)

    def test_leases_of_other_ttls_and_numbers_count_together(self, exact_limiter: Limiter) -> None:
        exact_limiter.lease("ada", 3, ttl_seconds=7200)
        exact_limiter.lease("ada", 3, ttl_seconds=3600)

        assert not exact_limiter.lease("ada", 2, ttl_seconds=60)
        assert exact_limiter.lease("ada", 3, ttl_seconds=60)

    def test_a_longer_lease_outlives_a_shorter_one_taken_after_it(
        self, exact_limiter: Limiter, clock: BackendClock
    ) -> None:
        clock.skip_unless_moves()
        exact_limiter.lease("ada", 2, ttl_seconds=60)
        exact_limiter.lease("ada", 2, ttl_seconds=10)
        clock.advance(10 * NS)

        assert allowed(2, lambda: exact_limiter.lease("ada", 2, ttl_seconds=10)) == 1
        clock.advance(49 * NS)
        assert allowed(2, lambda: exact_limiter.lease("ada", 2, ttl_seconds=10)) == 1

    def test_leases_are_no_other_limit_and_end_with_a_reset(self, exact_limiter: Limiter) -> None:
        exact_limiter.lease("ada", 1, ttl_seconds=3600)

        assert exact_limiter.acquire("ada", exact(1))
        assert exact_limiter.acquire("ada", hourly(1))
        exact_limiter.reset("ada")
        assert exact_limiter.lease("ada", 1, ttl_seconds=3600)


class WithoutExactCases(LimiterBase):
    """Part of ``LimiterContract``: a backend without exact limits is never given one."""

    def test_a_backend_without_exact_limits_is_never_given_one(
        self, limiter: Limiter, limits: LimitsBackend
    ) -> None:
        if limits.supports_exact:
            pytest.skip("the backend supports exact limits")
        for call in (limiter.acquire, limiter.wait, limiter.peek):
            with pytest.raises(InvalidLimit, match=limits.name):
                call("ada", [hourly(1), exact(2)])
        with pytest.raises(InvalidLimit, match=limits.name):
            limiter.lease("ada", 1, ttl_seconds=1)
        assert limiter.acquire("ada", hourly(1))
