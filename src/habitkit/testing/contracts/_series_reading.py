"""Cases of stores of time series: a reading is what was written, whatever was rolled up since."""
# ruff: noqa: S101, S311 - tests assert, and chance is no cryptography here

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from habitkit.metrics.domain.points import decode_increase
from habitkit.metrics.domain.tiers import cover, slot_of, writable_from
from habitkit.metrics.port import Point, Reading
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
    from collections.abc import Sequence

    from habitkit.metrics.domain.tiers import Cover, SeriesTier
    from habitkit.metrics.port import SeriesStore

__all__ = ["ReadCases"]

TURNS = 120
UNKNOWN = counter("unknown")
READ = [(RUNS,), (RIDES, UNKNOWN), (RUNS, RIDES), (RUNS, UNKNOWN, RIDES)]


class History:
    """What was written to a store, without tiers, and which slots are not rolled up."""

    def __init__(self, tiers: Sequence[SeriesTier]) -> None:
        """Make an empty one."""
        self.tiers = tiers
        self.now = T
        self.amounts: dict[tuple[int, int, int], float] = {}
        self.marks: set[tuple[int, int]] = set()

    def write(self, store: SeriesStore, points: Sequence[Point]) -> None:
        """Write points, or leave out those that come too late."""
        assert not store.write(points, [RUNS, RIDES], self.now)
        oldest = writable_from(self.now, self.tiers)
        for it in points:
            if it.slot >= oldest:
                self.amounts[it.series, it.slot, it.writer] = decode_increase(it.data)
                self.marks.add((MIDDLE, slot_of(it.slot, MIDDLE)))

    def roll(self, store: SeriesStore, limit: int) -> None:
        """Roll up all that is due."""
        roll_all(store, self.now, limit)
        for step in (MIDDLE, COARSE):
            due = {it for it in self.marks if it[0] == step and sum(it) + 30 <= self.now}
            self.marks -= due
            if step == MIDDLE:
                self.marks |= {(COARSE, slot_of(slot, COARSE)) for _, slot in due}

    def check(
        self, store: SeriesStore, ids: set[int], start: int, end: int, coarsest: int | None
    ) -> None:
        """Compare a reading with the sum of what was written."""
        reading = store.read(ids, start, end, self.now, coarsest)

        expected = cover(start, end, self.now, self.tiers, self.marks, coarsest)
        assert (reading.start, reading.end) == (expected.start, expected.end)
        assert all(it.series in ids and is_in(it, expected) for it in reading.points)
        keys = [(it.series, it.step, it.slot, it.writer) for it in reading.points]
        assert len(set(keys)) == len(keys)
        for series in ids:
            assert self.sum_of(series, expected) == sum_of(series, reading), (start, end, coarsest)

    def sum_of(self, series: int, span: Cover) -> float:
        """Return what was recorded in a span."""
        return sum(
            amount
            for (of, slot, _), amount in self.amounts.items()
            if of == series and span.start <= slot < span.end
        )


def sum_of(series: int, reading: Reading) -> float:
    """Return the increase in a reading."""
    return sum(decode_increase(it.data) for it in reading.points if it.series == series)


def is_in(it: Point, expected: Cover) -> bool:
    """Tell whether a point is in a slot that should be read, as rolled up or as a writer's."""
    spans = (span for span in expected.spans if span.start <= it.slot < span.end)
    return any(it.step == span.step for span in spans) and (it.writer > 0) == (it.step == FINE)


class ReadCases(SeriesBase):
    """Part of ``SeriesContract``: every window at every instant is the sum of what was written."""

    @pytest.mark.parametrize("seed", range(2))
    def test_a_reading_equals_the_sum_of_what_was_written(
        self, series_store: SeriesStore, seed: int
    ) -> None:
        chance, history = Random(seed), History(self.tiers)
        for _ in range(TURNS):
            history.now += chance.choice([0, 5, 10, 20, 60, 200])
            slots = chance.sample(range(history.now - T - 150, history.now - T + 20, FINE), 5)
            writer = chance.randrange(1, 4)
            points = [
                point(it, slot, chance.randrange(1000), writer)
                for it in chance.choice([(RUNS,), (RIDES, RUNS)])
                for slot in slots
            ]
            history.write(series_store, points)
            if chance.random() < 0.3:  # noqa: PLR2004
                history.roll(series_store, chance.choice([1, 3, 100]))
            if chance.random() < 0.3:  # noqa: PLR2004
                series_store.prune(history.now, chance.choice([1, 10, 1000]))
            start = history.now - chance.choice([20, 130, 700, 2000, 7000]) - chance.randrange(60)
            end = chance.choice([history.now, chance.randrange(start, history.now + 70)])
            coarsest = chance.choice([None, None, 5, FINE, MIDDLE, 100, COARSE])
            ids = {it.id for it in chance.choice(READ)}
            history.check(series_store, ids, start, end, coarsest)

    def test_what_is_not_rolled_up_is_read_from_finer_points(
        self, series_store: SeriesStore
    ) -> None:
        series_store.write([point(RUNS, at, 1) for at in range(0, 1200, 50)], [RUNS], T)

        assert steps(series_store, RUNS, (0, 1200), T) == [FINE] * 24
        series_store.roll(T + 150, 100)
        assert steps(series_store, RUNS, (0, 1200), T + 150) == [*[FINE] * 21, *[MIDDLE] * 2]
        roll_all(series_store, T + 700)
        assert set(steps(series_store, RUNS, (0, 1200), T + 700)) == {FINE, MIDDLE, COARSE}
        assert total(series_store, RUNS, (0, 1200), T + 700) == 24  # noqa: PLR2004
        assert total(series_store, RUNS, (0, 1200), T + 700, MIDDLE) == 24  # noqa: PLR2004

    def test_a_reading_of_nothing_says_what_it_covers(self, series_store: SeriesStore) -> None:
        for ids in ([], [RUNS.id]):
            assert series_store.read(ids, T + 1, T + 99, T + 99) in (
                Reading([], T + 10, T + 90),
                Reading((), T + 10, T + 90),
            )
            empty = series_store.read(ids, T + 1, T + 9, T + 99)
            assert empty.start == empty.end
            assert not empty.points
