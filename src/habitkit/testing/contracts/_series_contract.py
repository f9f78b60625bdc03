"""``SeriesContract``: the guarantees of every store of time series."""

from __future__ import annotations

from habitkit.testing.contracts._series_pruning import PruneCases
from habitkit.testing.contracts._series_races import (
    SeriesEndCases,
    SeriesRaces,
    SharedSeriesCases,
)
from habitkit.testing.contracts._series_reading import ReadCases
from habitkit.testing.contracts._series_rolling import RollCases
from habitkit.testing.contracts._series_writing import KnownSeriesCases, WriteCases

__all__ = ["SeriesContract"]


class SeriesContract(
    WriteCases,
    KnownSeriesCases,
    ReadCases,
    RollCases,
    PruneCases,
    SeriesRaces,
    SharedSeriesCases,
    SeriesEndCases,
):
    """The guarantees of every ``SeriesStore``.

    The author's class gives the fixture ``series_store``, a new and empty store with the tiers
    ``self.tiers``, which the contract closes; with the capability ``shared`` also
    ``series_store_again``, another store on its series. Every call is given its time: nothing
    sleeps.
    """
