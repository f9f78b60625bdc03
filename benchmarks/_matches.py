"""Kit and floor on each store, ready to begin."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
from attrs import frozen
from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks import by_hand
from benchmarks._duel import awaits, calls
from benchmarks._fill import (
    check_dicts,
    check_tables,
    expected,
    fill,
    fill_dicts,
)
from benchmarks._kinds import DAILY, NOW
from benchmarks.in_dicts import Dicts
from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, sqlite_engine
from habitkit.backends.sqlalchemy.threaded import threaded_sqlite
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Literal
    from uuid import UUID

    from sqlalchemy import Engine

    from benchmarks._duel import Side, Size
    from benchmarks._kinds import Kind
    from benchmarks._place import Place
    from benchmarks._stopwatch import Stopwatch

    Synchronous = Literal["FULL", "NORMAL"]

CLOCK = FakeClock(NOW)
_slots = attrgetter("streak.slots")

PSYCOPG = {psycopg.Cursor: "execute executemany fetchall", psycopg.Connection: "commit"}
"""What is timed of psycopg's sync side."""


@frozen
class Match:
    """Kit and floor, ready to begin.

    Attributes:
        habits: What to check in for, in this order.
        floor: By hand.
        kit: Through the kit.
        check: Raises an ``AssertionError`` if they did not do the same.
        metered: Returns both sides with the driver's calls timed; None where there is no driver.
    """

    habits: list[Any]
    floor: Side
    kit: Side
    check: Callable[[], None]
    metered: Callable[[Stopwatch], AbstractContextManager[tuple[Side, Side]]] | None = None


# -- memory ----------------------------------------------------------------------------------------


@contextmanager
def memory(_: Place, size: Size, kind: Kind = DAILY) -> Iterator[Match]:
    """The memory store against plain dicts."""
    dicts = Dicts()
    with HabitKit(MemoryStore(), clock=CLOCK) as kit:
        habits = fill(kit, kind, size.actions)
        fill_dicts(dicts, kit, habits)
        yield Match(
            habits,
            calls(dicts.check_in),
            calls(kit.habits.check_in, _slots),
            lambda: check_dicts(kit, dicts),
        )


# -- SQLite ----------------------------------------------------------------------------------------


@contextmanager
def sqlite(
    place: Place, size: Size, kind: Kind = DAILY, *, synchronous: Synchronous
) -> Iterator[Match]:
    """A file in WAL mode against the sqlite3 module."""
    kit_path, floor_path, habits = place.sqlite(size, kind)
    with ExitStack() as resources:
        engine = engine_of(resources, kit_path, synchronous)
        raw = resources.enter_context(connected(floor_path, synchronous))
        kit = HabitKit(SqlStore(engine), clock=CLOCK)

        @contextmanager
        def metered(stopwatch: Stopwatch) -> Iterator[tuple[Side, Side]]:
            timed = stopwatch.sqlite()
            with ExitStack() as resources:
                engine = engine_of(resources, kit_path, synchronous)
                event.listen(engine, "do_connect", partial(connect_with, timed))
                raw = resources.enter_context(connected(floor_path, synchronous, timed))
                kit = HabitKit(SqlStore(engine), clock=CLOCK)
                yield (
                    calls(by_hand.on_sqlite(raw, expected(kind))),
                    calls(kit.habits.check_in, _slots),
                )

        yield Match(
            habits,
            calls(by_hand.on_sqlite(raw, expected(kind))),
            calls(kit.habits.check_in, _slots),
            lambda: _check_sqlite(kit_path, raw),
            metered,
        )


@contextmanager
def sqlite_threaded(place: Place, size: Size, *, synchronous: Synchronous) -> Iterator[Match]:
    """The store for async hosts against the sqlite3 module in an executor's thread."""
    kit_path, floor_path, habits = place.sqlite(size, DAILY)
    with ExitStack() as resources:
        runner = resources.enter_context(asyncio.Runner())
        executor = resources.enter_context(ThreadPoolExecutor(1))
        raw = resources.enter_context(connected(floor_path, synchronous))
        in_thread = by_hand.on_sqlite(raw, expected(DAILY))
        store = threaded_sqlite(engine_of(resources, kit_path, synchronous))
        resources.callback(lambda: runner.run(store.close()))
        kit = AsyncHabitKit(store, clock=CLOCK)

        async def floor(habit_id: UUID) -> int:
            return await asyncio.get_running_loop().run_in_executor(executor, in_thread, habit_id)

        yield Match(
            habits,
            awaits(runner, floor),
            awaits(runner, kit.habits.check_in, _slots),
            lambda: _check_sqlite(kit_path, raw),
        )


