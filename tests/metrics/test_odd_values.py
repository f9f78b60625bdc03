"""What a host may give by mistake: it is recorded as what it is, or dropped, and never raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, IntEnum
from typing import Any

import pytest

from habitkit.metrics import Metrics, increase, matches, not_


class Zone(str, Enum):  # noqa: UP042 - as hosts have them
    EU = "eu"


class Word(str, Enum):  # noqa: UP042
    RIDES = "rides"
    METERS = "meters"
    ZONE = "zone"


class Level(int, Enum):
    LOW = 1


class Size(IntEnum):
    BIG = 7


class Hostile:
    """A value of which nothing can be asked."""

    def __radd__(self, other: object) -> Any:
        raise RuntimeError

    __bool__ = __len__ = __float__ = __str__ = __eq__ = __radd__  # type: ignore[assignment]
    __hash__ = object.__hash__


class HostileNumber(float):
    """A number that cannot be looked at."""

    def __float__(self) -> float:
        raise RuntimeError

    def __radd__(self, other: object) -> Any:
        raise RuntimeError

    __le__ = __lt__ = __ge__ = __gt__ = __radd__


class HostileMapping(Mapping[str, str]):
    """Attributes that cannot be read."""

    def __getitem__(self, key: str) -> str:
        raise RuntimeError

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1


def values(metrics: Metrics, name: str) -> dict[Any, Any]:
    return {
        tuple(value for _, value in it.series.attributes): it.value
        for it in metrics.totals()
        if it.series.metric == name
    }


@pytest.mark.parametrize("plain_first", [False, True])
def test_members_of_enums_are_their_values_whatever_was_recorded_before(
    plain_first: bool,
) -> None:
    metrics = Metrics(strict=True)
    counter = metrics.counter("x")
    plain = {"a": "1", "b": "7", "zone": "eu"}
    enums = {"a": Level.LOW, "b": Size.BIG, "zone": Zone.EU}
    for attributes in (plain, enums) if plain_first else (enums, plain):
        for _ in range(2):
            counter.add(1, attributes)
    assert values(metrics, "x") == {("1", "7", "eu"): 4}


def test_members_of_enums_are_their_values_in_names_units_and_queries() -> None:
    metrics = Metrics(strict=True)
    counter = metrics.counter(Word.RIDES, unit=Word.METERS)
    counter.add(3, {Word.ZONE: Zone.EU, "level": Level.LOW})
    rides = increase(
        Word.RIDES, where={Word.ZONE: not_(Zone.EU), "level": Level.LOW}, by=(Word.ZONE,)
    )
    plain = increase("rides", where={"zone": not_("eu"), "level": 1}, by=("zone",))

    assert counter is metrics.counter("rides", unit="meters")
    assert [f"{it.series.metric} {it.series.unit}" for it in metrics.totals()] == ["rides meters"]
    assert (repr(rides), rides.promql()) == (repr(plain), plain.promql())
    assert repr(matches(Zone.EU)) == repr(matches("eu"))


@pytest.mark.parametrize(
    "attributes",
    [{"a": 10**5000}, {"a": -(10**200)}, HostileMapping(), Hostile(), {"a": Hostile()}],
)
def test_attributes_that_cannot_be_read_are_dropped(attributes: Any) -> None:
    metrics = Metrics()
    metrics.counter("x").add(1, attributes)
    metrics.gauge("g").set(1, attributes)
    metrics.distribution("d").record(1, attributes)
    metrics.counter("x").observe_total(1, attributes)
    metrics.flush()
    assert values(metrics, "x") == {}
    assert values(metrics, "habitkit_metrics_dropped") == {
        (metric, "attributes"): count for metric, count in (("x", 2), ("g", 1), ("d", 1))
    }


@pytest.mark.parametrize("value", [Hostile(), HostileNumber(1), object(), [1], "1", 10**400])
def test_a_value_that_cannot_be_read_takes_no_other_with_it(value: Any) -> None:
    metrics = Metrics()
    for given in (1, value, 2):
        metrics.counter("x").add(given)
        metrics.gauge("g").set(given)
        metrics.gauge("g").add(given)
        metrics.distribution("d").record(given)
    metrics.flush()
    assert values(metrics, "x") == {(): 3}
    assert values(metrics, "g")[()].last == 4
    assert values(metrics, "d")[()].sum == 3


def test_sums_that_are_too_large_are_infinite() -> None:
    metrics = Metrics()
    for given in (*[10**308] * 20, 0.5):
        metrics.counter("x").add(given)
        metrics.gauge("g").set(given)
        metrics.gauge("h").add(given)
    metrics.flush()
    metrics.counter("x").add(0.5)
    metrics.gauge("g").set(0.5)
    metrics.flush()
    assert values(metrics, "x") == {(): float("inf")}
    assert values(metrics, "g")[()].last == 0.5


def test_outside_totals_of_too_many_series_are_dropped_and_not_taken_for_restarts() -> None:
    metrics = Metrics(max_values=2)
    counter = metrics.counter("x")
    for total in (1000, 1001, 1002):
        for user in range(5):
            counter.observe_total(total - 100 * user, {"user": user})
    assert values(metrics, "x")[("0",)] == values(metrics, "x")[("1",)] == 2
    assert values(metrics, "x")[("(other)",)] == 0
    assert values(metrics, "habitkit_metrics_dropped") == {("x", "attributes"): 9}
