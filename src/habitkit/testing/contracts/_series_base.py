"""The base class of the cases of stores of time series: fixtures of the author, and helpers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.domain.series import Series, labels_of
from habitkit.metrics.domain.tiers import SeriesTier, slot_of
from habitkit.metrics.port import Point
from habitkit.testing.contracts._base import missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from habitkit.metrics.port import SeriesStore

__all__ = [
    "COARSE",
    "FINE",
    "MIDDLE",
    "RIDES",
    "RUNS",
    "SeriesBase",
    "T",
    "counter",
    "point",
    "roll_all",
    "steps",
    "total",
]

T = 1_800_000_000
"""When the cases begin: seconds since 1970, a multiple of all steps."""

FINE, MIDDLE, COARSE = 10, 60, 600
MOST_ROUNDS = 200
"""More than any case needs."""


class SeriesBase:
    """The fixtures of the contracts of time series. An author's subclass overrides the first two.

    Attributes:
        capabilities: ``shared``, if several stores can keep the same series.
        tiers: What the stores under test keep; the author gives them these.
    """

    capabilities: ClassVar[Collection[str]] = frozenset()
    tiers: ClassVar[Sequence[SeriesTier]] = (
        SeriesTier(FINE, 120),
        SeriesTier(MIDDLE, 1200),
        SeriesTier(COARSE, 6000),
    )

    @pytest.fixture
    def series_store(self) -> SeriesStore:
        """The store under test, new and empty, with ``self.tiers``; the contract closes it."""
        missing("`series_store`, which returns a new, empty store of time series of `self.tiers`")

    @pytest.fixture
    def series_store_again(self) -> SeriesStore:
        """With the capability ``shared``: another store on the series of ``series_store``.

        It has connections and locks of its own, as in another process. The contract closes it.
        """
        missing("`series_store_again`, which returns another store on the same time series")

    @pytest.fixture
    def other(
        self, request: pytest.FixtureRequest, series_store: SeriesStore
    ) -> Iterator[SeriesStore]:
        """The second store, in cases that need ``shared``."""
        del series_store  # it is opened first
        self.skip_unless("shared")
        store: SeriesStore = request.getfixturevalue("series_store_again")
        yield store
        store.close()

    @pytest.fixture(autouse=True)
    def _closing(self, series_store: SeriesStore) -> Iterator[None]:
        yield
        series_store.close()

    def skip_unless(self, capability: str) -> None:
        """Skip a test of a capability that the class does not declare."""
        if capability not in self.capabilities:
            pytest.skip(f"the class does not declare {capability!r}")


def counter(metric: str, **attributes: str) -> Series:
    """Return the series of a counter."""
    return Series(metric, "counter", attributes=labels_of(attributes))


RUNS, RIDES = counter("runs"), counter("rides", zone="eu")


def point(series: Series, second: int, amount: int, writer: int = 1) -> Point:
    """Return a point of a counter, in the slot in which a second after ``T`` lies."""
    return Point(series.id, FINE, slot_of(T + second, FINE), writer, encode_increase(amount))


def total(
    store: SeriesStore,
    series: Series,
    seconds: tuple[int, int],
    now: int,
    coarsest: int | None = None,
) -> float:
    """Return the increase of a counter in a span of seconds after ``T``."""
    first, last = seconds
    reading = store.read([series.id], T + first, T + last, now, coarsest)
    return sum(decode_increase(it.data) for it in reading.points)


def steps(store: SeriesStore, series: Series, seconds: tuple[int, int], now: int) -> list[int]:
    """Return the steps of the points in a span of seconds after ``T``."""
    first, last = seconds
    return sorted(it.step for it in store.read([series.id], T + first, T + last, now).points)


def roll_all(store: SeriesStore, now: int, limit: int = 100) -> int:
    """Roll up what is due, in rounds, and return how many slots that were.

    Raises:
        AssertionError: If it has no end.
    """
    count = 0
    for _ in range(MOST_ROUNDS):
        rolled = store.roll(now, limit)
        count += rolled.count
        if not rolled.more:
            return count
    msg = f"{MOST_ROUNDS} rounds of `roll` have rolled up {count} slots, and there are more"
    raise AssertionError(msg)
