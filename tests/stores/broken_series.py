"""Stores of time series that are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from attrs import evolve

from habitkit.backends.memory import MemorySeries
from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.port import KnownSeries, Reading, Rolled
from habitkit.testing.contracts import AsyncSeriesContract, SeriesContract

EXPECTED: list[str] = []
EVERY_WINDOW = "test_a_reading_equals_the_sum_of_what_was_written"


def expect(broken, contract, case, **members):
    """Put a test class with some cases into this file, and expect one to fail."""
    home = next(kind for kind in contract.__mro__ if case.partition("[")[0] in vars(kind))
    name = f"Test{broken.__name__}{len(EXPECTED)}"
    globals()[name] = type(name, (home,), {"__module__": __name__, **members})
    EXPECTED.append(f"{Path(__file__).name}::{name}::{case}")


def noticed_by(*cases):
    """Put a store to cases, each of which has to fail."""

    def check(broken):
        @pytest.fixture
        def series_store(self):
            return broken(self.tiers)

        @pytest.fixture
        def series_store_again(self, series_store):
            return broken(self.tiers).share(series_store)

        shared = {"shared"} if issubclass(broken, Sharing) else set()
        fixtures = {"series_store": series_store, "series_store_again": series_store_again}
        for case in cases:
            expect(broken, SeriesContract, case, capabilities=shared, **fixtures)
        return broken

    return check


def pause():
    """Let other threads go on."""
    threading.Event().wait(0.001)


class Sharing(MemorySeries):
    """Several of them can have the same series, as stores of several processes have."""

    shared = True

    def share(self, store):
        self._lock, self._known = store._lock, store._known
        self._slots, self._marks = store._slots, store._marks
        return self


# -- writing -------------------------------------------------------------------------------------


@noticed_by("test_a_point_replaces_that_of_its_series_slot_and_writer")
class AddsToThePoint(MemorySeries):
    def _put(self, tier, slot, of, writer, data):
        if tier == 0:
            step = self.tiers[0].step_seconds
            before = self._slots[step].get(slot, {}).get(of, {}).get(writer)
            if before is not None:
                data = encode_increase(decode_increase(before) + decode_increase(data))
        super()._put(tier, slot, of, writer, data)


@noticed_by("test_a_point_replaces_that_of_its_series_slot_and_writer")
class KeepsTheFirstPoint(MemorySeries):
    def _put(self, tier, slot, of, writer, data):
        if tier == 0:
            data = self._slots[10].get(slot, {}).get(of, {}).get(writer, data)
        super()._put(tier, slot, of, writer, data)


@noticed_by("test_a_point_replaces_that_of_its_series_slot_and_writer", EVERY_WINDOW)
class HasOneWriter(MemorySeries):
    def _put(self, tier, slot, of, writer, data):
        super()._put(tier, slot, of, min(writer, 1), data)


@noticed_by("test_a_large_batch_comes_back_as_it_was_written")
class EndsAtNul(MemorySeries):
    def write(self, points, series, now):
        return super().write([evolve(p, data=p.data.split(b"\0")[0]) for p in points], series, now)


@noticed_by("test_a_large_batch_comes_back_as_it_was_written")
class WritesTheFirstFiveHundred(MemorySeries):
    def write(self, points, series, now):
        return super().write(points[:500], series, now)


@noticed_by("test_ids_are_any_numbers_of_64_bits")
class RefusesTheIdNought(MemorySeries):
    def write(self, points, series, now):
        return super().write([it for it in points if it.series], series, now)


@noticed_by("test_nothing_may_be_written")
class RegistersNothingWithoutPoints(MemorySeries):
    def write(self, points, series, now):
        return super().write(points, series if points else [], now)


@noticed_by("test_a_point_is_written_while_all_that_is_rolled_up_with_it_is_kept", EVERY_WINDOW)
class WritesHoweverLate(MemorySeries):
    def write(self, points, series, now):
        return super().write(points, series, min([now, *(p.slot for p in points)]))


@noticed_by("test_a_point_is_written_while_all_that_is_rolled_up_with_it_is_kept", EVERY_WINDOW)
class WritesNothingLate(MemorySeries):
    def write(self, points, series, now):
        return super().write([p for p in points if p.slot > now - 60], series, now)


@noticed_by("test_points_of_the_next_minute_are_read_when_asked_for")
class ReadsNothingAhead(MemorySeries):
    def read(self, series, start, end, now, coarsest=None):
        return super().read(series, start, min(end, now), now, coarsest)


# -- series --------------------------------------------------------------------------------------


@noticed_by("test_series_come_back_by_their_metrics")
class FindsMetricsByTheirBeginning(MemorySeries):
    def series(self, metrics):
        known = super().series([])
        return [it for it in known if it.series.metric.startswith(tuple(metrics) or "")]


@noticed_by("test_series_come_back_by_their_metrics")
class FindsMetricsInAnyCase(MemorySeries):
    def series(self, metrics):
        wanted = {it.lower() for it in metrics}
        return [it for it in super().series([]) if not wanted or it.series.metric.lower() in wanted]


@noticed_by("test_series_come_back_by_their_metrics")
class CutsTextsShort(MemorySeries):
    def series(self, metrics):
        return [
            evolve(
                it,
                series=evolve(
                    it.series,
                    attributes=tuple((key, value[:255]) for key, value in it.series.attributes),
                ),
            )
            for it in super().series(metrics)
        ]


@noticed_by("test_series_come_back_by_their_metrics")
class LosesHowWritersAreCombined(MemorySeries):
    def series(self, metrics):
        known = super().series(metrics)
        return [evolve(it, series=evolve(it.series, across="last")) for it in known]


@noticed_by("test_a_series_was_seen_when_it_was_last_registered")
class SeesASeriesOnce(MemorySeries):
    def _register(self, series, now):
        known = self._known.get(series.id)
        return super()._register(series, known.seen if known else now)


@noticed_by("test_a_series_was_seen_when_it_was_last_registered")
class SeesASeriesByItsPoints(MemorySeries):
    def _put(self, tier, slot, of, writer, data):
        self._known[of] = KnownSeries(self._known[of].series, max(slot, self._known[of].seen))
        super()._put(tier, slot, of, writer, data)


@noticed_by(
    "test_a_series_whose_id_another_one_has_is_refused",
    "test_of_two_new_series_with_one_id_one_is_refused",
)
class ReplacesASeriesWithItsId(MemorySeries):
    def _register(self, series, now):
        self._known[series.id] = KnownSeries(series, now)
        return True


@noticed_by("test_a_series_whose_id_another_one_has_is_refused")
class WritesPointsOfRefusedSeries(MemorySeries):
    def write(self, points, series, now):
        refused = super().write(points, series, now)
        super().write(points, [], now)
        return refused


@noticed_by("test_a_series_whose_id_another_one_has_is_refused")
class RefusesTheWholeBatch(MemorySeries):
    def write(self, points, series, now):
        if refused := super().write([], series, now):
            return refused
        return super().write(points, [], now)


# -- reading -------------------------------------------------------------------------------------


@noticed_by("test_what_is_not_rolled_up_is_read_from_finer_points", EVERY_WINDOW)
class ReadsWhatIsNotRolledUp(MemorySeries):
    def read(self, series, start, end, now, coarsest=None):
        marks, self._marks = self._marks, set()
        try:
            return super().read(series, start, end, now, coarsest)
        finally:
            self._marks = marks


@noticed_by("test_what_is_not_rolled_up_is_read_from_finer_points", EVERY_WINDOW)
class ReadsTheFinestOnly(MemorySeries):
    def read(self, series, start, end, now, coarsest=None):
        return super().read(series, start, end, now, 10)


@noticed_by(EVERY_WINDOW)
class ReadsSlotsTooCoarse(MemorySeries):
    def read(self, series, start, end, now, coarsest=None):
        return super().read(series, start, end, now)


@noticed_by("test_a_reading_of_nothing_says_what_it_covers", EVERY_WINDOW)
class SaysItCoversWhatWasAskedFor(MemorySeries):
    def read(self, series, start, end, now, coarsest=None):
        return Reading(super().read(series, start, end, now, coarsest).points, start, end)


@noticed_by(EVERY_WINDOW)
class ReadsTheSlotAtTheEnd(MemorySeries):
    def read(self, series, start, end, now, coarsest=None):
        found = super().read(series, start, end, now, coarsest)
        more = super().read(series, found.end, found.end + 10, now, coarsest)
        return evolve(found, points=[*found.points, *more.points])


@noticed_by(EVERY_WINDOW)
class ReadsAllSeries(MemorySeries):
    def read(self, series, start, end, now, coarsest=None):
        return super().read([*self._known], start, end, now, coarsest)


# -- rolling up ----------------------------------------------------------------------------------


@noticed_by("test_a_slot_is_rolled_up_30_s_after_its_end")
class RollsUpAtOnce(MemorySeries):
    def roll(self, now, limit):
        return super().roll(now + 30, limit)


@noticed_by("test_a_slot_is_rolled_up_30_s_after_its_end", EVERY_WINDOW)
class RollsUpOneTier(MemorySeries):
    def _next_due(self, now):
        due = super()._next_due(now)
        return due if due and due[0] == 60 else None


@noticed_by("test_a_slot_is_rolled_up_30_s_after_its_end")
class KeepsMarks(MemorySeries):
    def _roll_up(self, step, slot):
        super()._roll_up(step, slot)
        self._marks.add((step, slot))

    def roll(self, now, limit):
        due = self._next_due(now)
        if due is None:
            return Rolled(0)
        self._roll_up(*due)
        return Rolled(1)


@noticed_by("test_series_that_share_slots_are_rolled_up_each_for_itself")
class RollsUpFiftySeries(MemorySeries):
    def _put(self, tier, slot, of, writer, data):
        if tier == 0 or len(self._slots[60].get(slot, {})) < 50:
            super()._put(tier, slot, of, writer, data)


@noticed_by("test_the_values_of_all_writers_are_merged_by_kind")
class CombinesByTheLastValue(MemorySeries):
    def _register(self, series, now):
        return super()._register(evolve(series, across="last"), now)

    def _roll_up(self, step, slot):
        known = self._known
        self._known = {
            of: evolve(it, series=evolve(it.series, across="last")) for of, it in known.items()
        }
        super()._roll_up(step, slot)
        self._known = known


@noticed_by("test_the_values_of_all_writers_are_merged_by_kind", EVERY_WINDOW)
class RollsUpOneWriter(MemorySeries):
    def _roll_up(self, step, slot):
        whole = self._slots
        if step == 60:
            self._slots = {
                **whole,
                10: {
                    at: {of: dict([min(rows.items())]) for of, rows in inside.items()}
                    for at, inside in whole[10].items()
                },
            }
        super()._roll_up(step, slot)
        self._slots = whole


@noticed_by("test_a_late_point_rolls_up_again_all_that_contains_it", EVERY_WINDOW)
class AddsToWhatIsRolledUp(MemorySeries):
    def _put(self, tier, slot, of, writer, data):
        step = self.tiers[tier].step_seconds
        before = self._slots[step].get(slot, {}).get(of, {}).get(writer)
        if tier and before is not None:
            data = encode_increase(decode_increase(before) + decode_increase(data))
        super()._put(tier, slot, of, writer, data)


@noticed_by("test_a_late_point_rolls_up_again_all_that_contains_it", EVERY_WINDOW)
class RollsUpOnce(MemorySeries):
    def __init__(self, tiers):
        super().__init__(tiers)
        self.rolled = set()

    def _roll_up(self, step, slot):
        if (step, slot) in self.rolled:
            self._marks.discard((step, slot))
            return
        self.rolled.add((step, slot))
        super()._roll_up(step, slot)


@noticed_by("test_a_late_point_rolls_up_again_all_that_contains_it")
class ForgetsTheParentOfWhatIsRolledUpAgain(MemorySeries):
    def _roll_up(self, step, slot):
        is_there = slot in self._slots[step]
        before = set(self._marks)
        super()._roll_up(step, slot)
        if is_there:
            self._marks &= before


@noticed_by("test_a_round_rolls_up_no_more_than_its_limit_the_oldest_first")
class RollsUpWithoutLimit(MemorySeries):
    def roll(self, now, limit):
        return super().roll(now, 10 * limit)


@noticed_by("test_a_round_rolls_up_no_more_than_its_limit_the_oldest_first")
class RollsUpTheNewestFirst(MemorySeries):
    def _next_due(self, now):
        due = [it for it in self._marks if sum(it) + 30 <= now]
        return max(due, key=lambda it: (-it[0], it[1]), default=None)


@noticed_by(
    "test_a_round_rolls_up_no_more_than_its_limit_the_oldest_first",
    "test_what_was_due_for_long_is_rolled_up_in_rounds",
)
class SaysThatThereIsNoMore(MemorySeries):
    def roll(self, now, limit):
        return evolve(super().roll(now, limit), more=False)


@noticed_by("test_what_was_due_for_long_is_rolled_up_in_rounds")
class SaysThatThereIsAlwaysMore(MemorySeries):
    def roll(self, now, limit):
        return evolve(super().roll(now, limit), more=True)


# -- pruning -------------------------------------------------------------------------------------


@noticed_by("test_a_point_is_kept_for_as_long_as_its_tier_says")
class PrunesASlotEarly(MemorySeries):
    def prune(self, now, limit):
        return super().prune(now + 10, limit)


@noticed_by("test_a_point_is_kept_for_as_long_as_its_tier_says")
class PrunesASlotLate(MemorySeries):
    def prune(self, now, limit):
        return super().prune(now - 1, limit)


@noticed_by("test_a_point_is_kept_for_as_long_as_its_tier_says")
class PrunesTheFinestOnly(MemorySeries):
    def _old_points(self, now):
        return (it for it in super()._old_points(now) if it[0] is self._slots[10])


@noticed_by("test_what_is_still_to_be_rolled_up_is_kept")
class PrunesWhatIsNotRolledUp(MemorySeries):
    def prune(self, now, limit):
        marks, self._marks = self._marks, set()
        try:
            return super().prune(now, limit)
        finally:
            self._marks = marks


@noticed_by("test_what_is_rolled_up_again_with_a_late_point_is_kept_until_then")
class KeepsOnlyWhatIsMarked(MemorySeries):
    def _old_points(self, now):
        marks = self._marks
        found = [it for it in super()._old_points(now) if it[0] is self._slots[10]]
        self._marks = {it for it in marks if it[0] == 600}
        found += [it for it in super()._old_points(now) if it[0] is not self._slots[10]]
        self._marks = marks
        return iter(found)


@noticed_by("test_a_round_deletes_no_more_than_its_limit")
class PrunesWithoutLimit(MemorySeries):
    def prune(self, now, limit):
        return super().prune(now, 100 * limit)


@noticed_by("test_a_round_deletes_no_more_than_its_limit")
class SaysThatThereIsNoMoreToPrune(MemorySeries):
    def prune(self, now, limit):
        return evolve(super().prune(now, limit), more=False)


@noticed_by("test_a_series_goes_with_its_last_point_if_it_was_not_seen_since")
class KeepsSeries(MemorySeries):
    def _old_series(self, now):
        return iter(())


@noticed_by("test_a_series_goes_with_its_last_point_if_it_was_not_seen_since")
class DeletesSeriesWithoutPoints(MemorySeries):
    def _old_series(self, now):
        return super()._old_series(now + 3000)


@noticed_by("test_a_series_goes_with_its_last_point_if_it_was_not_seen_since")
class DeletesSeriesWithPoints(MemorySeries):
    def _old_series(self, now):
        return iter([of for of, it in self._known.items() if it.seen <= now - 6000])


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


def noticed_in_tasks_by(*cases):
    """Do the same with an async store."""

    def check(broken):
        @pytest.fixture
        def open_series_store(self):
            return lambda: broken(self.tiers)

        for case in cases:
            expect(broken, AsyncSeriesContract, case, open_series_store=open_series_store)
        return broken

    return check


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
