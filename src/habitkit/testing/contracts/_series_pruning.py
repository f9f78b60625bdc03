"""Cases of stores of time series: what is old goes, but nothing that is still needed."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.metrics.domain.points import decode_increase
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
    total,
)

if TYPE_CHECKING:
    from habitkit.metrics.port import SeriesStore

__all__ = ["PruneCases"]

WEEK = 7 * 86_400


def kept(store: SeriesStore, step: int) -> list[int]:
    """Return how much the points of a tier hold, in order of time, if nothing is too old."""
    reading = store.read([RUNS.id], T, T + COARSE, T, step)
    points = sorted(reading.points, key=lambda it: (it.slot, it.writer))
    return [int(decode_increase(it.data)) for it in points if it.step == step]


def prune_all(store: SeriesStore, now: int, limit: int) -> list[int]:
    """Prune in rounds and return what each has deleted."""
    counts = []
    for _ in range(50):
        pruned = store.prune(now, limit)
        counts.append(pruned.count)
        if not pruned.more:
            break
    return counts


class PruneCases(SeriesBase):
    """Part of ``SeriesContract``: each tier keeps its points for as long as it says."""

    @pytest.mark.parametrize(
        ("step", "last"), [(FINE, 10 + 120), (MIDDLE, 60 + 1200), (COARSE, 600 + 6000)]
    )
    def test_a_point_is_kept_for_as_long_as_its_tier_says(
        self, series_store: SeriesStore, step: int, last: int
    ) -> None:
        series_store.write([point(RUNS, 0, 1)], [RUNS], T)
        series_store.write([point(RUNS, 0, 2, writer=2)], [RUNS], T)
        roll_all(series_store, T + 630)
        rows = {FINE: 2, MIDDLE: 1, COARSE: 1}[step]
        series_store.write([], [RUNS], T + 3000)

        series_store.prune(T + last - 1, 100)
        assert sum(kept(series_store, step)) == 3
        assert series_store.prune(T + last, 100) == Rolled(rows)
        assert kept(series_store, step) == []
        assert series_store.prune(T + last, 100) == Rolled(0)
        finer = [it for it in (FINE, MIDDLE, COARSE) if it <= step]
        assert all(not kept(series_store, it) for it in finer)
        if step < COARSE:
            assert total(series_store, RUNS, (0, 600), T + last) == 3

    def test_what_is_still_to_be_rolled_up_is_kept(self, series_store: SeriesStore) -> None:
        series_store.write([point(RUNS, at, 1) for at in range(0, 600, 10)], [RUNS], T)
        now = T + 5000

        assert series_store.prune(now, 1000) == Rolled(0)

        assert total(series_store, RUNS, (0, 600), now) == 60
        series_store.roll(now, 3)
        assert series_store.prune(now, 1000).count == 3 * 6
        assert total(series_store, RUNS, (0, 600), now) == 60
        roll_all(series_store, now)
        assert series_store.prune(now, 1000).count == 7 * 6 + 10
        assert total(series_store, RUNS, (0, 600), now) == 60

    def test_what_is_rolled_up_again_with_a_late_point_is_kept_until_then(
        self, series_store: SeriesStore
    ) -> None:
        series_store.write([point(RUNS, at, 1) for at in range(0, 600, 10)], [RUNS], T)
        roll_all(series_store, T + 640)
        series_store.write([point(RUNS, 590, 1000, writer=2)], [RUNS], T + 640)
        now = T + 5000

        assert series_store.prune(now, 1000) == Rolled(9 * 6)

        assert total(series_store, RUNS, (0, 600), now) == 1060
        assert roll_all(series_store, now) == 2
        assert total(series_store, RUNS, (0, 600), now) == 1060
        assert series_store.prune(now, 1000) == Rolled(6 + 1 + 10)
        assert total(series_store, RUNS, (0, 600), now) == 1060

    def test_a_round_deletes_no_more_than_its_limit(self, series_store: SeriesStore) -> None:
        series_store.write([point(RUNS, at, 1) for at in range(0, 200, 10)], [RUNS], T)
        roll_all(series_store, T + 400)

        assert prune_all(series_store, T + 400, 7) == [7, 7, 6]

        assert total(series_store, RUNS, (0, 240), T + 400) == 20

    def test_a_series_without_points_goes_a_week_after_it_was_seen(
        self, series_store: SeriesStore
    ) -> None:
        idle, registered, busy = counter("idle"), counter("registered"), counter("busy")
        series_store.write([point(RUNS, 0, 1)], [RUNS, idle, registered, busy], T)
        series_store.write([point(RIDES, 590, 1)], [RIDES], T + 590)
        roll_all(series_store, T + 630)
        series_store.write([], [registered], T + 700)

        def names(now: int) -> set[str]:
            prune_all(series_store, now, 2)
            return {it.series.metric for it in series_store.series([])}

        series_store.write([point(busy, WEEK - 1000, 1)], [], T + WEEK - 1000)
        assert names(T + WEEK - 1) == {"runs", "rides", "idle", "registered", "busy"}
        assert names(T + WEEK) == {"rides", "registered", "busy"}
        assert names(T + WEEK + 590) == {"registered", "busy"}
        now = WEEK + 610
        series_store.write([point(RUNS, now - 10, 5)], [RUNS], T + now)
        assert total(series_store, RUNS, (now - 610, now + 50), T + now) == 5
        assert names(T + WEEK + 700) == {"runs", "busy"}
