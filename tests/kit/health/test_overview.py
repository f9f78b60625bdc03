"""What a database says of the kits that use it: the rows of an overview, from known values."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from habitkit import HabitKit
from habitkit.alerts import Alert, AlertGroup, AlertSettings
from habitkit.alerts.queries import active_in_store
from habitkit.alerts.results import ActiveAlert
from habitkit.health.overview import (
    EXPRESSIONS,
    ActionRow,
    Figure,
    Overview,
    overview,
    read,
)
from habitkit.metrics import Metrics, QueryTooLarge, Sample, Vector, last
from habitkit.plugins import series_of
from habitkit.testing import FakeClock
from habitkit.workflow import drive

AT = 1_767_254_400
NOTHING = {name: Vector((), AT, AT, AT) for name in EXPRESSIONS}


@frozen
class Recording:
    """A kit on a store and its clock, to record values with."""

    kit: HabitKit
    clock: FakeClock
    series: Any

    @classmethod
    def on(cls, store: Any, *groups: AlertGroup) -> Recording:
        clock, series = FakeClock(), series_of(store)
        metrics = Metrics(series, ticks=clock.ticks, wall_ns=clock.ticks)
        alerts = AlertSettings(groups=groups)
        return cls(HabitKit(store, clock=clock, metrics=metrics, alerts=alerts), clock, series)

    def count(self, name: str, amount: int, **attributes: str) -> None:
        self.kit.metrics.built_in(f"habitkit_{name}").add(amount, attributes)

    def set(self, name: str, value: float, **attributes: str) -> None:
        self.kit.metrics.built_in(f"habitkit_{name}").set(value, attributes)

    def read(self) -> Overview:
        """Read it once the slot of what was recorded is complete."""
        self.kit.metrics.flush()
        self.clock.advance(seconds=10)
        return drive(read(self.kit, self.series, self.clock.now()))


def vector(*samples: tuple[dict[str, str], float]) -> Vector:
    found = tuple(Sample(tuple(sorted(labels.items())), value) for labels, value in samples)
    return Vector(found, AT, AT - 300, AT)


def active(name: str, **values: Any) -> ActiveAlert:
    at = datetime.fromisoformat("2026-01-01T07:00Z")
    labels = {"alertname": name, "zone": "eu"}
    texts = {"reason": "", "summary": "", "runbook": "", "flapping": False, "silenced": False}
    of = {"phase": "firing", "value": 1.0, "active_at": at, "fired_at": at, **texts, **values}
    return ActiveAlert(group="app", alert=name, labels=labels, **of)


def test_rows_say_what_was_recorded(store):
    it = Recording.on(store)
    for n in range(12):
        it.count("actions", 30 * n, action=f"module.{n:02}", outcome="ok")
    it.count("actions", 3, action="module.11", outcome="error")
    it.count("actions", 9, action="module.10", outcome="refused")
    for seconds in (0.1, 0.2, 0.4):
        duration = it.kit.metrics.built_in("habitkit_action_duration")
        duration.record(seconds, {"action": "module.11"})
    for name, value in {"relay_lag": 2.5, "outbox_waiting": 7, "sweep_lag": 0.0}.items():
        it.set(name, value)
    for check, value in {"a": 1, "b": 0.5, "c": 0, "d": 1}.items():
        it.set("check_status", value, check=check)
    results = {"hit": 2, "shared": 1, "stale": 3, "loaded": 1, "miss": 1, "unavailable": 9}
    for result, count in results.items():
        it.count("cache_requests", count, cache="pages", result=result)
    it.count("cache_requests", 4, cache="", result="not stored")
    for limit, denied in {"30/60/30": 2, "5/1/5": 8}.items():
        it.count("limiter_decisions", denied, limit=limit, outcome="denied")
        it.count("limiter_decisions", 50, limit=limit, outcome="allowed")
    it.count("limiter_decisions", 50, limit="unused", outcome="allowed")
    it.count("metrics_dropped", 4, metric="load", reason="value")

    found = it.read()

    assert found.at == it.clock.now()
    assert (found.failures, found.alerts) == ((), ())
    assert [(row.action, row.errors) for row in found.actions] == [
        ("module.11", 3),
        *((f"module.{n:02}", 0) for n in range(10, 1, -1)),
    ]
    first = found.actions[0]
    assert first.rate == pytest.approx(333 / 300)
    for quantile in (first.p50, first.p99):  # of three values both have rank 1
        assert quantile == pytest.approx(0.2, rel=0.011)
    assert found.actions[1].rate == pytest.approx(309 / 300)
    assert (found.actions[1].p50, found.actions[1].p99) == (None, None)
    assert found.figures == (
        Figure("relay lag", {}, 2.5, "seconds"),
        Figure("outbox waiting", {}, 7),
        Figure("sweep lag", {}, 0, "seconds"),
        Figure("cache hit ratio", {"cache": "pages"}, 0.75, "ratio"),
        Figure("cache hit ratio", {"cache": ""}, None, "ratio"),
        Figure("limiter refusals", {"limit": "5/1/5"}, 8),
        Figure("limiter refusals", {"limit": "30/60/30"}, 2),
        *(
            Figure("check", {"check": check}, value, "status")
            for check, value in (("c", 0), ("b", 0.5), ("a", 1), ("d", 1))
        ),
        Figure("metrics dropped", {"metric": "load", "reason": "value"}, 4),
    )

    it.clock.advance(minutes=5)
    later = it.read()
    assert later.actions == (), "nothing happened in the last 5 minutes"
    shown = {(of.title, of.value) for of in later.figures if of.title != "check"}
    assert {("limiter refusals", 0), ("metrics dropped", 0), ("cache hit ratio", None)} <= shown


def test_what_nobody_has_recorded_is_left_out(store):
    it = Recording.on(store)
    assert it.read() == Overview(it.clock.now(), (), (), ())

    it.set("outbox_waiting", 3)
    assert it.read().figures == (Figure("outbox waiting", {}, 3),)


def test_alerts_are_those_of_every_group_that_is_in_the_store(store):
    rule = Alert("Waits", last("habitkit_outbox_waiting") > 5, for_="20s", labels={"zone": "eu"})
    group = AlertGroup("app", [rule], every_seconds=10, offset_seconds=0)
    it = Recording.on(store, group)
    other = evolve(it, kit=HabitKit(store, clock=it.clock), series=it.series)

    def row() -> Any:
        it.set("outbox_waiting", 9)
        it.kit.metrics.flush()
        it.clock.advance(seconds=10)
        it.kit.alerts.evaluate()
        shown = drive(read(other.kit, it.series, it.clock.now())).alerts
        known = other.kit.read(active_in_store)
        assert [each for each, _ in known] == it.kit.alerts.active()
        assert {at for _, at in known} == {it.clock.now()}
        (only,) = shown
        return only

    first = row()
    assert (first.name, first.labels, first.state) == ("Waits", {"zone": "eu"}, "pending")
    assert (first.value, first.since, first.silenced) == (9, it.clock.now(), False)
    row()
    it.kit.alerts.silence({"zone": "eu"}, it.clock.now() + timedelta(hours=1), "ada", "known")
    third = row()
    assert (third.state, third.since, third.silenced) == ("firing", first.since, True)
    assert not third.stale
    it.clock.advance(minutes=16)
    assert [each.stale for each in other.read().alerts] == [True], "nobody evaluates it any more"
    other.kit.close()


def test_what_fires_and_is_not_silenced_comes_first_and_a_value_that_is_no_number_is_none():
    at = datetime.fromisoformat("2026-01-01T08:00Z")
    alerts = [
        active("A", phase="pending"),
        active("B", silenced=True),
        active("C", value=float("nan")),
        active("D", value=float("inf"), phase="pending"),
    ]

    found = overview(AT, NOTHING, [(each, at) for each in alerts])

    assert [row.name for row in found.alerts] == ["C", "B", "A", "D"]
    assert [row.value for row in found.alerts] == [None, 1, 1, None]
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["alerts"][0]["since"] == "2026-01-01T07:00:00+00:00"


def test_a_query_that_fails_is_said_and_hides_nothing_else():
    error = QueryTooLarge("the query reads 10001 series")
    vectors: dict[str, Vector | Exception] = {**NOTHING, "p50": error, "cache": error}
    vectors["rates"] = vector(({"action": "habits.check_in"}, 2.0))

    found = overview(AT, vectors, [])

    assert found.actions == (ActionRow("habits.check_in", 2.0, 0, None, None),)
    assert found.failures == ("the query reads 10001 series",)


COUNTS = st.dictionaries(
    st.tuples(st.sampled_from("abcdefghijklmn"), st.sampled_from(["allowed", "denied"])),
    st.integers(0, 50),
)


@given(COUNTS)
def test_refusals_are_the_ten_greatest_and_there_is_a_zero_if_there_are_none(counts):
    samples = [({"limit": limit, "outcome": of}, n) for (limit, of), n in counts.items()]
    denied = sorted((n for (_, of), n in counts.items() if of == "denied" and n), reverse=True)

    found = overview(AT, {**NOTHING, "limiter": vector(*samples)}, []).figures

    assert [it.value for it in found] == (denied[:10] or [0] * bool(counts))
    assert all(it.value == counts.get((it.labels.get("limit", ""), "denied"), 0) for it in found)


RESULTS = ("hit", "shared", "stale", "miss", "loaded", "failed", "not stored", "unavailable")


@given(st.dictionaries(st.sampled_from(RESULTS), st.integers(0, 50)))
def test_a_hit_ratio_is_of_the_lookups_alone(counts):
    samples = [({"cache": "pages", "result": of}, n) for of, n in counts.items()]

    found = overview(AT, {**NOTHING, "cache": vector(*samples)}, []).figures

    hits = sum(counts.get(of, 0) for of in RESULTS[:3])
    others = sum(counts.get(of, 0) for of in RESULTS[3:6])
    ratio = hits / (hits + others) if hits + others else None
    expected = [Figure("cache hit ratio", {"cache": "pages"}, ratio, "ratio")] if counts else []
    assert list(found) == expected
