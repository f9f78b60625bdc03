"""Exemplars: which are kept, for how long, and what is no exemplar."""

from __future__ import annotations

import os
from datetime import timedelta
from math import frexp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit.metrics import InvalidMetric, Metrics
from habitkit.metrics.domain.exemplars import Exemplar, Exemplars
from habitkit.testing import FakeClock

NS = 10**9
values = st.floats(allow_nan=False, allow_infinity=False)


def make(**options: Any) -> tuple[Metrics, FakeClock]:
    clock = FakeClock("2026-01-01T00:00:05Z")
    return Metrics(ticks=clock.ticks, wall_ns=clock.ticks, **options), clock


def exemplars(metrics: Metrics, name: str) -> dict[str, float]:
    """Return the values of exemplars by their trace."""
    (found,) = (it.exemplars for it in metrics.totals() if it.series.metric == name)
    return {dict(it.attributes)["trace_id"]: it.value for it in found}


def value(metrics: Metrics, name: str) -> Any:
    (found,) = (it.value for it in metrics.totals() if it.series.metric == name)
    return found


def dropped(metrics: Metrics) -> dict[str, Any]:
    return {
        dict(it.series.attributes)["reason"]: it.value
        for it in metrics.totals()
        if it.series.metric == "habitkit_metrics_dropped"
    }


@given(st.permutations(range(60)), st.lists(values, max_size=60))
def test_of_each_power_of_two_the_newest_is_kept_and_of_a_series_sixteen(
    instants: list[int], recorded: list[float]
) -> None:
    kept, newest = Exemplars(), dict[Any, Exemplar]()
    for at, it in zip(instants, recorded, strict=False):
        exemplar = Exemplar((("trace_id", str(at)),), it, at)
        kept.add(exemplar)
        power = it < 0, frexp(it)[1]
        newest[power] = max(exemplar, newest.get(power, exemplar), key=lambda it: it.at_ns)

    expected = sorted(newest.values(), key=lambda it: it.at_ns)[-16:]
    assert sorted(kept.all(), key=lambda it: it.at_ns) == expected


def test_a_value_with_an_exemplar_is_recorded_as_one_without() -> None:
    metrics, clock = make()
    hits, load = metrics.counter("hits"), metrics.distribution("load")
    load.record(2)
    load.record(3, exemplar={"trace_id": "a"})
    load.bind().record(3.5, exemplar={"trace_id": "b"})
    hits.add(5, exemplar={"trace_id": "c"})
    hits.bind().add(6, at=clock.now() - timedelta(seconds=60), exemplar={"trace_id": "d"})
    with load.time(exemplar={"trace_id": "e"}):
        clock.advance(seconds=40)

    assert value(metrics, "hits") == 11
    assert value(metrics, "load").count == 4
    assert exemplars(metrics, "load") == {"b": 3.5, "e": 40}
    assert exemplars(metrics, "hits") == {"c": 5}
    (found,) = (it.exemplars for it in metrics.totals() if it.series.metric == "hits")
    assert found[0].at_ns == clock.ticks() - 40 * NS
    assert exemplars(metrics, "load") == {"b": 3.5, "e": 40}  # a scrape takes nothing away


@pytest.mark.parametrize(
    "exemplar",
    [{"trace_id": "x" * 121}, {"le": "1"}, {"Trace": "1"}, {"a": 1.5}, "abc", {}.keys(), [1]],
)
def test_what_is_no_exemplar_is_dropped_and_its_value_is_recorded(exemplar: Any) -> None:
    metrics, _ = make()
    metrics.distribution("load").record(3, exemplar=exemplar)

    assert value(metrics, "load").count == 1
    (found,) = (it for it in metrics.totals() if it.series.metric == "load")
    assert found.exemplars == ()
    assert dropped(metrics) == {"exemplar": 1}
    strict, _ = make(strict=True)
    with pytest.raises(InvalidMetric):
        strict.distribution("load").record(3, exemplar=exemplar)


def test_an_exemplar_of_128_characters_is_kept_and_an_empty_one_replaces_none() -> None:
    metrics, _ = make()
    metrics.counter("hits").add(exemplar={"trace_id": "x" * 120})
    metrics.counter("hits").add(exemplar={})

    assert exemplars(metrics, "hits") == {"x" * 120: 1}


@pytest.mark.parametrize(
    ("amount", "at"), [(-1, 0), (float("nan"), 0), ("1", 0), (10**400, 0), (1, -3 * 3600)]
)
def test_a_value_that_is_not_recorded_has_no_exemplar(amount: Any, at: int) -> None:
    metrics, clock = make()
    when = clock.now() + timedelta(seconds=at) if at else None
    metrics.counter("hits").bind().add(amount, at=when, exemplar={"trace_id": "a"})

    assert value(metrics, "hits") == 0
    assert exemplars(metrics, "hits") == {}
    assert sum(dropped(metrics).values()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks: needs an operating system with fork()")
def test_a_forked_process_has_no_exemplars_of_its_parent() -> None:
    metrics, _ = make()
    metrics.counter("hits").add(exemplar={"trace_id": "a"})
    child = os.fork()
    if not child:
        os._exit(len(exemplars(metrics, "hits")))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert exemplars(metrics, "hits") == {"a": 1}
