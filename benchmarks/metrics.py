"""What recording metrics costs, how exact quantiles are, and how large a series and a scrape.

All record the same values, of a lognormal distribution. Sides take blocks in turn. A library that
is not installed is left out: ``make bench`` installs them.
"""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import count
from random import Random
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import evolve

from benchmarks import metrics_on_stores
from benchmarks._duel import Block, take_turns
from benchmarks._threads import in_threads
from benchmarks.limits import KIT, THREADS, Row, compare, repeated, within
from benchmarks.metrics_peers import (
    ATTRIBUTES,
    EXPLICIT,
    PROMETHEUS,
    one_by_one,
    peers,
)
from benchmarks.start_up import start
from habitkit.metrics import Metrics, Sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmarks._duel import Side, Size
    from benchmarks.metrics_peers import Record, RecordAll

__all__ = ["QUANTILES", "TASKS", "TURNS", "measure"]

TASKS = ("bound", "two attributes", f"bound, {THREADS} threads")
TURNS = len(TASKS) + 1 + metrics_on_stores.TURNS
"""How many comparisons advance the progress by a turn a block."""

GOALS = {PROMETHEUS: 3.0, EXPLICIT: 10.0}
GOAL_IN_THREADS = 2.0
GOAL_PERCENT = 1.0831
GOAL_OF_A_SCRAPE = round(1 / 1.5, 2)
GOAL_IMPORT_SECONDS = 0.020

QUANTILES = (0.5, 0.99, 0.999)
BOUNDS = [2.0**power for power in range(-13, 7)]
"""Those that the kit shows of seconds."""

_RANDOM = Random(16)
VALUES = [_RANDOM.lognormvariate(-3, 1.5) for _ in range(1024)]
"""They are timed together: a clock in each call would cost as much as the call."""


def measure(size: Size, new_file: Callable[[], Path], advance: Callable[[], object]) -> list[Row]:
    """Measure all of it.

    Args:
        size: How much.
        new_file: Returns the path of a file that is not there yet.
        advance: Is called after each round.
    """
    return [
        *_recording(size, advance),
        *_errors(size),
        *_bytes(size),
        *_exposition(size, advance),
        *metrics_on_stores.measure(size, new_file, advance),
        *_imports(size),
    ]


# -- recording ---------------------------------------------------------------------------------


def _recording(size: Size, advance: Callable[[], object]) -> list[Row]:
    """Record in one series: bound, looked up by two attributes, and from many threads."""
    found = peers()
    bound = {name: peer.bound for name, peer in found.items()}
    labelled = {
        name: peer.labelled(ATTRIBUTES) for name, peer in found.items() if peer.labelled is not None
    }
    own = Metrics().distribution("load", unit="seconds")
    page, zone = ATTRIBUTES.values()

    def by_attributes(values: Iterable[float]) -> None:
        for value in values:
            own.record(value, {"page": page, "zone": zone})

    plain = {name: one_by_one(it) for name, it in {KIT: own.bind().record, **bound}.items()}
    rows = [
        *_beside("bound", _alone(size, plain, advance), GOALS),
        *_beside("two attributes", _alone(size, {KIT: by_attributes, **labelled}, advance), GOALS),
    ]
    fast = {name: record for name, record in bound.items() if name in {PROMETHEUS, EXPLICIT}}
    times = _in_threads(size, fast, advance)
    return rows + _beside(f"bound, {THREADS} threads", times, {PROMETHEUS: GOAL_IN_THREADS})


