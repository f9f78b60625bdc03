"""Stores of time series that are broken where threads, processes or tasks meet.

pytest does not collect this file by itself; ``test_series_contract.py`` runs it.
"""

from __future__ import annotations

import asyncio
import threading

from attrs import evolve

from habitkit.backends.memory import MemorySeries
from habitkit.metrics.port import Rolled
from habitkit.testing.contracts import SeriesContract
from tests.stores.breaking_series import Sharing, breaker, breaker_of_tasks, pause

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)
noticed_in_tasks_by = breaker_of_tasks(globals(), EXPECTED)


# -- threads, other processes, the end -----------------------------------------------------------


@noticed_by(
    "test_every_reading_is_of_one_moment", "test_every_reading_of_both_stores_is_of_one_moment"
)
class WritesPointByPoint(Sharing):
    def write(self, points, series, now):
        refused = super().write(points[:1], series, now)
        for it in points[1:]:
            pause()
            super().write([it], [], now)
        return refused


@noticed_by("test_every_reading_is_of_one_moment")
class DeletesTheMarkFirst(Sharing):
    def write(self, points, series, now):
        pause()
        return super().write(points, series, now)

    def roll(self, now, limit):
        with self._lock:
            due = self._next_due(now)
            if due is None:
                return Rolled(0)
            self._marks.discard(due)
        pause()
        with self._lock:
            self._roll_up(*due)
            return Rolled(1, more=self._next_due(now) is not None)


@noticed_by(
    "test_threads_that_roll_up_at_once_lose_nothing",
    "test_threads_of_both_stores_that_roll_up_at_once_lose_nothing",
)
class RollsUpOnceForEachThread(Sharing):
    def _put(self, tier, slot, of, writer, data):
        super()._put(tier, slot, of, writer or threading.get_ident(), data)

    def roll(self, now, limit):
        with self._lock:
            due = self._next_due(now)
        pause()
        with self._lock:
            if due is not None:
                self._roll_up(*due)
            return Rolled(int(due is not None), more=self._next_due(now) is not None)


@noticed_by("test_threads_that_write_at_once_lose_nothing")
class WritesACopy(Sharing):
    def write(self, points, series, now):
        slots = self._slots[10]
        with self._lock:
            before = {at: {of: {**rows} for of, rows in it.items()} for at, it in slots.items()}
        pause()
        refused = super().write(points, series, now)
        for it in points:
            before.setdefault(it.slot, {}).setdefault(it.series, {})[it.writer] = it.data
        with self._lock:
            slots.clear()
            slots.update(before)
        return refused


@noticed_by(
    "test_what_one_store_does_the_other_one_sees",
    "test_threads_of_both_stores_that_write_at_once_lose_nothing",
    "test_threads_of_both_stores_that_roll_up_at_once_lose_nothing",
    "test_a_store_that_is_closed_leaves_the_series_to_the_other_one",
)
class SharesNothing(Sharing):
    def share(self, store):
        return self


@noticed_by("test_a_store_that_is_closed_leaves_the_series_to_the_other_one")
class DeletesAllWhenClosed(Sharing):
    def close(self):
        self._slots[10].clear()


@noticed_by("test_a_store_says_what_it_is")
class HasOtherTiers(MemorySeries):
    def __init__(self, tiers):
        super().__init__(tiers[:2])


@noticed_by("test_a_store_works_after_the_call_for_a_forked_process")
class BeginsAnewInAForkedProcess(MemorySeries):
    def after_fork(self):
        self._slots[10].clear()


@noticed_by("test_a_store_works_after_a_thread_that_used_it_has_ended")
class KeepsPointsByThread(MemorySeries):
    def __init__(self, tiers):
        super().__init__(tiers)
        self.thread = threading.local()

    def write(self, points, series, now):
        vars(self.thread).setdefault("points", []).extend(points)
        return super().write(points, series, now)

    def read(self, series, start, end, now, coarsest=None):
        points = vars(self.thread).get("points", [])
        return evolve(super().read(series, start, end, now, coarsest), points=points)


@noticed_by("test_a_store_may_be_closed_twice")
class ClosesOnce(MemorySeries):
    def close(self):
        del self._slots


@noticed_by("test_a_store_may_be_closed_before_it_was_used")
class ClosesWhatItOpened(MemorySeries):
    def write(self, points, series, now):
        self.opened = True
        return super().write(points, series, now)

    def close(self):
        assert self.opened


# -- tasks ---------------------------------------------------------------------------------------


class AsyncPlain:
    """A store for async hosts; other tasks go on at each call."""

    shared = False

    def __init__(self, tiers):
        self.plain = MemorySeries(tiers)

    def __getattr__(self, name):
        found = getattr(self.plain, name)
        if not callable(found) or name == "after_fork":
            return found

        async def call(*args):
            await asyncio.sleep(0)
            return found(*args)

        return call


@noticed_in_tasks_by("test_a_call_cancelled_at_any_point_is_done_wholly_or_not_at_all[write]")
class WritesPointByPointInTasks(AsyncPlain):
    async def write(self, points, series, now):
        refused = self.plain.write([], series, now)
        for it in points:
            await asyncio.sleep(0)
            self.plain.write([it], [], now)
        return refused


@noticed_in_tasks_by("test_a_call_cancelled_at_any_point_is_done_wholly_or_not_at_all[roll]")
class LosesMarksWhenCancelled(AsyncPlain):
    async def roll(self, now, limit):
        marks, self.plain._marks = self.plain._marks, set()
        await asyncio.sleep(0)
        self.plain._marks |= marks
        return self.plain.roll(now, limit)


@noticed_in_tasks_by("test_many_tasks_that_write_and_read_lose_nothing")
class WritesForTheLastTask(AsyncPlain):
    async def write(self, points, series, now):
        self.args = points, series, now
        await asyncio.sleep(0)
        return self.plain.write(*self.args)


class TestNothingGiven(SeriesContract):
    pass
