"""Cases of stores of time series: threads, a second store on the same series, closing."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from habitkit.metrics.domain.points import decode_increase
from habitkit.testing.contracts._base import LIMIT_SECONDS
from habitkit.testing.contracts._series_base import (
    COARSE,
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
from habitkit.testing.contracts._threads import THREADS, all_of, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.metrics.port import SeriesStore

__all__ = ["SeriesEndCases", "SeriesRaces", "SharedSeriesCases"]

TURNS = 15
MOST_TURNS = 1000
NOW = T + 640


def writing_at_once(stores: Sequence[SeriesStore]) -> None:
    """Let writers register the same series in different orders, and write the same slots."""
    many = [counter("many", n=str(n)) for n in range(20)]

    def work(store: SeriesStore, writer: int) -> list[bool]:
        mine = many[writer:] + many[:writer]
        mine = mine[:: -1 if writer % 2 else 1]
        refused = []
        for turn in range(TURNS):
            points = [point(it, 560 + turn % 3 * 10, turn, writer) for it in mine]
            refused.append(bool(store.write(points, mine, NOW)))
        return refused

    calls = [partial(work, store, 1 + n) for n, store in enumerate(stores)]
    assert all_of(calls) == [[False] * TURNS] * len(stores)
    expected = len(stores) * sum(range(TURNS - 3, TURNS))
    assert [total(stores[0], it, (0, 600), NOW) for it in many] == [expected] * 20
    assert len(stores[-1].series([])) == 20
    roll_all(stores[0], NOW)
    assert [total(stores[-1], it, (0, 600), NOW) for it in many] == [expected] * 20


def all_at_once(one: SeriesStore, two: SeriesStore) -> None:
    """Let threads write, roll up, prune and read the same slots: every reading is of one moment."""
    one.write([point(RUNS, 545, 1, 9), point(RIDES, 545, 1, 9)], [RUNS, RIDES], NOW)
    written: list[int] = []
    readings: list[int] = []

    def write(store: SeriesStore, writer: int) -> int:
        last: dict[int, int] = {}
        try:
            for turn in range(1, MOST_TURNS):
                second = 550 + turn % 5 * 10
                store.write([point(it, second, turn, writer) for it in (RUNS, RIDES)], [], NOW)
                last[second] = turn
                if turn >= TURNS and len(readings) >= TURNS:
                    break
        finally:
            written.append(writer)
        return sum(last.values())

    def until_written(step: Callable[[], object]) -> int:
        while len(written) < 2:
            step()
        return 0

    def read(store: SeriesStore) -> int:
        least = 0.0

        def check() -> None:
            nonlocal least
            points = store.read([RUNS.id, RIDES.id], T, T + COARSE, NOW).points
            runs, rides = (
                sum(decode_increase(it.data) for it in points if it.series == series.id)
                for series in (RUNS, RIDES)
            )
            assert runs == rides >= least
            least = runs
            readings.append(1)

        return until_written(check)

    increases = all_of(
        [
            partial(write, one, 1),
            partial(write, two, 2),
            partial(until_written, partial(one.roll, NOW, 1)),
            partial(until_written, partial(two.roll, NOW, 5)),
            partial(until_written, partial(two.prune, NOW, 5)),
            partial(read, one),
            partial(read, two),
        ]
    )
    for now in (NOW, NOW + 1):
        assert [total(two, it, (0, 600), now) for it in (RUNS, RIDES)] == [1 + sum(increases)] * 2
        roll_all(one, now)
    assert steps(two, RUNS, (0, 600), NOW) == [COARSE]


def rolling_at_once(stores: Sequence[SeriesStore]) -> None:
    """Let threads roll up the same slots: nothing is there twice and nothing is missing."""
    many = [counter("many", n=str(n)) for n in range(10)]
    points = [point(it, at, 1) for it in many for at in range(0, 600, 10)]
    stores[0].write(points, many, T)

    all_of([partial(roll_all, store, NOW, 1 + n) for n, store in enumerate(stores)])

    roll_all(stores[0], NOW)
    assert [total(stores[-1], it, (0, 600), NOW) for it in many] == [60] * 10
    assert steps(stores[-1], many[3], (0, 600), NOW) == [COARSE]


class SeriesRaces(SeriesBase):
    """Part of ``SeriesContract``: threads that call at the same moment."""

    def test_threads_that_write_at_once_lose_nothing(self, series_store: SeriesStore) -> None:
        writing_at_once([series_store] * THREADS)

    def test_threads_that_roll_up_at_once_lose_nothing(self, series_store: SeriesStore) -> None:
        rolling_at_once([series_store] * 4)

    def test_every_reading_is_of_one_moment(self, series_store: SeriesStore) -> None:
        all_at_once(series_store, series_store)


class SharedSeriesCases(SeriesBase):
    """Part of ``SeriesContract``, with ``shared``: two stores on the same series."""

    def test_what_one_store_does_the_other_one_sees(
        self, series_store: SeriesStore, other: SeriesStore
    ) -> None:
        assert series_store.shared
        series_store.write([point(RUNS, 0, 1)], [RUNS], T)
        other.write([point(RUNS, 0, 10, writer=2)], [RUNS], T)
        assert [it.series for it in other.series(["runs"])] == [RUNS]
        assert total(series_store, RUNS, (0, 60), T) == 11
        assert roll_all(other, T + 90) == 1
        assert roll_all(series_store, T + 90) == 0
        assert total(series_store, RUNS, (0, 60), T + 90) == 11
        assert series_store.prune(T + 500, 100).count == 2
        assert other.prune(T + 500, 100).count == 0

    def test_threads_of_both_stores_that_write_at_once_lose_nothing(
        self, series_store: SeriesStore, other: SeriesStore
    ) -> None:
        writing_at_once([series_store, other] * (THREADS // 2))

    def test_threads_of_both_stores_that_roll_up_at_once_lose_nothing(
        self, series_store: SeriesStore, other: SeriesStore
    ) -> None:
        rolling_at_once([series_store, other] * 2)

    def test_every_reading_of_both_stores_is_of_one_moment(
        self, series_store: SeriesStore, other: SeriesStore
    ) -> None:
        all_at_once(series_store, other)

    def test_a_store_that_is_closed_leaves_the_series_to_the_other_one(
        self, series_store: SeriesStore, other: SeriesStore
    ) -> None:
        other.write([point(RUNS, 0, 1)], [RUNS], T)

        other.close()

        assert total(series_store, RUNS, (0, 60), T) == 1


class SeriesEndCases(SeriesBase):
    """Part of ``SeriesContract``: what a store says of itself, forks, threads, and closing."""

    def test_a_store_says_what_it_is(self, series_store: SeriesStore) -> None:
        assert isinstance(series_store.name, str)
        assert series_store.name
        assert list(series_store.tiers) == list(self.tiers)
        assert isinstance(series_store.shared, bool)

    def test_a_store_works_after_the_call_for_a_forked_process(
        self, series_store: SeriesStore
    ) -> None:
        series_store.write([point(RUNS, 0, 1)], [RUNS], T)

        series_store.after_fork()

        assert total(series_store, RUNS, (0, 60), T) == 1
        series_store.write([point(RUNS, 0, 2, writer=2)], [RUNS], T)
        assert roll_all(series_store, T + 90) == 1
        assert total(series_store, RUNS, (0, 60), T + 90) == 3

    def test_a_store_works_after_a_thread_that_used_it_has_ended(
        self, series_store: SeriesStore
    ) -> None:
        for n in range(3):
            write = partial(series_store.write, [point(RUNS, 10 * n, 1)], [RUNS], T)
            spawn(write).result(LIMIT_SECONDS)

            assert total(series_store, RUNS, (0, 60), T) == n + 1

    def test_a_store_may_be_closed_twice(self, series_store: SeriesStore) -> None:
        series_store.write([point(RUNS, 0, 1)], [RUNS], T)

        series_store.close()
        series_store.close()

    def test_a_store_may_be_closed_before_it_was_used(self, series_store: SeriesStore) -> None:
        series_store.close()