def _alone(
    size: Size, records: Mapping[str, RecordAll], advance: Callable[[], object]
) -> dict[str, list[float]]:
    """Let one thread record the values with each."""
    some = evolve(size, block=max(size.block // 10, 1), warm_up=2)
    sides = [_recorded(record) for record in records.values()]
    return dict(zip(records, take_turns(some, count(), sides, advance), strict=True))


def _recorded(record_all: RecordAll) -> Side:
    def side(items: Sequence[Any]) -> Block:
        seconds = []
        for _ in items:
            started = perf_counter()
            record_all(VALUES)
            seconds.append((perf_counter() - started) / len(VALUES))
        return Block(seconds, [])

    return side


def _in_threads(
    size: Size, others: Mapping[str, Record], advance: Callable[[], object]
) -> dict[str, list[float]]:
    """Let many threads record whole numbers in one series; of the kit the sum is exact."""
    metrics = Metrics()
    series = metrics.distribution("load").bind()
    records: dict[str, Record] = {KIT: series.record, **others}

    def acts(record: Record) -> Callable[[Any], int]:
        def act(_: object) -> int:
            for number in range(len(VALUES)):
                record(number)
            return len(VALUES)

        return act

    some = evolve(size, block=THREADS * 2, warm_up=THREADS)
    with ExitStack() as resources:
        sides = [
            resources.enter_context(in_threads(THREADS, acts(record)))
            for record in records.values()
        ]
        times = take_turns(some, count(), sides, advance)
    turns = some.warm_up + some.blocks * some.block
    total = series.total()
    assert (total.count, total.sum) == (turns * len(VALUES), turns * sum(range(len(VALUES))))
    return {
        name: [seconds / len(VALUES) for seconds in blocks]
        for name, blocks in zip(records, times, strict=True)
    }


def _beside(
    task: str, times: Mapping[str, Sequence[float]], goals: Mapping[str, float]
) -> list[Row]:
    """Return the rows of a task: the kit's beside each library that there is a goal for."""
    title, own = f"record, {task}", times[KIT]
    rows = [
        Row(
            f"{title}, {KIT}",
            median(own) * 1e6,
            median(other / mine for other, mine in zip(times[name], own, strict=True)),
            name,
            goal,
        )
        for name, goal in goals.items()
        if name in times
    ]
    rows = rows or [Row(f"{title}, {KIT}", median(own) * 1e6)]
    others = (name for name in times if name != KIT)
    return rows + [Row(f"{title}, {name}", median(times[name]) * 1e6) for name in others]


# -- how exact, how large ----------------------------------------------------------------------


def _errors(size: Size) -> list[Row]:
    """How far quantiles are from the exact ones, in percent."""
    random = Random(1)
    values = [random.lognormvariate(-3, 1.5) for _ in range(min(size.block * 1000, 100_000))]
    series, found = Metrics().distribution("load").bind(), peers()
    for record in (series.record, *(peer.bound for peer in found.values())):
        for value in values:
            record(value)
    quantiles = {name: peer.quantile for name, peer in found.items()}
    quantiles = {KIT: series.total().quantile, **quantiles}
    values.sort()
    rows = []
    for q in QUANTILES:
        exact = values[int(q * (len(values) - 1))]
        for name, quantile in quantiles.items():
            title = f"error in percent at p{q * 100:g}, {name}"
            percent = max(abs(quantile(q) / exact - 1) * 100, 1e-9)
            most = GOAL_PERCENT if name == KIT else None
            rows.append(within(title, percent, percent, most, f"{GOAL_PERCENT} %"))
    return rows


def _bytes(size: Size) -> list[Row]:
    """What a series of 1,000 values takes: in the process, and, of the kit, as a stored point."""
    series, values = min(size.block, 50), VALUES[:1000]
    load = Metrics(max_series=series, max_values=series).distribution("load")
    new: dict[str, Callable[[int], RecordAll]] = {
        KIT: lambda number: one_by_one(load.bind({"page": f"{number}", "zone": "eu"}).record)
    }
    for name, peer in peers().items():
        if peer.labelled is None:
            new[name] = lambda _, name=name: one_by_one(peers()[name].bound)  # type: ignore[misc]
        else:
            new[name] = lambda number, labelled=peer.labelled: labelled(  # type: ignore[misc]
                {"page": f"{number}", "zone": "eu"}
            )
    found = {}
    for name, of_number in new.items():
        of_number(series)(VALUES[:1])  # what is made once, and imported, is no part of a series
        gc.collect()
        tracemalloc.start()
        kept = []
        for number in range(series):
            kept.append(record_all := of_number(number))
            record_all(values)
        if name == KIT:
            for it in load.records():
                it.fold()
        gc.collect()
        found[name] = tracemalloc.get_traced_memory()[0] / series
        tracemalloc.stop()
        del kept
    title = f"bytes of a series of {len(values):,} values"
    sketch = Sketch()
    sketch.add(values)
    rows = [Row(f"{title}, {name}", held) for name, held in found.items()]
    return [*rows, Row(f"{title}, {KIT}, stored", len(sketch.encode()))]


# -- a scrape ----------------------------------------------------------------------------------


def _exposition(size: Size, advance: Callable[[], object]) -> list[Row]:
    """The text that is scraped, of as many series with the same buckets."""
    if not find_spec("prometheus_client"):
        return []
    from prometheus_client import (  # noqa: PLC0415 - may be missing
        CollectorRegistry,
        Counter,
        Histogram,
        disable_created_metrics,
        generate_latest,
    )

    from habitkit.contrib.prometheus import exposition  # noqa: PLC0415 - needs it

    disable_created_metrics()  # type: ignore[no-untyped-call] # the kit sends none
    registry, names = CollectorRegistry(), list(ATTRIBUTES)
    metrics, series = Metrics(), min(size.block * 10, 200)
    requests = Counter("requests", "Requests.", names, registry=registry)
    load = Histogram("load_seconds", "Load.", names, registry=registry, buckets=BOUNDS)
    own_requests = metrics.counter("requests", description="Requests.")
    own_load = metrics.distribution("load", unit="seconds", description="Load.")
    for number in range(series):
        attributes = {"page": f"page-{number % 50}", "zone": f"zone-{number // 50}"}
        requests.labels(*attributes.values()).inc(number)
        own_requests.add(number, attributes)
        for value in VALUES[:100]:
            load.labels(*attributes.values()).observe(value)
            own_load.record(value, attributes)
    expected = {it for it in generate_latest(registry).decode().splitlines() if "_sum" not in it}
    assert expected <= {*exposition(metrics).body.decode().splitlines()}
    some = evolve(size, block=max(size.block // 15, 1), warm_up=1)
    calls: dict[str, Callable[[], object]] = {
        KIT: lambda: exposition(metrics),
        "generate_latest": lambda: generate_latest(registry),
    }
    sides = [repeated(call, 1) for call in calls.values()]
    times = dict(zip(calls, take_turns(some, count(), sides, advance), strict=True))
    return compare(f"a scrape of {2 * series} series", times, "generate_latest", GOAL_OF_A_SCRAPE)


# -- the import --------------------------------------------------------------------------------


def _imports(size: Size) -> list[Row]:
    """What using metrics imports, besides ``import habitkit``."""
    programs = {KIT: "from habitkit.metrics import Metrics, rate; Metrics()"}
    if find_spec("prometheus_client"):
        programs[PROMETHEUS] = "import prometheus_client"
    if find_spec("opentelemetry") and find_spec("opentelemetry.sdk"):
        programs["OpenTelemetry"] = "from opentelemetry.sdk.metrics import MeterProvider"
    took: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(size.starts + 1):
        for name, code in programs.items():
            inside, _ = start(code, "import habitkit")
            if number:
                took[name].append(inside)
    rows = []
    for name, milliseconds in took.items():
        seconds = median(milliseconds) / 1e3
        most = GOAL_IMPORT_SECONDS if name == KIT else None
        title = f"import for metrics, {name}"
        rows.append(within(title, seconds * 1e6, seconds, most, "20 ms"))
    return rows
