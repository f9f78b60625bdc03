"""Spends through the kit against other ways to the same end, on each store.

On SQLite the other way is the floor: what the kit does, by hand. On PostgreSQL it is what a host
would write instead, which does less: neither idempotency key nor event, and nothing is validated.
Both sides have a database each, filled alike, and must leave the same balances and entries in it;
coins that were made or lost on the way, on either side, are the drift.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from benchmarks import _ledger_matches
from benchmarks._duel import in_turn
from benchmarks._ledger_matches import BATCH
from benchmarks._stopwatch import Stopwatch
from benchmarks.checkin import Shares

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from benchmarks._duel import Size, Times
    from benchmarks._ledger_fill import Drift
    from benchmarks._ledger_matches import Match
    from benchmarks._place import Place


@frozen
class Goal:
    """What a figure shall be: times the floor at most, or times as fast as a peer at least."""

    times_the_floor: float | None = None
    times_as_fast: float | None = None


@frozen
class Row:
    """A row of the table.

    Attributes:
        name: What the kit does, and on which store.
        other: What it is measured against.
        goal: Its goal.
        match: How it is set up.
        needs_server: True if it needs PostgreSQL.
        batch: How many coins are spent by one call.
        size: Makes this row's size of the run's.
    """

    name: str
    other: str
    goal: Goal
    match: Callable[[Place, Size], AbstractContextManager[Match]]
    needs_server: bool = False
    batch: int = 1
    size: Callable[[Size], Size] = lambda size: size


@frozen
class Result:
    """What was measured; times in microseconds a transfer, medians of blocks.

    Attributes:
        row: The row.
        times: The medians of all blocks, in seconds a call.
        shares: The driver's part of each side's time; None where it is not measured.
        drift: Coins that were made or lost.
    """

    row: Row
    times: Times
    shares: Shares | None
    drift: Drift

    @property
    def other(self) -> float:
        """The other way."""
        return median(self.times.floor) * 1e6 / self.row.batch

    @property
    def kit(self) -> float:
        """Through the kit."""
        return median(self.times.kit) * 1e6 / self.row.batch

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair of blocks, the way round in which the goal is stated."""
        if self.row.goal.times_as_fast is not None:
            return [1 / ratio for ratio in self.times.ratios]
        return self.times.ratios

    @property
    def ratio(self) -> float:
        """The median of the ratios block by block."""
        return median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met and no coin was made or lost; None if there is no goal."""
        if self.drift:
            return False
        goal = self.row.goal
        if goal.times_the_floor is not None:
            return self.ratio <= goal.times_the_floor
        return None if goal.times_as_fast is None else self.ratio >= goal.times_as_fast


def measure(row: Row, place: Place, size: Size, advance: Callable[[], object]) -> Result:
    """Let both sides spend in turn, look how long the driver takes, then count the coins.

    Raises:
        AssertionError: If both sides did not do the same.
    """
    size = row.size(size)
    with row.match(place, size) as match:
        items = iter(match.items)
        times = in_turn(size, items, match.other, match.kit, advance)
        done = size.warm_up + size.blocks * size.block
        shares = None
        if match.metered is not None:
            some, stopwatch = list(islice(items, size.metered)), Stopwatch()
            with match.metered(stopwatch) as (other, kit):
                shares = Shares(stopwatch.share(other, some), stopwatch.share(kit, some))
            done += len(some)
        return Result(row, times, shares, match.check(done * row.batch))


def _of_batches(size: Size) -> Size:
    """Return a size for calls that each do what a hundred others do."""
    return evolve(size, block=max(size.block // 50, 1), warm_up=1, metered=0)


def _of_threads(size: Size) -> Size:
    """Return a size for what only figures as a whole block."""
    return evolve(size, block=size.block * 2, metered=0)


_POSTGRES, _CORE = _ledger_matches.postgres, "four Core statements"

ROWS = [
    Row("memory", "dicts", Goal(), _ledger_matches.memory),
    *(
        Row(
            f"SQLite, {synchronous}",
            "by hand",
            Goal(times_the_floor=2.0),
            partial(_ledger_matches.sqlite, synchronous=synchronous),
        )
        for synchronous in ("FULL", "NORMAL")
    ),
    Row("PostgreSQL", _CORE, Goal(times_as_fast=1.6), _POSTGRES, needs_server=True),
    Row(
        f"PostgreSQL, post_many of {BATCH}",
        "one by one, one commit",
        Goal(times_as_fast=8.0),
        _ledger_matches.batches,
        needs_server=True,
        batch=BATCH,
        size=_of_batches,
    ),
    Row(
        f"PostgreSQL, hot wallet, {_ledger_matches.THREADS} threads",
        _CORE,
        Goal(times_as_fast=1.2),
        _ledger_matches.hot_wallet,
        needs_server=True,
        size=_of_threads,
    ),
]