def engine_of(resources: ExitStack, path: Path, synchronous: Synchronous) -> Engine:
    engine = sqlite_engine(f"sqlite:///{path}", synchronous=synchronous)
    resources.callback(engine.dispose)
    return engine


def connected(
    path: Path, synchronous: Synchronous, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> closing[sqlite3.Connection]:
    """Connect as the kit's own engine does, in autocommit mode."""
    raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=factory)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute(f"PRAGMA synchronous = {synchronous}")
    raw.execute("PRAGMA foreign_keys = ON")
    return closing(raw)


def connect_with(factory: type, _: Any, __: Any, ___: Any, arguments: dict[str, Any]) -> None:
    """Let an engine make connections of another class."""
    arguments["factory"] = factory


def _check_sqlite(kit_path: Path, floor: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(kit_path)) as kit:
        check_tables(kit.execute, floor.execute)


# -- PostgreSQL ------------------------------------------------------------------------------------


@contextmanager
def psycopg_sync(place: Place, size: Size, kind: Kind = DAILY) -> Iterator[Match]:
    """The sync side of psycopg against itself."""
    kit_name, floor_name, habits = place.postgres(size, kind)
    engine = create_engine(place.address(kit_name, "postgresql+psycopg"))
    with psycopg.connect(place.address(floor_name)) as raw:
        raw.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        floor = calls(by_hand.on_psycopg(raw, expected(kind)))
        kit = calls(HabitKit(SqlStore(engine), clock=CLOCK).habits.check_in, _slots)
        check = partial(_check_postgres, place, kit_name, floor_name)
        yield Match(habits, floor, kit, check, partial(_metered, PSYCOPG, floor, kit))
        engine.dispose()


@contextmanager
def psycopg_async(place: Place, size: Size) -> Iterator[Match]:
    """The async side of psycopg against itself."""
    kit_name, floor_name, habits = place.postgres(size, DAILY)
    engine = create_async_engine(place.address(kit_name, "postgresql+psycopg"))
    with asyncio.Runner() as runner:
        raw = runner.run(psycopg.AsyncConnection.connect(place.address(floor_name)))
        runner.run(raw.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED))
        floor = awaits(runner, by_hand.on_psycopg_async(raw, expected(DAILY)))
        kit = awaits(
            runner, AsyncHabitKit(AsyncSqlStore(engine), clock=CLOCK).habits.check_in, _slots
        )
        timed = {
            psycopg.AsyncCursor: "execute executemany fetchall",
            psycopg.AsyncConnection: "commit",
        }
        check = partial(_check_postgres, place, kit_name, floor_name)
        yield Match(habits, floor, kit, check, partial(_metered, timed, floor, kit))
        runner.run(raw.close())
        runner.run(engine.dispose())


@contextmanager
def asyncpg_async(place: Place, size: Size) -> Iterator[Match]:
    """The store on asyncpg against asyncpg itself."""
    kit_name, floor_name, habits = place.postgres(size, DAILY)
    engine = create_async_engine(place.address(kit_name, "postgresql+asyncpg"))
    with asyncio.Runner() as runner:
        raw = runner.run(asyncpg.connect(place.address(floor_name)))
        floor = awaits(runner, by_hand.on_asyncpg(raw, expected(DAILY)))
        kit = awaits(
            runner, AsyncHabitKit(AsyncSqlStore(engine), clock=CLOCK).habits.check_in, _slots
        )
        timed = {
            asyncpg.Connection: "execute executemany fetch prepare",
            asyncpg.prepared_stmt.PreparedStatement: "fetch",
        }
        check = partial(_check_postgres, place, kit_name, floor_name)
        yield Match(habits, floor, kit, check, partial(_metered, timed, floor, kit))
        runner.run(raw.close())
        runner.run(engine.dispose())


@contextmanager
def _metered(
    timed: dict[type, str], floor: Side, kit: Side, stopwatch: Stopwatch
) -> Iterator[tuple[Side, Side]]:
    with stopwatch.on(timed):
        yield floor, kit


def _check_postgres(place: Place, kit_name: str, floor_name: str) -> None:
    with (
        psycopg.connect(place.address(kit_name)) as kit,
        psycopg.connect(place.address(floor_name)) as floor,
    ):
        check_tables(kit.execute, floor.execute)
