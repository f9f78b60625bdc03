"""A check-in through the kit against its floor, on each store.

The steady state: the owner's accounts are open, the habit was done each day until yesterday, and
this is the first check-in of its day; each check-in is another habit's. Kit and floor have a
database each, one a copy of the other, on one disk or server, and must leave the same rows in it.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve, frozen

from benchmarks import _matches
from benchmarks._duel import in_turn
from benchmarks._kinds import DAILY, KINDS
from benchmarks._stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from benchmarks._duel import Size, Times
    from benchmarks._kinds import Kind
    from benchmarks._matches import Match
    from benchmarks._place import Place


@frozen
class Goal:
    """What a store's figure shall be at most: the ratio to the floor, or microseconds."""

    ratio: float | None = None
    microseconds: float | None = None


@frozen
class Store:
    """A row of the table: what it is called, its goal, and how its match is set up."""

    name: str
    goal: Goal
    match: Callable[[Place, Size], AbstractContextManager[Match]]
    needs_server: bool = False


class Shares(NamedTuple):
    """The driver's part of each side's time, from 0 to 1."""

    floor: float
    kit: float


@frozen
class Result:
    """What was measured; times in microseconds a check-in, medians of blocks.

    Attributes:
        store: The row's name.
        goal: Its goal.
        times: The medians of all blocks, in seconds.
        shares: The driver's part of each side's time; None where there is no driver.
    """

    store: str
    goal: Goal
    times: Times
    shares: Shares | None

    @property
    def floor(self) -> float:
        """By hand."""
        return median(self.times.floor) * 1e6

    @property
    def kit(self) -> float:
        """Through the kit."""
        return median(self.times.kit) * 1e6

    @property
    def ratio(self) -> float:
        """The median of the ratios block by block."""
        return median(self.times.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        if self.goal.ratio is not None:
            return self.ratio <= self.goal.ratio
        return None if self.goal.microseconds is None else self.kit <= self.goal.microseconds


def measure(store: Store, place: Place, size: Size, advance: Callable[[], object]) -> Result:
    """Let kit and floor work in turn, then look how long the driver takes, then compare the rows.

    Raises:
        AssertionError: If kit and floor did not do the same.
    """
    with store.match(place, size) as match:
        habits = iter(match.habits)
        times = in_turn(size, habits, match.floor, match.kit, advance)
        shares = None
        if match.metered is not None:
            some, stopwatch = list(islice(habits, size.metered)), Stopwatch()
            with match.metered(stopwatch) as (floor, kit):
                shares = Shares(stopwatch.share(floor, some), stopwatch.share(kit, some))
        match.check()
    return Result(store.name, store.goal, times, shares)


_NONE, _TWICE, _THRICE = Goal(), Goal(ratio=2.0), Goal(ratio=3.0)
_TEN_YEARS = evolve(DAILY, days=3650)
_FULL = partial(_matches.sqlite, synchronous="FULL")
_NORMAL = partial(_matches.sqlite, synchronous="NORMAL")
_THREADED = partial(_matches.sqlite_threaded, synchronous="NORMAL")
_PSYCOPG = _matches.psycopg_sync


def _of(kind: Kind, goal: Goal) -> Goal:
    """Return the goal of a kind; what a rolling schedule costs depends on how it was done."""
    return _NONE if kind.schedule.kind == "rolling" else goal


STORES = [
    Store("memory", _NONE, _matches.memory),
    Store("memory, 10-year habit", _NONE, partial(_matches.memory, kind=_TEN_YEARS)),
    Store("SQLite, FULL", _THRICE, _FULL),
    Store("SQLite, NORMAL", _THRICE, _NORMAL),
    Store("SQLite, NORMAL, 10-year habit", _THRICE, partial(_NORMAL, kind=_TEN_YEARS)),
    *(
        Store(f"SQLite, NORMAL, {kind.name}", _of(kind, _THRICE), partial(_NORMAL, kind=kind))
        for kind in KINDS
        if kind is not DAILY
    ),
    Store("SQLite, NORMAL, threaded", _NONE, _THREADED),
    Store("PostgreSQL, psycopg", _TWICE, _PSYCOPG, needs_server=True),
    *(
        Store(
            f"PostgreSQL, psycopg, {kind.name}",
            _of(kind, _TWICE),
            partial(_PSYCOPG, kind=kind),
            needs_server=True,
        )
        for kind in KINDS
        if kind is not DAILY
    ),
    Store("PostgreSQL, psycopg async", _TWICE, _matches.psycopg_async, needs_server=True),
    Store("PostgreSQL, asyncpg", _TWICE, _matches.asyncpg_async, needs_server=True),
]
