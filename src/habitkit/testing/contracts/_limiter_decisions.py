"""Cases of limits backends: what a decision says, and limits whose numbers change."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.limits import Limit, Limiter
from habitkit.testing.contracts._limiter_base import NS, LimiterBase, hourly
from habitkit.testing.contracts._limiter_budgets import FAST, SLOW

if TYPE_CHECKING:
    from habitkit.testing.contracts._limiter_base import BackendClock

__all__ = ["DecisionCases", "NamedLimitCases"]


class DecisionCases(LimiterBase):
    """Part of ``LimiterContract``: what a decision says."""

    def test_a_decision_says_what_remains_and_when_it_is_back(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        limit = hourly(5)

        first = limiter.acquire("ada", limit)
        second = limiter.acquire("ada", limit, 3)
        denied = limiter.acquire("ada", limit, 3)

        assert (first.allowed, first.remaining, first.retry_after_seconds) == (True, 4, 0)
        assert first.reset_after_seconds == clock.about(3600)
        assert (second.allowed, second.remaining, second.retry_after_seconds) == (True, 1, 0)
        assert second.reset_after_seconds == clock.about(4 * 3600)
        assert (denied.allowed, denied.remaining) == (False, 1)
        assert denied.retry_after_seconds == clock.about(2 * 3600)
        assert denied.reset_after_seconds == clock.about(4 * 3600)
        assert [it.would_allow for it in (first, second, denied)] == [True, True, False]
        assert {it.wait_seconds for it in (first, second, denied)} == {0}
        assert {it.limit for it in (first, second, denied)} == {limit}

    def test_of_several_limits_a_decision_is_about_the_one_that_matters_most(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        wide, narrow, slow = Limit(2, "h", 9), hourly(3), Limit(1, "d", 4)

        first = limiter.acquire("ada", [wide, narrow, slow])
        limiter.acquire("ada", [wide, narrow, slow], 2)
        denied = limiter.acquire("ada", [wide, narrow, slow], 2)

        assert (first.limit, first.remaining) == (narrow, 2)
        assert (denied.limit, denied.remaining) == (slow, 1)
        assert denied.retry_after_seconds == clock.about(24 * 3600)
        assert first.limits == denied.limits == (wide, narrow, slow)

    def test_waiting_for_retry_after_is_enough(self, limiter: Limiter, clock: BackendClock) -> None:
        for cost, limit in ((1, Limit(10, "s", 1)), (2, Limit(20, "s", 3))):
            limiter.acquire(str(limit), limit, limit.burst)
            for _ in range(3):
                retry = limiter.peek(str(limit), limit, cost).retry_after_seconds

                assert retry is not None
                assert retry <= cost * limit.emission_ns / NS
                clock.pass_seconds(retry)
                assert limiter.acquire(str(limit), limit, cost)

    def test_waiting_a_nanosecond_less_than_retry_after_is_not_enough(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        clock.skip_unless_moves()
        for rate, per in (*SLOW, *FAST):
            limit = Limit(rate, per, 3)
            limiter.acquire("ada", limit, 3)
            retry = limiter.acquire("ada", limit, 2).retry_after_seconds

            assert retry is not None
            clock.advance(round(retry * NS) - 1)
            assert not limiter.acquire("ada", limit, 2)
            clock.advance(1)
            assert limiter.acquire("ada", limit, 2)

    def test_peek_says_what_acquire_would_and_takes_nothing(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        several = [hourly(3), Limit(2, "h", 4, "named")]
        for step in range(5):
            for cost in (1, 2, 3):
                seen = limiter.peek("ada", several, cost)
                again = limiter.peek("ada", several, cost)
                left = max(3 - step, 0)

                assert (seen.allowed, seen.remaining) == (cost <= left, left)
                assert (again.allowed, again.remaining) == (cost <= left, left)
                if not seen:
                    denied = limiter.acquire("ada", several, cost)
                    assert not denied
                    assert denied.limit == seen.limit
                    assert seen.retry_after_seconds is not None
                    assert denied.retry_after_seconds == clock.about(seen.retry_after_seconds)
            assert bool(limiter.acquire("ada", several)) == (step < 3)

    def test_a_cost_above_the_burst_is_denied_for_good_and_nothing_is_stored(
        self, limiter: Limiter
    ) -> None:
        several = [hourly(5), hourly(3, "named")]

        denials = [limiter.acquire("ada", several, 4), limiter.wait("ada", several, 10**12)]

        assert not any(denials)
        assert {it.retry_after_seconds for it in denials} == {None}
        assert {it.limit for it in denials} <= set(several)
        assert denials[0].limit == several[1]
        for limit in several:
            seen = limiter.peek("ada", limit)
            assert (seen.remaining, seen.reset_after_seconds) == (limit.burst, 0)

    def test_a_rate_of_0_always_denies(self, limiter: Limiter) -> None:
        denied = limiter.acquire("ada", "0/s")

        assert (denied.allowed, denied.remaining, denied.retry_after_seconds) == (False, 0, None)
        assert not limiter.acquire("ada", [hourly(2), Limit(0, "h")])
        assert limiter.peek("ada", hourly(2)).remaining == 2

    def test_a_whole_budget_resets_in_no_time(self, limiter: Limiter) -> None:
        seen = limiter.peek("ada", [hourly(3), hourly(5)])

        assert (seen.allowed, seen.remaining, seen.limit) == (True, 3, hourly(3))
        assert (seen.retry_after_seconds, seen.reset_after_seconds) == (0, 0)


class NamedLimitCases(LimiterBase):
    """Part of ``LimiterContract``: limits whose numbers are changed while they are in use."""

    def test_a_changed_limit_without_a_name_is_a_new_budget(self, limiter: Limiter) -> None:
        limiter.acquire("ada", hourly(3), 3)

        assert limiter.acquire("ada", hourly(4)).remaining == 3
        assert not limiter.acquire("ada", hourly(3))

    def test_a_changed_limit_with_a_name_goes_on_with_its_budget(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        limiter.acquire("ada", Limit(1, "h", 4, "api"), 2)

        changed = limiter.acquire("ada", Limit(2, "h", 10, "api"))
        back = limiter.peek("ada", Limit(1, "h", 4, "api"))

        assert changed.remaining == 10 - 2 * 2 - 1
        assert changed.reset_after_seconds == clock.about(2 * 3600 + 1800)
        assert back.remaining == 1

    def test_a_changed_limit_with_a_name_is_capped_by_the_new_numbers(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        limiter.acquire("ada", Limit(1, "d", 9, "api"), 9)
        new = Limit(10, "s", 2, "api")

        seen = limiter.peek("ada", new)
        denied = limiter.acquire("ada", new)

        for decision in (seen, denied):
            assert (decision.allowed, decision.remaining) == (False, 0)
            assert decision.retry_after_seconds == pytest.approx(0.1, abs=1e-6)
            assert decision.reset_after_seconds == pytest.approx(0.2, abs=1e-6)
        clock.pass_seconds(0.1)
        assert limiter.acquire("ada", new)

    def test_a_name_is_one_budget_beside_other_limits(self, limiter: Limiter) -> None:
        api = hourly(3, "api")
        limiter.acquire("ada", [hourly(5), api])
        limiter.acquire("ada", [api, hourly(7)])
        limiter.acquire("ada", api)

        assert limiter.peek("ada", api).remaining == 0
        assert [limiter.peek("ada", hourly(n)).remaining for n in (5, 7)] == [4, 6]
