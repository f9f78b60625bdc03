"""Cache backends whose threads, tasks or ends are broken in one place each.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import nullcontext

import pytest

from habitkit.testing.contracts._cache_races import SharedCacheCases
from tests.cache.breaking import breaker, breaker_of_tasks
from tests.cache.plain_cache import AsyncPlainCache, PlainCache, PublishingCache, Ticks

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)
noticed_by_tasks = breaker_of_tasks(globals(), EXPECTED)


# -- threads -------------------------------------------------------------------------------------


class SlowCache(PlainCache):
    """Takes a moment after it has read, and a longer one for a lease, so that others come first."""

    def read(self, name):
        found = super().read(name)
        time.sleep(0.001)
        return found

    def holds(self, name, token):
        held = super().holds(name, token)
        time.sleep(0.003)
        return held


@noticed_by(
    "test_of_many_threads_that_add_a_value_one_succeeds",
    "test_of_many_threads_that_give_a_lease_back_one_succeeds",
    "test_a_value_deleted_while_its_lease_ends_does_not_come_back",
    "test_a_value_set_while_an_old_lease_ends_is_not_overwritten",
    "test_a_lease_taken_while_an_old_one_ends_is_not_lost",
    "test_a_counter_loses_no_addition_of_many_threads",
)
class LocksNothing(SlowCache):
    def __init__(self, ticks):
        super().__init__(ticks)
        self.lock = nullcontext()


@noticed_by("test_each_of_many_threads_gets_its_own_values")
class HasOneReplyForAllThreads(PlainCache):
    def get_many(self, names):
        self.reply = super().get_many(names)
        time.sleep(0.0005)
        return self.reply


@noticed_by("test_a_value_that_is_read_while_it_changes_is_one_or_the_other")
class WritesInTwoParts(PlainCache):
    def write(self, name, value, ttl_ms):
        super().write(name, value[: len(value) // 2], ttl_ms)
        time.sleep(0.001)
        super().write(name, value, ttl_ms)

    def get_many(self, names):
        return [self.read(name) for name in names]


# -- two backends on one state -------------------------------------------------------------------


@pytest.fixture
def _alone(self, ticks):
    return PlainCache(ticks)


noticed_by(
    "test_what_one_backend_does_the_other_one_sees",
    "test_of_threads_of_both_backends_that_add_a_value_one_succeeds",
    "test_a_counter_loses_no_addition_of_threads_of_both_backends",
    cache_again=_alone,
)(PlainCache)


@noticed_by(
    "test_of_threads_of_both_backends_that_add_a_value_one_succeeds",
    "test_a_counter_loses_no_addition_of_threads_of_both_backends",
    "test_a_value_that_the_other_backend_deletes_while_its_lease_ends_does_not_come_back",
)
class LocksByItself(SlowCache):
    def share(self, other):
        self.values = other.values
        return self


@noticed_by("test_a_backend_that_is_closed_leaves_the_state_to_the_other_one")
class ClearsWhenItIsClosed(PlainCache):
    def close(self):
        self.values.clear()


class TestWithoutASecondBackend(SharedCacheCases):
    """Its author has forgotten the fixture."""

    capabilities = {"shared"}

    @pytest.fixture
    def cache(self):
        return PlainCache(Ticks())


# -- the end of a backend ------------------------------------------------------------------------


@noticed_by("test_a_backend_says_what_it_is")
class HasNoName(PlainCache):
    name = ""


noticed_by("test_a_backend_says_what_it_is", capabilities={"publishes"})(PlainCache)
noticed_by("test_a_backend_says_what_it_is", capabilities={"shared"})(PublishingCache)


@noticed_by("test_a_backend_works_after_the_call_for_a_forked_process")
class ForgetsAllAfterAFork(PlainCache):
    def after_fork(self):
        self.values.clear()


@noticed_by("test_a_backend_works_after_a_thread_that_used_it_has_ended")
class KeepsToOneThread(PlainCache):
    user = 0

    def set_many(self, items):
        self.user = self.user or threading.get_ident()
        if self.user != threading.get_ident():
            raise RuntimeError("made in another thread")
        super().set_many(items)

    def get_many(self, names):
        self.set_many([])
        return super().get_many(names)


@noticed_by("test_a_backend_may_be_closed_twice")
class ClosesOnce(PlainCache):
    def close(self):
        del self.ticks


@noticed_by("test_a_backend_may_be_closed_before_it_was_used")
class ClosesWhatItHasUsed(PlainCache):
    def close(self):
        del self.used

    def set_many(self, items):
        self.used = True
        super().set_many(items)


# -- tasks ---------------------------------------------------------------------------------------


@noticed_by_tasks("test_each_of_many_tasks_gets_its_own_values")
class HasOneReplyForAllTasks(AsyncPlainCache):
    async def call(self, function, *args):
        self.reply = function(*args)
        await asyncio.sleep(0)
        return self.reply


@noticed_by_tasks("test_of_many_tasks_that_add_a_value_one_succeeds")
class AddsInTwoSteps(AsyncPlainCache):
    async def add(self, item):
        found = await self.get_many([item.name])
        await self.set_many([item])
        return found == [None]


@noticed_by_tasks("test_a_counter_loses_no_addition_of_many_tasks")
class CountsInTwoSteps(AsyncPlainCache):
    async def incr(self, name, by, ttl_ms):
        (found,) = await self.get_many([name])
        self.plain.drop(name)
        return self.plain.incr(name, (found or 0) + by, ttl_ms)


@noticed_by_tasks("test_a_call_cancelled_at_any_point_leaves_the_backend_usable[get_many]")
class KeepsItsLockWhenCancelled(AsyncPlainCache):
    def __init__(self, ticks):
        super().__init__(ticks)
        self.one = asyncio.Lock()

    async def call(self, function, *args):
        await self.one.acquire()
        reply = await super().call(function, *args)
        self.one.release()
        return reply


@noticed_by_tasks("test_callers_that_are_cancelled_do_not_disturb_the_others[1]")
class ShiftsRepliesWhenCancelled(AsyncPlainCache):
    """Replies come in the order of the calls, and who is cancelled leaves one behind."""

    def __init__(self, ticks):
        super().__init__(ticks)
        self.replies = []

    async def call(self, function, *args):
        self.replies.append(function(*args))
        await asyncio.sleep(0)
        return self.replies.pop(0)


@noticed_by_tasks("test_a_subscription_cancelled_at_any_point_leaves_the_backend_usable")
class SubscribesOnce(AsyncPlainCache):
    busy = False

    async def subscribe(self):
        if self.busy:
            raise RuntimeError("another call is subscribing")
        self.busy = True
        subscription = await super().subscribe()
        self.busy = False
        return subscription
