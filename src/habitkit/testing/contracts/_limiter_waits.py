"""Cases of limits backends: calls that wait, and what is given back."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from habitkit.limits import Limit, Limiter
from habitkit.testing.contracts._limiter_base import HOUR_NS, NS, LimiterBase, allowed, hourly

if TYPE_CHECKING:
    from habitkit.limits.port import LimitsBackend
    from habitkit.testing.contracts._limiter_base import BackendClock

__all__ = ["RefundCases", "WaitCases"]

LONG_NS = 24 * HOUR_NS


class WaitCases(LimiterBase):
    """Part of ``LimiterContract``: a call that would wait is charged now and admitted later."""

    def test_calls_that_wait_are_admitted_one_emission_after_another(
        self, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        calls = [limits.acquire("ada", (hourly(2),), 1, LONG_NS) for _ in range(5)]

        assert all(calls)
        assert [it.wait_seconds for it in calls] == [
            *(0, 0),
            *(clock.about(hours * 3600) for hours in (1, 2, 3)),
        ]
        assert [it.remaining for it in calls] == [1, 0, 0, 0, 0]
        assert [it.retry_after_seconds for it in calls] == [0] * 5
        assert [it.reset_after_seconds for it in calls] == [
            clock.about(hours * 3600) for hours in (1, 2, 3, 4, 5)
        ]

    def test_a_call_of_a_higher_cost_waits_for_all_of_it(
        self, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        waits = [limits.acquire("ada", (hourly(3),), 2, LONG_NS).wait_seconds for _ in range(3)]

        assert waits == [0, clock.about(3600), clock.about(3 * 3600)]

    def test_who_does_not_wait_is_denied_behind_those_who_do(
        self, limiter: Limiter, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        for _ in range(3):
            limits.acquire("ada", (hourly(1),), 1, LONG_NS)

        denied, seen = limiter.acquire("ada", hourly(1)), limiter.peek("ada", hourly(1))

        assert not denied
        assert not seen
        assert denied.retry_after_seconds == clock.about(3 * 3600)
        assert seen.retry_after_seconds == clock.about(3 * 3600)

    def test_a_wait_that_is_too_short_reserves_nothing(
        self, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        limits.acquire("ada", (hourly(1),), 1)

        short = [limits.acquire("ada", (hourly(1),), 1, HOUR_NS // 2) for _ in range(3)]
        enough = limits.acquire("ada", (hourly(1),), 1, LONG_NS)

        assert not any(short)
        assert [it.retry_after_seconds for it in short] == [clock.about(3600)] * 3
        assert {it.wait_seconds for it in short} == {0}
        assert enough.wait_seconds == clock.about(3600)

    def test_a_wait_as_long_as_it_takes_is_enough_and_a_nanosecond_less_is_not(
        self, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        clock.skip_unless_moves()
        limits.acquire("ada", (hourly(1),), 1)

        assert not limits.acquire("ada", (hourly(1),), 1, HOUR_NS - 1)
        assert limits.acquire("ada", (hourly(1),), 1, HOUR_NS).wait_seconds == 3600

    def test_under_several_limits_a_call_waits_for_the_slowest_and_all_are_charged(
        self, limiter: Limiter, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        slow, fast, wide = Limit(1, "d", 1), hourly(1), hourly(9)
        limits.acquire("ada", (slow, fast, wide), 1)

        late = limits.acquire("ada", (slow, fast, wide), 1, 2 * LONG_NS)

        assert late.wait_seconds == clock.about(24 * 3600)
        retries = [limiter.peek("ada", it).retry_after_seconds for it in (slow, fast, wide)]
        assert retries == [clock.about(48 * 3600), clock.about(2 * 3600), 0]
        assert limiter.peek("ada", wide).remaining == 7

    def test_a_wait_too_short_for_one_of_several_limits_reserves_under_none(
        self, limiter: Limiter, limits: LimitsBackend
    ) -> None:
        slow, wide = Limit(1, "d", 1), hourly(9)
        limits.acquire("ada", (wide, slow), 1)

        assert not limits.acquire("ada", (wide, slow), 1, 2 * HOUR_NS)

        assert limiter.peek("ada", wide).remaining == 8

    def test_who_has_waited_leaves_the_next_no_more_to_wait_for(
        self, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        limit = Limit(10, "s", 1)
        limits.acquire("ada", (limit,), 1)
        for _ in range(2):
            reserved = limits.acquire("ada", (limit,), 1, NS)
            clock.pass_seconds(reserved.wait_seconds + 0.1)

            assert reserved
            assert limits.acquire("ada", (limit,), 1)

    def test_a_limiter_waits_once_for_what_it_has_reserved(self, limits: LimitsBackend) -> None:
        slept: list[float] = []
        limiter = Limiter(limits, cache_denials=False, sleep=slept.append)
        limiter.acquire("ada", hourly(1))

        waited = limiter.wait("ada", hourly(1), timeout_seconds=2 * 3600)
        late = limiter.wait("ada", hourly(1), timeout_seconds=3600)

        assert waited
        assert slept == [waited.wait_seconds]
        assert not late


class RefundCases(LimiterBase):
    """Part of ``LimiterContract``: what a call took is given back, and no more."""

    def test_a_refund_gives_back_what_the_call_took_once(self, limiter: Limiter) -> None:
        first = limiter.acquire("ada", hourly(9), 2)
        second = limiter.acquire("ada", hourly(9), 3)

        limiter.refund(first)
        limiter.refund(first)
        assert limiter.peek("ada", hourly(9)).remaining == 6

        limiter.refund(second)
        limiter.refund(second)
        assert limiter.peek("ada", hourly(9)).remaining == 9
        assert allowed(11, lambda: limiter.acquire("ada", hourly(9))) == 9

    def test_a_refund_gives_back_under_each_of_several_limits(self, limiter: Limiter) -> None:
        several = [hourly(3), Limit(1, "d", 5), hourly(7, "named")]
        taken = limiter.acquire("ada", several, 2)
        limiter.acquire("ada", several)

        limiter.refund(taken)

        assert [limiter.peek("ada", it).remaining for it in several] == [2, 4, 6]

    def test_a_refund_concerns_its_own_key_and_limit_alone(self, limiter: Limiter) -> None:
        taken = limiter.acquire("ada", hourly(3))
        limiter.acquire("ada", hourly(4))
        limiter.acquire("bob", hourly(3))

        limiter.refund(taken)

        assert limiter.peek("ada", hourly(4)).remaining == 3
        assert limiter.peek("bob", hourly(3)).remaining == 2

    def test_a_refund_says_whether_it_has_given_anything_back(self, limits: LimitsBackend) -> None:
        limit = (hourly(1),)
        first = limits.acquire("ada", limit, 1).charge
        second = limits.acquire("ada", limit, 1, LONG_NS).charge
        assert first is not None
        assert second is not None

        assert limits.refund(first) is False  # the second one waits behind it
        assert limits.refund(second) is True
        limits.reset("ada")
        assert limits.refund(second) is False

    def test_reservations_that_are_given_back_in_their_order_leave_nothing(
        self, limits: LimitsBackend, limiter: Limiter, clock: BackendClock
    ) -> None:
        limits.acquire("ada", (hourly(1),), 1)
        waits = [limits.acquire("ada", (hourly(1),), 1, LONG_NS) for _ in range(3)]

        for wait in waits:
            limiter.refund(wait)

        assert limiter.peek("ada", hourly(1)).retry_after_seconds == clock.about(3600)

    def test_a_refund_of_a_denial_gives_nothing_back(self, limiter: Limiter) -> None:
        limiter.acquire("ada", hourly(2), 2)

        limiter.refund(limiter.acquire("ada", hourly(2)))
        limiter.refund(limiter.peek("ada", hourly(2)))

        assert not limiter.acquire("ada", hourly(2))

    def test_what_has_come_back_by_itself_is_not_given_back_again(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        limit = Limit(10, "s", 100)
        old = limiter.acquire("ada", limit)
        clock.pass_seconds(0.1)
        began = time.monotonic()
        before = limiter.acquire("ada", limit, 50)

        limiter.refund(old)

        after = limiter.peek("ada", limit)
        passed = 0 if clock.moves else time.monotonic() - began
        assert after.remaining <= 50 + passed * 10
        assert after.reset_after_seconds >= before.reset_after_seconds - passed - 0.01

    def test_a_refund_after_the_budget_is_whole_again_adds_nothing(
        self, limiter: Limiter, clock: BackendClock
    ) -> None:
        limit = Limit(100, "s", 3)
        taken = limiter.acquire("ada", limit, 3)
        clock.pass_seconds(0.1)

        limiter.refund(taken)

        assert limiter.peek("ada", limit).remaining == 3
        if clock.moves:
            assert allowed(5, lambda: limiter.acquire("ada", limit)) == 3

    def test_a_refund_after_a_reset_adds_nothing(self, limiter: Limiter) -> None:
        several = [hourly(3), hourly(4, "named")]
        taken = limiter.acquire("ada", several, 2)
        limiter.reset("ada")

        limiter.refund(taken)

        assert [limiter.peek("ada", it).remaining for it in several] == [3, 4]
        assert allowed(5, lambda: limiter.acquire("ada", several)) == 3

    def test_the_last_who_waits_gives_back_place_in_the_queue(
        self, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        for limit in (hourly(1), hourly(1, "named")):
            limits.acquire("ada", (limit,), 1)
            limits.acquire("ada", (limit,), 1, LONG_NS)
            last = limits.acquire("ada", (limit,), 1, LONG_NS)
            assert last.charge is not None
            assert last.wait_seconds == clock.about(2 * 3600)

            limits.refund(last.charge)

            again = limits.acquire("ada", (limit,), 1, LONG_NS)
            assert again.wait_seconds == clock.about(2 * 3600)

    def test_what_a_waiting_call_was_charged_with_is_not_given_back_by_another(
        self, limiter: Limiter, limits: LimitsBackend, clock: BackendClock
    ) -> None:
        taken = limiter.acquire("ada", hourly(1))
        waiting = limits.acquire("ada", (hourly(1),), 1, LONG_NS)
        assert waiting.wait_seconds == clock.about(3600)

        limiter.refund(taken)

        denied = limiter.acquire("ada", hourly(1))
        assert not denied
        assert denied.retry_after_seconds == clock.about(2 * 3600)
