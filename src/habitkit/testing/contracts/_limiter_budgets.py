"""Cases of limits backends: how much is admitted, and whose budget is charged."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.limits import Limit, Limiter
from habitkit.testing.contracts._limiter_base import NS, LimiterBase, allowed, hourly

if TYPE_CHECKING:
    from habitkit.limits.port import LimitsBackend
    from habitkit.testing.contracts._limiter_base import BackendClock

__all__ = ["FAST", "SLOW", "BudgetCases"]

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
