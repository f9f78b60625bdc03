"""Time series in a SQL database: SQLite and PostgreSQL, through a store of the kit."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from habitkit.backends.sqlalchemy import _series_work as work
from habitkit.backends.sqlalchemy._resident import Resident, expect_async_store, expect_store
from habitkit.backends.sqlalchemy._series import series_rows_of
from habitkit.errors import OutcomeUnknown, StoreBusy
from habitkit.metrics.domain.tiers import TIERS, check_tiers
from habitkit.metrics.errors import SeriesUnavailable
from habitkit.workflow import drive, drive_async

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from habitkit.backends.sqlalchemy._series import SeriesRows
    from habitkit.backends.sqlalchemy._stores import SqlStores
    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore
    from habitkit.backends.sqlalchemy.store import SqlStore
    from habitkit.backends.threaded import ThreadedStore
    from habitkit.metrics.domain.series import Series
    from habitkit.metrics.domain.tiers import SeriesTier
    from habitkit.metrics.port import KnownSeries, Point, Reading, Rolled
    from habitkit.store import Stores

__all__ = ["AsyncSqlSeries", "SqlSeries"]

R = TypeVar("R")

_NO_RUNNER: Any = None
"""A roll-up is driven without one: each of its transactions is a call to the outside."""


class SqlSeries(Resident):
    """Keeps the time series of all processes that share a SQL database.

    Each call is a transaction of its own, a roll-up is two a slot: what it has rolled up before it
    fails stays. Inside a transaction of a kit it is refused; another thread may have one.

    Args:
        store: A ``SqlStore``, such as the kit's own; it stays open.
        tiers: What to keep, the finest first; the same in all processes.

    Attributes:
        tiers: The tiers.
        shared: Whether other processes see what is written; not so for SQLite in memory.
    """

    def __init__(self, store: SqlStore, tiers: Sequence[SeriesTier] = TIERS) -> None:
        """Work through a store.

        Raises:
            ConfigurationError: If it is no ``SqlStore``, or the tiers do not fit together.
        """
        expect_store(store)
        super().__init__(store, SeriesUnavailable)
        self.tiers: Sequence[SeriesTier] = check_tiers(tiers)
        self.shared = "shared" in store.capabilities

    def write(self, points: Sequence[Point], series: Sequence[Series], now: int) -> Sequence[int]:
        """Register series, and write points of the finest tier."""
        if not points and not series:
            return ()
        return self._run(partial(work.write, self.tiers, points, series, now))

    def series(self, metrics: Collection[str]) -> Sequence[KnownSeries]:
        """Return the series of metrics by name, or all."""
        return self._run(partial(work.known, metrics), write=False)

    def read(
        self, series: Collection[int], start: int, end: int, now: int, coarsest: int | None = None
    ) -> Reading:
        """Read the points of a span of time."""
        return self._run(
            partial(work.read, self.tiers, series, start, end, now, coarsest), write=False
        )

    def roll(self, now: int, limit: int) -> Rolled:
        """Roll up the slots that are due, the oldest first."""
        return drive(work.roll(self._run, self.tiers, now, limit), _NO_RUNNER)

    def prune(self, now: int, limit: int) -> Rolled:
        """Delete points that are no longer kept, and series that are long without any."""
        return self._run(partial(work.prune, self.tiers, now, limit))

    def close(self) -> None:
        """Close the store if it was opened for this."""
        if self._owned:
            self._store.close()

    def _run(self, call: Callable[[SeriesRows], R], *, write: bool = True) -> R:
        """Make a call in a transaction."""
        with _without_outcome(self.name), self._errors():
            # keyed: whatever is repeated here changes nothing
            return self._store.run(partial(_on, call), write=write, keyed=True)  # type: ignore[no-any-return]


class AsyncSqlSeries(Resident):
    """The same for async hosts: see ``SqlSeries``. What is computed is computed in a thread.

    Args:
        store: An ``AsyncSqlStore``, or a ``ThreadedStore`` around a ``SqlStore``; it stays open.
        tiers: As for ``SqlSeries``.
    """

    def __init__(
        self, store: AsyncSqlStore | ThreadedStore, tiers: Sequence[SeriesTier] = TIERS
    ) -> None:
        """Work through a store.

        Raises:
            ConfigurationError: If it is no such store, or the tiers do not fit together.
        """
        expect_async_store(store)
        super().__init__(store, SeriesUnavailable)
        self.tiers: Sequence[SeriesTier] = check_tiers(tiers)
        self.shared = "shared" in store.capabilities

    async def write(
        self, points: Sequence[Point], series: Sequence[Series], now: int
    ) -> Sequence[int]:
        """Register series, and write points of the finest tier."""
        if not points and not series:
            return ()
        return await self._run(partial(work.write, self.tiers, points, series, now))

    async def series(self, metrics: Collection[str]) -> Sequence[KnownSeries]:
        """Return the series of metrics by name, or all."""
        return await self._run(partial(work.known, metrics), write=False)

    async def read(
        self, series: Collection[int], start: int, end: int, now: int, coarsest: int | None = None
    ) -> Reading:
        """Read the points of a span of time."""
        return await self._run(
            partial(work.read, self.tiers, series, start, end, now, coarsest), write=False
        )

    async def roll(self, now: int, limit: int) -> Rolled:
        """Roll up the slots that are due, the oldest first."""
        return await drive_async(work.roll(self._run, self.tiers, now, limit), _NO_RUNNER)

    async def prune(self, now: int, limit: int) -> Rolled:
        """Delete points that are no longer kept, and series that are long without any."""
        return await self._run(partial(work.prune, self.tiers, now, limit))

    async def close(self) -> None:
        """Close the store if it was opened for this."""
        if self._owned:
            await self._store.close()

    async def _run(self, call: Callable[[SeriesRows], R], *, write: bool = True) -> R:
        """Make a call in a transaction."""
        with _without_outcome(self.name), self._errors():
            return await self._store.run(partial(_on, call), write=write, keyed=True)  # type: ignore[no-any-return]


@contextmanager
def _without_outcome(name: str) -> Iterator[None]:
    """Raise that others were in the way, or that a COMMIT was cut, as what one may repeat."""
    try:
        yield
    except (StoreBusy, OutcomeUnknown) as error:
        raise SeriesUnavailable(name, str(error)) from error


def _on(call: Callable[[SeriesRows], R], stores: Stores) -> R:
    """Make a call on the rows of an open transaction."""
    return call(series_rows_of(cast("SqlStores", stores).link))
