"""Recorded values, a store that has them, and what queries must return: computed of the values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import frozen

from habitkit.backends.memory.series import MemorySeries
from habitkit.metrics.domain.points import GaugePoint, encode_gauge, encode_increase
from habitkit.metrics.domain.series import Labels, Series
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.tiers import MEMORY_TIERS, SeriesTier
from habitkit.metrics.domain.vectors import Vector
from habitkit.metrics.port import Point
from habitkit.metrics.queries import query_all
from habitkit.workflow import drive

T = 1_800_000_000
"""A time at which slots of all tiers begin."""

NS = 10**9


@frozen
class Value:
    """A value that was recorded.

    Attributes:
        series: Of which series.
        at: In which second after ``T``.
        writer: By which process.
        value: The amount.
    """

    series: Series
    at: int
    writer: int
    value: float


def counter(name: str = "requests", **labels: str) -> Series:
    return Series(name, "counter", "", tuple(sorted(labels.items())))


def gauge(name: str = "queue", across: Any = "sum", **labels: str) -> Series:
    return Series(name, "gauge", "", tuple(sorted(labels.items())), across)


def distribution(name: str = "load", **labels: str) -> Series:
    return Series(name, "distribution", "seconds", tuple(sorted(labels.items())))


def data_of(kind: str, values: Sequence[Value]) -> bytes:
    """Return the point of the values of a slot, in order of time."""
    numbers = [it.value for it in values]
    if kind == "counter":
        return encode_increase(sum(numbers))
    if kind == "distribution":
        sketch = Sketch()
        sketch.add(numbers)
        return sketch.encode()
    last_ns = (T + values[-1].at) * NS + values[-1].writer
    return encode_gauge(
        GaugePoint(numbers[-1], last_ns, min(numbers), max(numbers), sum(numbers), len(numbers))
    )


def stored(
    values: Iterable[Value],
    known: Iterable[Series] = (),
    tiers: Sequence[SeriesTier] = MEMORY_TIERS,
) -> MemorySeries:
    """Return a store to which the values were written, each slot at its end."""
    store = MemorySeries(tiers)
    step = tiers[0].step_seconds
    store.write([], list(known), T)
    slots: dict[tuple[int, int, Series], list[Value]] = defaultdict(list)
    for it in sorted(values, key=lambda it: it.at):
        slots[T + it.at - it.at % step, it.writer, it.series].append(it)
    for (slot, writer, series), of_one in slots.items():
        point = Point(series.id, step, slot, writer, data_of(series.kind, of_one))
        store.write([point], [series], slot + step)
    return store


def ask(store: Any, *expressions: Any, at: int, now: int | None = None) -> Any:
    """Evaluate expressions, seconds after ``T``."""
    steps = query_all(
        store, expressions, T + at, T + (at if now is None else now), elapsed=lambda: 0.0
    )
    run: Any = None  # no step is a transaction
    return drive(steps, run)


def one(store: Any, expression: Any, at: int, now: int | None = None) -> Vector:
    """Evaluate an expression, seconds after ``T``."""
    (found,) = ask(store, expression, at=at, now=now)
    if isinstance(found, Exception):
        raise found
    assert isinstance(found, Vector)
    return found


def plain(vector: Vector) -> dict[Labels, float]:
    return {it.labels: it.value for it in vector.samples}


def by_label(values: Iterable[Value], names: Sequence[str] | None) -> dict[Labels, list[Value]]:
    """Group values by some labels of their series; by all of them if there is no list."""
    groups: dict[Labels, list[Value]] = defaultdict(list)
    for it in values:
        pairs = it.series.attributes
        groups[tuple(p for p in pairs if names is None or p[0] in names)].append(it)
    return groups


ACROSS: dict[str, Callable[[list[Value]], float]] = {
    "last": lambda it: max(it, key=lambda v: (v.at, v.writer)).value,
    "sum": lambda it: sum(v.value for v in it),
    "min": lambda it: min(v.value for v in it),
    "max": lambda it: max(v.value for v in it),
    "mean": lambda it: sum(v.value for v in it) / len(it),
}


def last_of(values: Sequence[Value]) -> float:
    """Return what a gauge is: writers, then series, combined as it says."""
    across = values[0].series.across
    combined = []
    for of_one in by_label(values, None).values():
        writers = {it.writer: it for it in sorted(of_one, key=lambda it: it.at)}
        newest = max(writers.values(), key=lambda it: (it.at, it.writer))
        value = ACROSS[across]([*writers.values()])
        combined.append(Value(newest.series, newest.at, newest.writer, value))
    return ACROSS[across](combined)
