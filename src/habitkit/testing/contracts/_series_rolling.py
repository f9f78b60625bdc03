"""Cases of stores of time series: coarser slots are computed from all finer points in them."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from habitkit.metrics.domain.points import GaugePoint, encode_gauge, merge
from habitkit.metrics.domain.series import Series
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.port import Rolled
from habitkit.testing.contracts._series_base import (
    COARSE,
    FINE,
    MIDDLE,
    RIDES,
    RUNS,
    SeriesBase,
    T,
    counter,
    point,
    roll_all,
    steps,
    total,
)

if TYPE_CHECKING:
    from habitkit.metrics.domain.series import Across
    from habitkit.metrics.port import SeriesStore

__all__ = ["RollCases"]

NS = 1_000_000_000


class RollCases(SeriesBase):
    """Part of ``SeriesContract``: slots are rolled up in time, and again after late points."""

    def test_a_slot_is_rolled_up_30_s_after_its_end(self, series_store: SeriesStore) -> None:
        points = [point(RUNS, at, 1, writer) for at in (0, 20, 50) for writer in (1, 2)]
        for writer in (1, 2):
            mine = [it for it in points if it.writer == writer]
            series_store.write(mine, [RUNS], T + 59)

        assert series_store.roll(T + 89, 100) == Rolled(0)
        assert steps(series_store, RUNS, (0, 60), T + 89) == [FINE] * 6
        assert series_store.roll(T + 90, 100) == Rolled(1)
        (rolled,) = series_store.read([RUNS.id], T, T + 60, T + 90).points
        assert (rolled.step, rolled.slot, rolled.writer) == (MIDDLE, T, 0)
        assert total(series_store, RUNS, (0, 60), T + 90) == 6
        assert series_store.roll(T + 90, 100) == Rolled(0)
        assert series_store.roll(T + 629, 100) == Rolled(0)
        assert series_store.roll(T + 630, 100) == Rolled(1)
        assert steps(series_store, RUNS, (0, 600), T + 630) == [COARSE]
        assert series_store.roll(T + 9999, 100) == Rolled(0)

    def test_series_that_share_slots_are_rolled_up_each_for_itself(
        self, series_store: SeriesStore
    ) -> None:
        many = [counter("many", n=str(n)) for n in range(100)]
        points = [point(it, at, n) for n, it in enumerate(many) for at in (0, 70, 590)]
        series_store.write(points, many, T)

        roll_all(series_store, T + 700)

        assert [total(series_store, it, (0, 600), T + 700) for it in many] == [
            3 * n for n in range(100)
        ]
        assert steps(series_store, many[7], (0, 600), T + 700) == [COARSE]

    def test_the_values_of_all_writers_are_merged_by_kind(self, series_store: SeriesStore) -> None:
        across: list[Across] = ["last", "sum", "min", "max", "mean"]
        gauges = [Series("level", "gauge", across=it) for it in across]
        load = Series("load", "distribution", "seconds")
        sketches = []
        for values in ([1.0, 2.0], [3.5], [-4.0, 0.0]):
            sketches.append(Sketch())
            sketches[-1].add(values)
        writers = [1, 1, 2]
        levels = [
            GaugePoint(last, (T + at) * NS, last, last + 1.0, 2 * last + 1.0, 2)
            for last, at in ((5.0, 3), (8.0, 13), (1.0, 7))
        ]
        for n, (writer, second) in enumerate(zip(writers, (3, 13, 7), strict=True)):
            datas = [*[encode_gauge(levels[n])] * 5, sketches[n].encode()]
            points = [
                evolve(point(it, second, 0, writer), data=data)
                for it, data in zip([*gauges, load], datas, strict=True)
            ]
            series_store.write(points, [*gauges, load], T)
        roll_all(series_store, T + 90)

        for it in gauges:
            (rolled,) = series_store.read([it.id], T, T + 60, T + 90).points
            datas = [encode_gauge(level) for level in levels]
            pairs = list(zip(writers, datas, strict=True))
            assert rolled.data == merge("gauge", it.across, pairs)
        (rolled,) = series_store.read([load.id], T, T + 60, T + 90).points
        for sketch in sketches[1:]:
            sketches[0].merge(sketch)
        assert Sketch.decode(rolled.data) == sketches[0]

    @pytest.mark.parametrize("writer", [1, 2])
    def test_a_late_point_rolls_up_again_all_that_contains_it(
        self, series_store: SeriesStore, writer: int
    ) -> None:
        series_store.write([point(RUNS, at, 1) for at in range(0, 600, 10)], [RUNS], T)
        series_store.write([point(RIDES, 580, 7)], [RIDES], T)
        roll_all(series_store, T + 640)
        assert steps(series_store, RUNS, (0, 600), T + 640) == [COARSE]

        for amount in (100, 250):  # what came late is replaced too
            series_store.write([point(RUNS, 585, amount, writer)], [], T + 640)
            expected = amount + (59 if writer == 1 else 60)
            assert total(series_store, RUNS, (0, 600), T + 640) == expected
            assert series_store.roll(T + 640, 1).more
            assert total(series_store, RUNS, (0, 600), T + 640) == expected
            assert series_store.roll(T + 640, 1) == Rolled(1)
            assert steps(series_store, RUNS, (0, 600), T + 640) == [COARSE]
            assert total(series_store, RUNS, (0, 600), T + 640) == expected
            assert total(series_store, RUNS, (540, 600), T + 640) == expected - 54
        assert total(series_store, RIDES, (0, 600), T + 640) == 7

    def test_a_round_rolls_up_no_more_than_its_limit_the_oldest_first(
        self, series_store: SeriesStore
    ) -> None:
        for at in (190, 10, 310, 250, 70):
            series_store.write([point(RUNS, at, 1)], [RUNS], T)

        assert series_store.roll(T + 1000, 2) == Rolled(2, more=True)

        found = sorted(
            (it.slot - T, it.step) for it in series_store.read([RUNS.id], T, T + 600, T).points
        )
        assert found == [(0, MIDDLE), (60, MIDDLE), (190, FINE), (250, FINE), (310, FINE)]
        assert series_store.roll(T + 400, 3) == Rolled(3)  # the coarser one has not ended
        assert series_store.roll(T + 1000, 1) == Rolled(1)
        assert total(series_store, RUNS, (0, 600), T + 1000) == 5

    def test_what_was_due_for_long_is_rolled_up_in_rounds(self, series_store: SeriesStore) -> None:
        series_store.write([point(RUNS, at, 1) for at in range(0, 3000, 50)], [RUNS], T)

        assert 50 + 5 <= roll_all(series_store, T + 99_999, 7) <= 150

        assert steps(series_store, RUNS, (0, 3000), T + 3000) == [COARSE] * 5
        assert total(series_store, RUNS, (0, 3000), T + 3000) == 60
