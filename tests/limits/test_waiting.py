"""Waiting for a budget, giving it back, and the bound that holds with both."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.backends.memory import MemoryLimits
from habitkit.errors import InvalidInput
from habitkit.limits import AsyncLimiter, Limit, Limiter

SECOND = 10**9


class Clock:
    """A clock that a sleep moves."""

    def __init__(self):
        self.now = 0
        self.slept = []

    def ticks(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limiter(clock):
    return Limiter(MemoryLimits(ticks=clock.ticks), sleep=clock.sleep)


def test_a_wait_sleeps_once_for_what_is_missing(limiter, clock):
    limiter.acquire("ada", "10/s", 10)

    decision = limiter.wait("ada", "10/s", 3)

    assert decision
    assert clock.slept == [0.3] == [decision.wait_seconds]
    assert limiter.peek("ada", "10/s").remaining == 0


def test_a_wait_for_what_is_there_does_not_sleep(limiter, clock):
    assert limiter.wait("ada", "10/s", 10).wait_seconds == 0
    assert clock.slept == []


@pytest.mark.parametrize(("cost", "timeout"), [(1, 0.09), (1, 0), (2, 0.19)])
def test_a_timeout_that_is_too_short_reserves_nothing(limiter, clock, cost, timeout):
    limiter.acquire("ada", "10/s", 10)

    decision = limiter.wait("ada", "10/s", cost, timeout_seconds=timeout)

    assert not decision
    assert decision.retry_after_seconds == pytest.approx(cost / 10)
    assert clock.slept == []
    assert limiter.wait("ada", "10/s", timeout_seconds=0.1)


def test_a_cost_above_the_burst_is_not_waited_for(limiter, clock):
    decision = limiter.wait("ada", "10/s burst 2", 3, timeout_seconds=100)

    assert (decision.allowed, decision.retry_after_seconds) == (False, None)
    assert clock.slept == []
    assert limiter.peek("ada", "10/s burst 2").remaining == 2


def test_thirty_waits_at_a_hundred_a_second_end_after_the_ideal_time(limiter, clock):
    for _ in range(30):
        assert limiter.wait("ada", "100/s burst 1")

    assert clock.now / SECOND == pytest.approx(0.29, rel=0.1)


def test_thirty_waits_in_real_time_end_after_the_ideal_time():
    took = []
    for _ in range(3):  # a busy machine may wake a sleeper late, but hardly each time
        limiter = Limiter(MemoryLimits())
        begin = time.monotonic()
        for _ in range(30):
            assert limiter.wait("ada", "100/s burst 1")
        took.append(time.monotonic() - begin)

    assert 0.28 < min(took) < 0.29 * 1.5


def test_several_limits_wait_for_the_slowest(limiter):
    limiter.acquire("ada", "10/s; 30/min", 10)
    limiter.acquire("ada", "30/min", 20)

    assert limiter.wait("ada", "10/s; 30/min").wait_seconds == 2


@pytest.mark.parametrize("timeout", [-1, float("nan"), 86_401, "1", None])
def test_a_timeout_is_a_number_of_seconds_up_to_a_day(limiter, timeout):
    with pytest.raises(InvalidInput, match="timeout_seconds: expected a number of seconds from 0"):
        limiter.wait("ada", "10/s", 1, timeout)


def test_an_interrupted_wait_gives_its_reservation_back(clock):
    def interrupted(_):
        raise KeyboardInterrupt

    limiter = Limiter(MemoryLimits(ticks=clock.ticks), sleep=interrupted)
    limiter.acquire("ada", "1/s")
    with pytest.raises(KeyboardInterrupt):
        limiter.wait("ada", "1/s")

    assert limiter.peek("ada", "1/s").retry_after_seconds == 1


async def test_a_cancelled_wait_gives_its_reservation_back():
    limiter = AsyncLimiter(MemoryLimits())
    await limiter.acquire("ada", "1/h")
    waiting = asyncio.create_task(limiter.wait("ada", "1/h", timeout_seconds=7200))
    for _ in range(10):  # turns of the loop, until it sleeps
        await asyncio.sleep(0)
    assert ((await limiter.peek("ada", "1/h")).retry_after_seconds or 0) > 3601

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert ((await limiter.peek("ada", "1/h")).retry_after_seconds or 0) <= 3600


@pytest.mark.parametrize("order", [range(10), range(9, -1, -1), [3, 9, 0, 8, 1, 7, 2, 6, 5, 4]])
async def test_waits_that_are_all_cancelled_give_everything_back_in_any_order(order):
    limiter = AsyncLimiter(MemoryLimits(ticks=lambda: 0))
    await limiter.acquire("ada", "1/h burst 5", 5)
    waits = []
    for _ in range(10):
        waits.append(asyncio.create_task(limiter.wait("ada", "1/h burst 5", 1, 80_000)))
        for _ in range(10):
            await asyncio.sleep(0)
    assert (await limiter.peek("ada", "1/h burst 5")).retry_after_seconds == 11 * 3600

    for place in order:
        waits[place].cancel()
        await asyncio.wait([waits[place]])

    assert all(wait.cancelled() for wait in waits)
    assert (await limiter.peek("ada", "1/h burst 5")).retry_after_seconds == 3600


def test_reservations_that_are_given_back_in_any_order_leave_nothing(limiter):
    limit = (Limit(1, "h"),)
    limiter.acquire("ada", limit)
    waits = [limiter._backend.acquire("ada", limit, 1, 80_000 * SECOND) for _ in range(3)]

    for wait in waits:
        limiter.refund(wait)

    assert limiter.peek("ada", limit).retry_after_seconds == 3600
    assert limiter._withheld._size == 0


def test_what_is_withheld_is_dropped_when_its_time_is_over(clock):
    limiter = Limiter(MemoryLimits(ticks=clock.ticks), ticks=clock.ticks)
    limit = (Limit(1, "h"),)
    limiter.acquire("ada", limit)
    waits = [limiter._backend.acquire("ada", limit, 1, 80_000 * SECOND) for _ in range(2)]
    limiter.refund(waits[0])
    assert limiter._withheld._size == 1

    clock.now += 80_000 * SECOND
    assert limiter._withheld.pop("ada") == []
    assert limiter._withheld._size == 0


def test_those_that_are_over_make_room_for_others(clock, monkeypatch):
    """Nobody may ever ask for their keys again."""
    monkeypatch.setattr("habitkit.limits.withheld._MOST", 3)
    limiter = Limiter(MemoryLimits(ticks=clock.ticks), ticks=clock.ticks)
    limit = (Limit(1, "h"),)

    def withhold(key):
        limiter.acquire(key, limit)
        waits = [limiter._backend.acquire(key, limit, 1, 80_000 * SECOND) for _ in range(2)]
        limiter.refund(waits[0])

    for number in range(5):
        withhold(f"old {number}")
    assert limiter._withheld._size == 3
    clock.now += 80_000 * SECOND
    withhold("new")

    assert limiter._withheld._size == 1
    assert len(limiter._withheld.pop("new")) == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_reset_forgets_what_was_withheld(is_async):
    """Else the next cancelled wait would give it back in addition to the whole budget."""
    backend = MemoryLimits(ticks=lambda: 0)
    limit = (Limit(1, "h"),)
    limiter: Any = AsyncLimiter(backend) if is_async else Limiter(backend)

    async def done(result):
        return await result if is_async else result

    await done(limiter.acquire("ada", limit))
    waits = [backend.acquire("ada", limit, 1, 80_000 * SECOND) for _ in range(2)]
    await done(limiter.refund(waits[0]))
    assert limiter._withheld._size == 1

    await done(limiter.reset("ada"))

    assert limiter._withheld._size == 0


async def test_async_waits_sleep_side_by_side():
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    limiter = AsyncLimiter(MemoryLimits(ticks=lambda: 0), sleep=sleep)
    waits = [limiter.wait("ada", "10/s burst 1") for _ in range(4)]

    assert all(await asyncio.gather(*waits))
    assert slept == [0.1, 0.2, 0.3]


# -- refunds -------------------------------------------------------------------------------------


def test_a_refund_works_once_a_decision(limiter):
    decision = limiter.acquire("ada", "5/min", 2)
    limiter.acquire("ada", "5/min", 3)

    limiter.refund(decision)
    limiter.refund(decision)

    assert limiter.peek("ada", "5/min").remaining == 2


@pytest.mark.parametrize("limit", ["5/min", "5/min; 100/h", "5/min exact"])
def test_a_refund_of_several_decisions_restores_the_whole_budget(limiter, limit):
    decisions = [limiter.acquire("ada", limit) for _ in range(5)]
    for decision in decisions:
        limiter.refund(decision)

    assert limiter.peek("ada", limit).remaining == 5
    assert limiter.peek("ada", limit).reset_after_seconds == 0


def test_what_has_come_back_by_itself_is_not_given_back_again(limiter, clock):
    decision = limiter.acquire("ada", "5/min", 5)
    clock.now += 60 * SECOND
    limiter.acquire("ada", "5/min", 5)

    limiter.refund(decision)

    assert limiter.peek("ada", "5/min").remaining == 0


def test_denied_and_peeked_decisions_have_nothing_to_give_back(limiter):
    limiter.acquire("ada", "2/min", 2)
    limiter.refund(limiter.acquire("ada", "2/min"))
    limiter.refund(limiter.peek("ada", "2/min"))
    limiter.reset("ada")
    limiter.refund(limiter.peek("ada", "2/min"))

    assert limiter.peek("ada", "2/min").remaining == 2


def test_a_refund_after_a_reset_gives_nothing(limiter):
    decision = limiter.acquire("ada", "2/min")
    limiter.reset("ada")
    limiter.refund(decision)

    assert limiter.peek("ada", "2/min").remaining == 2


def test_a_slot_that_another_waits_behind_is_not_given_away_twice(limiter, clock):
    """The second in the queue keeps its instant, so the first one's place is not free before."""
    backend = limiter._backend
    one = (Limit(1, "s"),)
    backend.acquire("ada", one, 1)
    first = backend.acquire("ada", one, 1, 10 * SECOND)
    second = backend.acquire("ada", one, 1, 10 * SECOND)
    assert (first.wait_seconds, second.wait_seconds) == (1, 2)

    limiter.refund(first)

    assert backend.acquire("ada", one, 1, 10 * SECOND).wait_seconds == 3


