"""Rolling up and pruning a store of time series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.metrics.port import Rolled
from habitkit.workflow import Outside

if TYPE_CHECKING:
    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore
    from habitkit.workflow import Steps

__all__ = ["maintain"]


def maintain(series: SeriesStore | AsyncSeriesStore, now: int, limit: int) -> Steps[Rolled]:
    """Roll up and prune a store.

    Args:
        series: The store.
        now: When, in seconds since 1970.
        limit: How many slots at most; ten times as many rows are deleted at most.
    """
    rolled: Rolled = yield Outside(series.roll, (now, limit))
    pruned: Rolled = yield Outside(series.prune, (now, limit * 10))
    return Rolled(rolled.count, rolled.more or pruned.more)
