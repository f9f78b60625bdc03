"""Cases of stores of time series: what is written and registered is there."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import cached_property

from attrs import evolve, frozen

from habitkit.metrics.domain.points import encode_increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.domain.tiers import writable_from
from habitkit.metrics.port import Point, SeriesStore
from habitkit.testing.contracts._series_base import (
    FINE,
    RIDES,
    RUNS,
    SeriesBase,
    T,
    counter,
    point,
    roll_all,
    total,
)

__all__ = ["KnownSeriesCases", "WriteCases"]

ODD_TEXT = 'Ünï\' \\ "%s" {0} ; -- 日本 \U0001f3c3 \x7f'


@frozen(slots=False)
class WithId(Series):
    """A series with any id."""

    forced: int = 0

    @cached_property
    def id(self) -> int:
        """The id."""
        return self.forced


class WriteCases(SeriesBase):
    """Part of ``SeriesContract``: points are read as they were written."""

    def test_a_point_replaces_that_of_its_series_slot_and_writer(
        self, series_store: SeriesStore
    ) -> None:
        first = [point(RUNS, 0, 1), point(RUNS, 10, 2), point(RIDES, 0, 3)]
        series_store.write(first, [RUNS, RIDES], T + 19)
        series_store.write([point(RUNS, 0, 40, writer=2)], [], T + 19)
        again = [point(RUNS, 0, 500), point(RIDES, 0, 3)]
        for _ in range(2):
            assert not series_store.write(again, [RUNS], T + 20)

        reading = series_store.read([RUNS.id, RIDES.id], T, T + 20, T + 20)

        expected = [*again, first[1], point(RUNS, 0, 40, writer=2)]
        assert sorted(reading.points, key=repr) == sorted(expected, key=repr)

    def test_a_large_batch_comes_back_as_it_was_written(self, series_store: SeriesStore) -> None:
        many = [counter("many", n=str(n)) for n in range(300)]
        datas = [bytes([n % 256]) * (n % 7) + b"\0'\\\xff%s" * (1 + n) for n in range(600)]
        points = [
            evolve(point(many[n // 2], n % 2 * FINE, 0, writer=2**63 - 1), data=data)
            for n, data in enumerate(datas)
        ]

        assert not series_store.write(points, many, T)

        reading = series_store.read([it.id for it in many], T, T + 20, T + 20)
        assert sorted(reading.points, key=repr) == sorted(points, key=repr)

    def test_ids_are_any_numbers_of_64_bits(self, series_store: SeriesStore) -> None:
        series = [WithId("odd", "counter", forced=it) for it in (-(2**63), -1, 0, 2**63 - 1)]
        series_store.write([point(it, 0, 1) for it in series], series, T)
        roll_all(series_store, T + 90)

        assert [total(series_store, it, (0, 60), T + 90) for it in series] == [1] * 4

    def test_nothing_may_be_written(self, series_store: SeriesStore) -> None:
        assert not series_store.write([], [], T)
        assert not series_store.write([], [RUNS], T)
        assert [it.series for it in series_store.series([])] == [RUNS]

    def test_a_point_is_written_while_all_that_is_rolled_up_with_it_is_kept(
        self, series_store: SeriesStore
    ) -> None:
        series_store.write([point(RUNS, second, 1) for second in range(0, 300, 10)], [RUNS], T)
        now = T + 255
        roll_all(series_store, now)
        late = [point(RUNS, second, 1000, writer=2) for second in range(0, 300, 10)]

        assert not series_store.write(late, [], now)

        oldest = writable_from(now, self.tiers)
        assert oldest == T + 180
        roll_all(series_store, now)
        assert total(series_store, RUNS, (0, 180), now) == 18
        assert total(series_store, RUNS, (180, 300), now) == 12 * 1001

    def test_points_of_the_next_minute_are_read_when_asked_for(
        self, series_store: SeriesStore
    ) -> None:
        series_store.write([point(RUNS, 60, 7)], [RUNS], T)

        assert total(series_store, RUNS, (0, 120), T) == 7
        assert total(series_store, RUNS, (0, 60), T) == 0


class KnownSeriesCases(SeriesBase):
    """Part of ``SeriesContract``: series are registered, and compared by their text."""

    def test_series_come_back_by_their_metrics(self, series_store: SeriesStore) -> None:
        odd = Series("odd", "gauge", ODD_TEXT, (("", ODD_TEXT), (ODD_TEXT, "")), "max")
        long = Series("long", "distribution", "seconds", tuple((f"n{n}", "x" * 500) for n in "abc"))
        all_of_them = [RUNS, RIDES, counter("rides", zone="us"), odd, long]
        for _ in range(2):
            assert not series_store.write([], all_of_them, T)

        def found(*metrics: str) -> set[Series]:
            known = [it.series for it in series_store.series(metrics)]
            assert len(set(known)) == len(known)
            return set(known)

        assert found() == set(all_of_them)
        assert found("rides", "none") == set(all_of_them[1:3])
        assert found("odd", "long") == {odd, long}
        assert found("ride") == found("Rides") == found("r%") == set()

    def test_a_series_was_seen_when_it_was_last_registered(self, series_store: SeriesStore) -> None:
        series_store.write([], [RUNS, RIDES], T)
        series_store.write([], [RUNS], T + 100)
        series_store.write([point(RUNS, 190, 1), point(RIDES, 190, 1)], [], T + 199)

        seen = {it.series: it.seen for it in series_store.series([])}

        assert seen == {RUNS: T + 100, RIDES: T}

    def test_a_series_whose_id_another_one_has_is_refused(self, series_store: SeriesStore) -> None:
        intruder = WithId("intruder", "counter", forced=RUNS.id)
        series_store.write([point(RUNS, 0, 1)], [RUNS], T)

        for _ in range(2):
            points = [point(RIDES, 0, 10), point(intruder, 0, 100), point(intruder, 10, 100)]
            refused = series_store.write(points, [intruder, RIDES], T + 9)

            assert list(refused) == [RUNS.id]
        assert {it.series.text for it in series_store.series([])} == {RUNS.text, RIDES.text}
        assert [total(series_store, it, (0, 20), T + 20) for it in (RUNS, RIDES)] == [1, 10]
        assert not series_store.write([point(RUNS, 0, 5)], [RUNS], T + 9)
        assert total(series_store, RUNS, (0, 20), T + 20) == 5

    def test_of_two_new_series_with_one_id_one_is_refused(self, series_store: SeriesStore) -> None:
        two = [WithId(name, "counter", forced=77) for name in ("one", "two")]

        refused = series_store.write([Point(77, FINE, T, 1, encode_increase(1))], two, T)

        assert list(refused) == [77]
        (kept,) = series_store.series([])
        assert kept.series.text in {it.text for it in two}
