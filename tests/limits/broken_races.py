"""Limits backends whose threads, tasks or ends are broken in one place each.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from itertools import count

import pytest

from habitkit.limits.domain import charging
from habitkit.testing.contracts._limiter_races import SharedCases
from tests.limits.breaking import ChargesOneLimitAfterAnother, breaker, breaker_of_tasks
from tests.limits.plain_limits import AsyncPlainLimits, PlainLimits

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)
noticed_by_tasks = breaker_of_tasks(globals(), EXPECTED)


# -- threads -------------------------------------------------------------------------------------


@noticed_by(
    "test_threads_on_one_key_are_admitted_exactly_the_burst",
    "test_threads_on_many_keys_are_admitted_once_each",
    "test_threads_that_wait_get_one_place_each_in_the_queue",
    "test_threads_under_an_exact_limit_are_admitted_exactly_its_rate",
)
class LocksNothing(PlainLimits):
    def __init__(self, ticks):
        super().__init__(ticks)
        self.lock = nullcontext()

    def read(self, subject, limits):
        states = super().read(subject, limits)
        time.sleep(0.001)
        return states


@noticed_by("test_threads_are_charged_under_several_limits_all_or_none")
class ChargesOneLimitAfterAnotherUnlessOneDenies(ChargesOneLimitAfterAnother):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        seen = self.peek(subject, limits, cost)
        time.sleep(0.001)
        return super().acquire(subject, limits, cost, max_wait_ns) if seen else seen


@noticed_by("test_a_call_that_another_one_delays_is_not_denied")
class DeniesWhenItIsBusy(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        if not self.lock.acquire(blocking=False):
            return charging.denied(limits, [charging.Usage(0, 1, 1)], cost)
        try:
            time.sleep(0.001)
            return super().acquire(subject, limits, cost, max_wait_ns)
        finally:
            self.lock.release()


@noticed_by("test_threads_that_give_back_what_they_took_leave_the_budget_as_it_was")
class LocksNoRefund(PlainLimits):
    def refund(self, taken):
        states = self.read(taken.subject, taken.limits)
        time.sleep(0.02)
        after = charging.refund(taken, states, self.ticks())
        self.write(taken.subject, taken.limits, after)


# -- two backends on one state -------------------------------------------------------------------


@pytest.fixture
def _alone(self, ticks):
    return PlainLimits(ticks)


noticed_by(
    "test_what_one_backend_charges_the_other_one_sees",
    "test_threads_of_both_backends_are_admitted_exactly_the_burst_of_a_key",
    "test_threads_of_both_backends_are_admitted_once_for_each_of_many_keys",
    capabilities={"shared"},
    limits_again=_alone,
)(PlainLimits)


class SlowToWrite(PlainLimits):
    def write(self, subject, limits, states):
        time.sleep(0.001)
        super().write(subject, limits, states)


@pytest.fixture
def _locks_by_itself(self, limits, ticks):
    again = SlowToWrite(ticks)
    again.states = limits.states
    return again


noticed_by(
    "test_threads_of_both_backends_are_admitted_exactly_the_burst_of_a_key",
    "test_threads_of_both_backends_are_admitted_once_for_each_of_many_keys",
    capabilities={"shared"},
    limits_again=_locks_by_itself,
)(SlowToWrite)


class TestWithoutASecondBackend(SharedCases):
    """Its author has forgotten the fixture."""

    capabilities = {"shared"}

    @pytest.fixture
    def limits(self):
        return PlainLimits(time.time_ns)


# -- the end of a backend ------------------------------------------------------------------------


@noticed_by("test_a_backend_says_what_it_is")
class HasNoName(PlainLimits):
    name = ""


@noticed_by("test_a_backend_works_after_the_call_for_a_forked_process")
class ForgetsAllAfterAFork(PlainLimits):
    def after_fork(self):
        self.states.clear()


@noticed_by("test_a_backend_may_be_closed_twice")
class ClosesOnce(PlainLimits):
    def __init__(self, ticks):
        super().__init__(ticks)
        self.times = count()

    def close(self):
        if next(self.times):
            raise RuntimeError("closed already")


# -- tasks ---------------------------------------------------------------------------------------


@noticed_by_tasks(
    "test_tasks_on_one_key_are_admitted_exactly_the_burst",
    "test_threads_on_one_key_are_admitted_exactly_the_burst",
)
class LetsOthersInBetween(AsyncPlainLimits):
    async def acquire(self, subject, limits, cost, max_wait_ns=0):
        states = self.plain.read(subject, limits)
        now = self.plain.ticks()
        await asyncio.sleep(0)
        outcome = charging.charge(subject, limits, states, cost, now, max_wait_ns)
        if outcome.states is not None:
            self.plain.write(subject, limits, outcome.states)
        return outcome.decision


@noticed_by_tasks("test_each_of_many_tasks_gets_its_own_decision")
class LosesAReply(AsyncPlainLimits):
    def deliver(self, replies, results):
        super().deliver(replies[:100], results[:100])


@noticed_by_tasks(
    "test_each_of_many_tasks_gets_its_own_decision",
    "test_tasks_of_different_verbs_and_limits_do_not_mix_their_replies",
)
class MixesReplies(AsyncPlainLimits):
    def deliver(self, replies, results):
        super().deliver(replies, results[::-1])


@noticed_by_tasks("test_callers_that_are_cancelled_do_not_disturb_the_others")
class SkipsCancelledCallers(AsyncPlainLimits):
    def deliver(self, replies, results):
        kept = [reply for reply in replies if not reply.done()]
        super().deliver(kept, results[: len(kept)])


@noticed_by_tasks("test_callers_that_are_cancelled_do_not_disturb_the_others")
class CancelsTheWholeBatch(AsyncPlainLimits):
    async def call(self, function, *args):
        self.batch.append((function, args))
        place = len(self.batch) - 1
        if place == 0:
            loop = asyncio.get_running_loop()
            self.results = loop.create_future()
            loop.call_soon(self.flush)
        return (await self.results)[place]

    def flush(self):
        batch, self.batch = self.batch, []
        results = [function(*args) for function, args in batch]
        if not self.results.done():
            self.results.set_result(results)


@noticed_by_tasks(
    "test_a_cancelled_wait_gives_back_what_it_has_reserved",
    "test_a_wait_cancelled_at_any_point_takes_all_or_nothing",
    "test_a_refund_gives_back_what_the_call_took_once",
)
class GivesNothingBack(AsyncPlainLimits):
    async def refund(self, taken):
        pass


@noticed_by_tasks("test_cancelled_callers_of_one_key_let_nobody_above_the_burst")
class GivesBackWhatACancelledCallDidNotTake(AsyncPlainLimits):
    async def acquire(self, subject, limits, cost, max_wait_ns=0):
        try:
            return await super().acquire(subject, limits, cost, max_wait_ns)
        except asyncio.CancelledError:
            key = self.plain.key(subject, limits[0])
            tat, tolerance = self.plain.states.get(key, (0, 0))
            self.plain.states[key] = (tat - limits[0].emission_ns, tolerance)
            raise

    def flush(self):
        self.batch = [call for call in self.batch if not call[0].cancelled()]
        super().flush()


@noticed_by_tasks("test_a_backend_may_be_closed_twice")
class ClosesAsyncOnce(AsyncPlainLimits):
    async def close(self):
        del self.plain
