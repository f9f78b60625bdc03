"""Stores of time series that roll up or prune wrongly, in one place each.

pytest does not collect this file by itself; ``test_series_contract.py`` runs it.
"""

from __future__ import annotations

from attrs import evolve

from habitkit.backends.memory import MemorySeries
from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.port import Rolled
from tests.stores.breaking_series import breaker

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)
EVERY_WINDOW = "test_a_reading_equals_the_sum_of_what_was_written"


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


@noticed_by("test_a_series_without_points_goes_a_week_after_it_was_seen")
class KeepsSeries(MemorySeries):
    def _old_series(self, now):
        return iter(())


@noticed_by("test_a_series_without_points_goes_a_week_after_it_was_seen")
class DeletesSeriesWithoutPoints(MemorySeries):
    def _old_series(self, now):
        return super()._old_series(now + 3000)


@noticed_by("test_a_series_without_points_goes_a_week_after_it_was_seen")
class DeletesSeriesWithPoints(MemorySeries):
    def _old_series(self, now):
        return iter([of for of, it in self._known.items() if it.seen <= now - 7 * 86_400])
