"""Stores of time series whose points, series or readings are broken in one place each.

pytest does not collect this file by itself; ``test_series_contract.py`` runs it.
"""

from __future__ import annotations

from attrs import evolve

from habitkit.backends.memory import MemorySeries
from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.port import KnownSeries, Reading
from tests.stores.breaking_series import breaker

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)
EVERY_WINDOW = "test_a_reading_equals_the_sum_of_what_was_written"


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
