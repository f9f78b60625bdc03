"""What metrics cost with a store: a flush, the kit's own metrics of an action, and alert rules.

The floor of a flush is the bare upsert of the same rows with the sqlite3 module; beside it stands
what the kit's store takes for them. The floor of rules is reading all rows of their series once.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import evolve

from benchmarks._duel import Block, calls, take_turns
from benchmarks._fill import fill
from benchmarks._kinds import DAILY, NOW
from benchmarks._matches import connected, engine_of
from benchmarks.limits import FLOOR, KIT, compare
from habitkit import HabitKit
from habitkit.alerts import Alert, AlertGroup, AlertSettings
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlSeries, SqlStore, upgrade
from habitkit.metrics import Metrics, Series, Sketch, increase
from habitkit.metrics.domain.points import encode_increase
from habitkit.metrics.port import Point
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from uuid import UUID

    from benchmarks._duel import Side, Size
    from benchmarks.limits import Row

    NewFile = Callable[[], Path]
    Advance = Callable[[], object]

__all__ = ["FLUSH", "RULES", "TURNS", "measure"]

TURNS = 4
"""How many comparisons advance the progress by a turn a block."""

SERIES, STEP, WRITER = 1_000, 10, 1 << 60
METRICS = 10
ACTIONS = 30
"""How many actions a turn of a side has."""

FLUSH = f"a flush of {SERIES:,} series, SQLite"
RULES = f"100 rules on {SERIES:,} series, SQLite"
WITHOUT = "without metrics"

GOAL_OF_A_FLUSH = round(1 / 1.5, 2)
GOALS_OF_AN_ACTION = {"memory": round(1 / 1.05, 3), "SQLite, NORMAL": round(1 / 1.02, 3)}
GOAL_OF_RULES = 0.5

VALUES = [0.001 * number for number in range(1, 11)]
"""What is recorded in each slot of a distribution."""

_UPSERT = (
    "INSERT INTO habitkit_metric_points (series, step, slot, writer, data) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (series, step, slot, writer) DO UPDATE SET data = excluded.data"
)

_ALL_ROWS = "SELECT count(*), sum(length(data)) FROM habitkit_metric_points"
_ROWS = (
    "SELECT count(*), sum(length(data)) FROM habitkit_metric_points WHERE series IN "
    "(SELECT id FROM habitkit_metric_series WHERE metric IN ('requests', 'load'))"
)


def measure(size: Size, new_file: NewFile, advance: Advance) -> list[Row]:
    """Measure all of it; arguments as for ``metrics.measure``."""
    return [
        *_flushes(size, new_file, advance),
        *_actions("memory", size, new_file, advance),
        *_actions("SQLite, NORMAL", size, new_file, advance),
        *_rules(size, new_file, advance),
    ]


def _store(resources: ExitStack, path: Path) -> SqlStore:
    engine = engine_of(resources, path, "NORMAL")
    upgrade(engine)
    return SqlStore(engine)


# -- a flush -----------------------------------------------------------------------------------


def _flushes(size: Size, new_file: NewFile, advance: Advance) -> list[Row]:
    """Flush a slot of counters and distributions, half of each."""
    with ExitStack() as resources:
        clock = FakeClock(NOW)
        path, floor_path = new_file(), new_file()
        series = SqlSeries(_store(resources, path))
        metrics = Metrics(series, max_values=SERIES, ticks=clock.ticks, wall_ns=clock.ticks)
        counter, load = metrics.counter("requests"), metrics.distribution("load")
        numbers = [{"number": f"{number}"} for number in range(SERIES // 2)]
        counters = [counter.bind(given) for given in numbers]
        loads = [load.bind(given) for given in numbers]

        def by_kit(items: Sequence[Any]) -> Block:
            seconds = []
            for _ in items:
                clock.advance(seconds=STEP)
                for one in counters:
                    one.add(3)
                for other in loads:
                    for value in VALUES:
                        other.record(value)
                started = perf_counter()
                metrics.flush()
                seconds.append(perf_counter() - started)
            return Block(seconds, [])

        _store(resources, floor_path)
        raw = resources.enter_context(connected(floor_path, "NORMAL"))
        sketch = Sketch()
        sketch.add(VALUES)
        data = {"counter": encode_increase(3), "distribution": sketch.encode()}
        encoded = [(it.series.id, data[it.series.kind]) for it in (*counters, *loads)]

        store = SqlSeries(_store(resources, new_file()))
        store.write([], [it.series for it in (*counters, *loads)], int(NOW.timestamp()))

        def by_store(items: Sequence[int]) -> Block:
            seconds = []
            for number in items:
                slot = int(NOW.timestamp()) + number * STEP
                points = [Point(id_, STEP, slot, WRITER, it) for id_, it in encoded]
                started = perf_counter()
                store.write(points, (), slot)
                seconds.append(perf_counter() - started)
            return Block(seconds, [])

        def by_hand(items: Sequence[int]) -> Block:
            seconds = []
            for number in items:
                rows = [(id_, STEP, number * STEP, WRITER, it) for id_, it in encoded]
                started = perf_counter()
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany(_UPSERT, rows)
                raw.execute("COMMIT")
                seconds.append(perf_counter() - started)
            return Block(seconds, [])

        some = evolve(size, block=max(size.block // 15, 1), warm_up=2)
        times = take_turns(some, count(1), [by_kit, by_store, by_hand], advance)
        own = resources.enter_context(connected(path, "NORMAL"))
        found, stored = own.execute(_ROWS).fetchone(), raw.execute(_ALL_ROWS).fetchone()
        assert found == stored, f"the kit has written other rows than the floor: {found}, {stored}"
    by_name = {KIT: times[0], "its store's write": times[1], FLOOR: times[2]}
    return compare(FLUSH, by_name, FLOOR, GOAL_OF_A_FLUSH)


# -- an action ---------------------------------------------------------------------------------


def _actions(store: str, size: Size, new_file: NewFile, advance: Advance) -> list[Row]:
    """A check-in of a kit that records its own metrics, and of one that does not."""
    with ExitStack() as resources:
        sides: list[Side] = []
        metrics = Metrics()
        for given in (metrics, None):
            backend = MemoryStore() if store == "memory" else _store(resources, new_file())
            kit = HabitKit(backend, clock=FakeClock(NOW), metrics=given)
            habits = fill(kit, DAILY, size.actions)
            sides.append(calls(partial(_check_in, kit, habits)))
        # The difference is small: sides take shorter turns, so that drift is on both alike.
        turns = max(size.block // ACTIONS, 1)
        short = evolve(size, blocks=size.blocks * turns, block=size.block // turns)
        times = take_turns(short, iter(range(size.actions)), sides, lambda: None)
        for _ in range(size.blocks + 1):
            advance()
        counted = {dict(it.series.attributes).get("action"): it.value for it in metrics.totals()}
        assert "habits.check_in" in counted
    by_name = {KIT: times[0], WITHOUT: times[1]}
    return compare(f"check-in, {store}", by_name, WITHOUT, GOALS_OF_AN_ACTION[store])


def _check_in(kit: HabitKit, habits: list[UUID], number: int) -> int:
    return kit.habits.check_in(habits[number]).streak.slots


# -- rules -------------------------------------------------------------------------------------


def _rules(size: Size, new_file: NewFile, advance: Advance) -> list[Row]:
    """Evaluate a group of rules, each on the series of one metric in a window of 5 minutes."""
    some = evolve(size, block=max(size.block // 40, 1), warm_up=2)
    turns = some.warm_up + some.blocks * some.block
    start = int(NOW.timestamp())
    with ExitStack() as resources:
        clock = FakeClock(NOW)
        store = _store(resources, new_file())
        points = SqlSeries(store)
        ids = _write(points, start, 300 + turns)
        group = AlertGroup(
            "many",
            [
                Alert(f"Rule{n}", increase(f"metric_{n % METRICS}", "5m", by=("zone",)) > 1_000 + n)
                for n in range(100)
            ],
            every_seconds=1,
            offset_seconds=0,
        )
        metrics = Metrics(points, ticks=clock.ticks, wall_ns=clock.ticks)
        kit = HabitKit(store, clock=clock, metrics=metrics, alerts=AlertSettings(groups=[group]))
        clock.advance(seconds=300)

        def evaluate(_: int) -> int:
            clock.advance(seconds=1)
            report = kit.alerts.evaluate()
            assert not report.failures
            assert len(report.evaluated) == 1
            return 1

        def read(number: int) -> int:
            at = start + 300 + number
            assert len(points.read(ids, at - 300, at, at).points) >= 29 * SERIES
            return 1

        times = take_turns(some, count(1), [calls(evaluate), calls(read)], advance)
    what = "reading the rows once"
    return compare(RULES, {KIT: times[0], what: times[1]}, what, GOAL_OF_RULES)


def _write(points: SqlSeries, start: int, seconds: int) -> list[int]:
    """Write a point of each series in each slot of a span of time; return the series' ids."""
    series = [
        Series(
            f"metric_{number % METRICS}",
            "counter",
            "",
            (("number", f"{number}"), ("zone", f"zone-{number // METRICS % 5}")),
        )
        for number in range(SERIES)
    ]
    data = encode_increase(1)
    for slot in range(start, start + seconds + STEP, STEP):
        points.write([Point(it.id, STEP, slot, WRITER, data) for it in series], series, slot)
    return [it.id for it in series]