@pytest.mark.parametrize("given", [None, "decision", True])
def test_what_is_no_decision_is_refused(limiter, given):
    with pytest.raises(InvalidInput, match="decision: expected a decision that acquire or wait"):
        limiter.refund(given)


# -- the bound -----------------------------------------------------------------------------------

LIMITS = [Limit(3, "s"), Limit(5, "s", burst=2), Limit(2, "s", exact=True), Limit(7, "3s", burst=9)]
STEPS = st.lists(
    st.tuples(
        st.integers(0, SECOND),  # the time that passes
        st.integers(1, 3),  # the cost
        st.sampled_from([0, 0, SECOND // 3, 5 * SECOND]),  # the longest wait
    ),
    max_size=60,
)


@given(limit=st.sampled_from(LIMITS), steps=STEPS)
def test_no_window_admits_more_than_the_bound_waits_included(limit, steps):
    clock = Clock()
    admitted: list[Any] = []
    backend = MemoryLimits(ticks=clock.ticks)
    for passes, cost, longest in steps:
        clock.now += passes
        if cost <= limit.burst:
            decision = backend.acquire("ada", (limit,), cost, longest)
            if decision:
                admitted.append((clock.now + round(decision.wait_seconds * SECOND), cost))

    expect_bound(limit, admitted)
    assert all(one <= other for (one, _), (other, _) in pairwise(admitted) if limit.exact)


@given(limit=st.sampled_from(LIMITS), steps=STEPS, data=st.data())
def test_the_bound_holds_for_what_is_left_when_the_newest_calls_are_given_back(limit, steps, data):
    clock = Clock()
    admitted: list[Any] = []
    limiter = Limiter(MemoryLimits(ticks=clock.ticks), sleep=lambda _: None)
    for passes, cost, longest in steps:
        clock.now += passes
        if admitted and data.draw(st.booleans(), "give the newest back"):
            limiter.refund(admitted.pop()[2])
        if cost <= limit.burst:
            decision = limiter.wait("ada", limit, cost, longest / SECOND)
            if decision:
                at = clock.now + round(decision.wait_seconds * SECOND)
                admitted.append((at, cost, decision))

    expect_bound(limit, [(at, cost) for at, cost, _ in admitted])


def expect_bound(limit, admitted):
    """Check each window that begins and ends with an admission."""
    admitted = sorted(admitted)
    for first, (begin, _) in enumerate(admitted):
        taken = 0
        for end, cost in admitted[first:]:
            taken += cost
            if limit.exact:
                if end - begin < limit.period_seconds * SECOND:
                    assert taken <= limit.rate
            else:
                came_back = (end - begin + 1) // limit.emission_ns  # waits are rounded to 1 ns
                assert taken <= limit.burst + came_back


@settings(max_examples=200)
@given(steps=STEPS, rate=st.integers(1, 6))
def test_an_exact_limit_admits_whatever_its_window_has_room_for(steps, rate):
    """The oracle counts the calls of the last period, instant by instant."""
    clock = Clock()
    admitted: list[Any] = []
    limiter = Limiter(MemoryLimits(ticks=clock.ticks))
    limit = Limit(rate, "s", exact=True)
    for passes, cost, _ in steps:
        clock.now += passes
        recent = sum(one for at, one in admitted if at > clock.now - SECOND)

        decision = limiter.acquire("ada", limit, cost)

        assert decision.allowed == (recent + cost <= rate)
        if decision:
            admitted.append((clock.now, cost))
            recent += cost
        elif cost <= rate:
            until = clock.now + round((decision.retry_after_seconds or 0) * SECOND)
            assert sum(one for at, one in admitted if at > until - SECOND) + cost <= rate
            assert sum(one for at, one in admitted if at > until - 1 - SECOND) + cost > rate
        assert decision.remaining == max(rate - recent, 0)
