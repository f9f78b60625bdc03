"""Cases of limits backends: how much is admitted, to whom, and what the decision says."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.limits import Limit, Limiter
from habitkit.testing.contracts._limiter_base import NS, LimiterBase, allowed, hourly

if TYPE_CHECKING:
    from habitkit.limits.port import LimitsBackend
    from habitkit.testing.contracts._limiter_base import BackendClock

__all__ = ["BudgetCases", "DecisionCases", "NamedLimitCases"]

BURSTS = (1, 2, 3, 7, 31)
SLOW = ((1, "d"), (1, "h"), (3, "h"), (7, "h"), (24, "d"), (59, "h"), (97, "d"))
FAST = ((3, "s"), (7, "min"), (10, "s"), (999, "s"), (1_000_003, "s"), (10**9, "s"))
HOSTILE: list[str | tuple[str, ...]] = [
    "a",
    "A",
    "a ",
    "a b",
    "a:b",
    "1:a1:b",
    "2:a1",
    "a;b",
    "a=b",
    "a/b",
    "a\nb",
    "a%",
    "a_",
    "a*",
    "{a}",
    "{a}b",
    "a'b",
    'a"b',
    "a\\b",
    "a\x1fb",
    "\x1f1:a1:b",
    "é",
    "e\u0301",
    "鍵",
    "🗝",
    "x" * 500,
    "x" * 499,
    "x" * 499 + "y",
    "y" * 499 + "x",
    "🗝" * 500,
    ("a", "b"),
    ("a:b", "c"),
    ("a", "b:c"),
    ("a", "b", "c"),
    ("a", "1:b"),
    ("1:a", "1:b"),
    ("a1", "b"),
    ("b", "a"),
]
"""Keys that a careless backend takes for one another."""


class BudgetCases(LimiterBase):
    """Part of ``LimiterContract``: what is admitted, and whose budget is charged."""

    @pytest.mark.parametrize(("rate", "per"), SLOW)
    def test_a_burst_is_exact(self, limiter: Limiter, rate: int, per: str) -> None:
        for burst in BURSTS:
            limit = Limit(rate, per, burst)
            left = [limiter.acquire(("one by one", str(burst)), limit) for _ in range(burst + 2)]
            at_once = limiter.acquire(("at once", str(burst)), limit, burst)

            assert [it.allowed for it in left] == [True] * burst + [False] * 2
            assert [it.remaining for it in left] == [*reversed(range(burst)), 0, 0]
            assert (at_once.allowed, at_once.remaining) == (True, 0)
            assert not limiter.acquire(("at once", str(burst)), limit)

    @pytest.mark.parametrize(("rate", "per"), FAST)
    def test_a_burst_is_exact_again_each_time_it_has_refilled(
        self, limiter: Limiter, clock: BackendClock, rate: int, per: str
    ) -> None:
        clock.skip_unless_moves()
        for burst in BURSTS:
            limit = Limit(rate, per, burst)
            for _ in range(3):
                assert allowed(burst + 2, lambda: limiter.acquire(f"ada {burst}", limit)) == burst  # noqa: B023
                clock.advance(limit.tolerance_ns)

    def test_a_budget_refills_evenly(self, limiter: Limiter, clock: BackendClock) -> None:
        clock.skip_unless_moves()
        limit = Limit(7, "min", 3)
        limiter.acquire("ada", limit, 3)

        for _ in range(20):
            clock.advance(limit.emission_ns - 1)
            assert not limiter.acquire("ada", limit)
            clock.advance(1)
            assert limiter.acquire("ada", limit)

    def test_a_budget_that_has_partly_refilled_is_not_full(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        limit = Limit(10, "s", 1000)
        limiter.acquire("ada", limit, 1000)

        clock.pass_seconds(0.2)

        assert 2 <= limiter.peek("ada", limit).remaining < 900

    def test_a_clock_that_goes_back_admits_nothing_more(
        self, limiter: Limiter, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        clock.skip_unless_moves()
        exact = [Limit(2, "h", exact=True)] if limits.supports_exact else []
        for limit in (hourly(2), hourly(2, "named"), *exact):
            clock.advance(7200 * NS)
            assert allowed(3, lambda: limiter.acquire("ada", limit)) == 2  # noqa: B023
            clock.advance(-7200 * NS)
            assert not limiter.acquire("ada", limit)

    def test_a_denial_charges_nothing(self, limiter: Limiter, clock: BackendClock) -> None:
        limit = hourly(3)
        limiter.acquire("ada", limit, 2)

        denials = [limiter.acquire("ada", limit, 2) for _ in range(5)]

        assert not any(denials)
        assert {it.remaining for it in denials} == {1}
        assert [it.retry_after_seconds for it in denials] == [clock.about(3600)] * 5
        assert limiter.acquire("ada", limit)

    def test_several_limits_are_charged_all(self, limiter: Limiter) -> None:
        limits = [hourly(5), Limit(2, "h", 9), Limit(3, "d", 7)]

        assert limiter.acquire("ada", limits, 3)

        assert [limiter.peek("ada", it).remaining for it in limits] == [2, 6, 4]

    @pytest.mark.parametrize("denies", [0, 1, 2])
    def test_several_limits_are_charged_none_if_one_denies(
        self, limiter: Limiter, denies: int
    ) -> None:
        limits = [Limit(1 + n, "h", 3 if n == denies else 10) for n in range(3)]
        limiter.acquire("ada", limits, 2)

        assert allowed(4, lambda: limiter.acquire("ada", limits, 2)) == 0

        expected = [1 if n == denies else 8 for n in range(3)]
        assert [limiter.peek("ada", it).remaining for it in limits] == expected

    def test_keys_are_independent(self, limiter: Limiter) -> None:
        assert [bool(limiter.acquire(key, hourly(1))) for key in HOSTILE] == [True] * len(HOSTILE)
        assert not any(limiter.acquire(key, hourly(1)) for key in HOSTILE)

    def test_limits_of_one_key_are_independent(self, limiter: Limiter) -> None:
        limits = [
            *(Limit(1, "h", 1), Limit(1, "h", 11), Limit(11, "h", 1), Limit(1, "d", 1)),
            *(Limit(1, "h", 1, name) for name in ("a", "b", "A", "a.b", "a-b", "a_b")),
        ]

        assert all(limiter.acquire("ada", limit, limit.burst) for limit in limits)
        assert not any(limiter.acquire("ada", limit) for limit in limits)

    def test_a_thousand_other_keys_do_not_revive_one_that_is_used_up(
        self, limiter: Limiter
    ) -> None:
        limiter.acquire("ada", hourly(1))

        for n in range(1100):
            limiter.acquire(f"other {n}", hourly(1))

        assert not limiter.acquire("ada", hourly(1))

    def test_a_reset_gives_a_key_its_whole_budget_back_under_every_limit(
        self, limiter: Limiter, limits: LimitsBackend
    ) -> None:
        several = [hourly(2), hourly(3), hourly(4, "named")]
        several += [Limit(2, "h", exact=True)] if limits.supports_exact else []
        for key in ("ada", "ad", "ada2", ("ada", "b")):
            for limit in several:
                limiter.acquire(key, limit, limit.burst)

        limiter.reset("ada")
        limiter.reset("nobody")

        for limit in several:
            assert limiter.peek("ada", limit).remaining == limit.burst
            assert allowed(9, lambda: limiter.acquire("ada", limit)) == limit.burst  # noqa: B023
        for key in ("ad", "ada2", ("ada", "b")):
            assert not any(limiter.acquire(key, limit) for limit in several)


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
