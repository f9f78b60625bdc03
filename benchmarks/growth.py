"""What a spend costs in a ledger that has grown, through the kit.

One ledger a size, on one disk or server; they take blocks in turn. Every owner has twenty entries,
so a ledger of a million has fifty thousand owners. Fifty of them, spread over all, spend: the same
number at each size.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from statistics import median
from typing import TYPE_CHECKING

import psycopg
from attrs import evolve, frozen
from sqlalchemy import create_engine

from benchmarks import _ledger_of
from benchmarks._duel import calls, take_turns
from benchmarks._ledger_fill import Drift, drift, orders
from benchmarks._matches import connected, engine_of
from habitkit import HabitKit
from habitkit.backends.sqlalchemy import SqlStore, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks._duel import Side, Size
    from benchmarks._ledger_fill import Fetch, Order
    from benchmarks._place import Place

GOAL_TIMES_THE_SMALLEST = 1.3
"""What a spend shall cost at most, in times of what it costs in the smallest ledger."""


@frozen
class Store:
    """A store whose ledgers grow."""

    name: str
    ledger: Callable[[ExitStack, Place, int], tuple[HabitKit, Fetch]]
    needs_server: bool = False


@frozen
class Grown:
    """A row of the table.

    Attributes:
        store: On which store.
        entries: How many entries were there before.
        seconds: The medians of all blocks, in seconds a spend.
        ratios: In times of the smallest ledger, block by block; None for the smallest.
        drift: Coins that were made or lost.
    """

    store: str
    entries: int
    seconds: list[float]
    ratios: list[float] | None
    drift: Drift

    @property
    def microseconds(self) -> float:
        """How long a spend took."""
        return median(self.seconds) * 1e6

    @property
    def ratio(self) -> float | None:
        """The median of the ratios block by block; None for the smallest."""
        return None if self.ratios is None else median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met and no coin was made or lost; None for the smallest."""
        if self.drift:
            return False
        return None if self.ratio is None else self.ratio <= GOAL_TIMES_THE_SMALLEST


def measure(store: Store, place: Place, size: Size, advance: Callable[[], object]) -> list[Grown]:
    """Fill a ledger of each size and let them take turns, then count the coins."""
    size = evolve(size, block=max(size.block // 3, 10), metered=0)
    with ExitStack() as resources:
        ledgers = []
        for entries in size.ledgers:
            ledgers.append(store.ledger(resources, place, entries))
            advance()
        sides = [
            _side(kit, entries) for (kit, _), entries in zip(ledgers, size.ledgers, strict=True)
        ]
        times = take_turns(size, iter(orders(size.actions)), sides, advance)
        rows: list[Grown] = []
        for (kit, fetch), entries, seconds in zip(ledgers, size.ledgers, times, strict=True):
            pairs = zip(seconds, times[0], strict=True)
            ratios = [own / smallest for own, smallest in pairs] if rows else None
            before, owners = _ledger_of.coins_in_wallets(entries), _ledger_of.spenders(entries)
            coins_lost = drift(kit, fetch, before, size.actions, owners.values())
            rows.append(Grown(store.name, entries, seconds, ratios, coins_lost))
            advance()
        return rows


def _side(kit: HabitKit, entries: int) -> Side:
    """Let those owners of a ledger spend who stand for the fifty of the smallest one."""
    spend, stands_for = kit.coins.spend, _ledger_of.spenders(entries)

    def act(order: Order) -> int:
        return spend(stands_for[order.owner], 1, idempotency_key=order.key).amount

    return calls(act)


def _on_sqlite(resources: ExitStack, place: Place, entries: int) -> tuple[HabitKit, Fetch]:
    path = place.new_file()
    engine = engine_of(resources, path, "NORMAL")
    upgrade(engine)
    # A connection of its own: as SQLite has it by default, it looks no foreign key up.
    with closing(sqlite3.connect(path, isolation_level=None)) as filling:
        for pragma in ("cache_size = -262144", "temp_store = MEMORY", "synchronous = OFF"):
            filling.execute(f"PRAGMA {pragma}")
        filling.execute("BEGIN")
        for statement in _ledger_of.statements("sqlite", entries):
            filling.execute(statement)
        filling.execute("COMMIT")
        filling.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = resources.enter_context(connected(path, "NORMAL"))
    return HabitKit(SqlStore(engine)), raw.execute


def _on_postgres(resources: ExitStack, place: Place, entries: int) -> tuple[HabitKit, Fetch]:
    name = place.new_database()
    engine = create_engine(place.address(name, "postgresql+psycopg"))
    resources.callback(engine.dispose)
    upgrade(engine)
    raw = resources.enter_context(psycopg.connect(place.address(name), autocommit=True))
    with raw.transaction():
        raw.execute("SET LOCAL session_replication_role = replica")  # looks no foreign key up
        for statement in _ledger_of.statements("postgresql", entries):
            raw.execute(statement)
    raw.execute("VACUUM ANALYZE")
    raw.execute("CHECKPOINT")
    return HabitKit(SqlStore(engine)), raw.execute


STORES = [
    Store("SQLite, NORMAL", _on_sqlite),
    Store("PostgreSQL", _on_postgres, needs_server=True),
]
