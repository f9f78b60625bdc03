"""What a kit records of its relay, sweep, alerts and checks, and that it records all there is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, subscribe
from habitkit.alerts import Alert, AlertGroup, AlertSettings
from habitkit.backends.memory import MemorySeries, MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins.errors import InsufficientFunds
from habitkit.events import Recorded
from habitkit.health import HealthSettings, check
from habitkit.journal.domain.rules import MAX_DELIVERY_ATTEMPTS, retry_delay
from habitkit.metrics import AsyncMetrics, Metrics, last
from habitkit.metrics.base import BaseMetrics
from habitkit.metrics.builtin import BUILT_IN
from habitkit.testing import TestKit
from habitkit.transaction import Transaction
from tests.kit.metrics.support import OWNER, Repeating, Wrapped, kit_on, recorded


class TestRelayAndSweep:
    def test_deliveries_are_counted_by_outcome_and_what_waits_is_measured(self, store):
        fails = [True]

        def send(_: object) -> None:
            if fails[0]:
                raise OSError("not now")

        kit = kit_on(store, subscribers=[subscribe("noted", send)])
        for _ in range(3):
            kit.events.record("ada", "noted")
        kit.clock.advance(seconds=40)
        kit.relay.run_once(limit=1)

        assert recorded(kit.metrics, "relay_deliveries") == {
            ("dead",): 0,
            ("delivered",): 0,
            ("failed",): 1,
        }
        assert recorded(kit.metrics, "relay_lag") == {(): 40}
        assert recorded(kit.metrics, "outbox_waiting") == {(): 3}
        fails[0] = False
        kit.relay.run_once()
        assert recorded(kit.metrics, "outbox_waiting") == {(): 1}
        assert recorded(kit.metrics, "relay_lag") == {(): 0}  # it is put off
        fails[0] = True
        for attempt in range(1, MAX_DELIVERY_ATTEMPTS):
            kit.clock.advance(seconds=retry_delay(attempt).total_seconds())
            kit.relay.run_once()
        assert recorded(kit.metrics, "relay_deliveries") == {
            ("dead",): 1,
            ("delivered",): 2,
            ("failed",): MAX_DELIVERY_ATTEMPTS - 1,
        }
        assert recorded(kit.metrics, "outbox_waiting") == {(): 0}

    def test_a_kit_that_delivers_nothing_has_no_lag_of_its_relay(self, store):
        other = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", print)])
        other.events.record("ada", "noted")
        kit = kit_on(store)
        kit.sweep()
        assert recorded(kit.metrics, "outbox_waiting") == {(): 1}
        assert recorded(kit.metrics, "relay_lag") == {}

    def test_sweeps_are_timed_and_what_they_leave_is_measured(self, store):
        kit = kit_on(store)
        kit.clock.advance(seconds=-90)

        def send(tx: Transaction) -> None:
            for owner in ("bob", "eve"):
                tx.send(Recorded(owner, tx.now, "hello", {}), "key")

        kit.run(send)
        kit.clock.advance(seconds=90)
        kit.sweep(limit=1)
        assert recorded(kit.metrics, "sweep_lag") == {(): 90}
        kit.sweep()
        assert recorded(kit.metrics, "sweep_lag") == {(): 0}
        assert recorded(kit.metrics, "sweep_duration") == {(): 2}

    def test_what_cannot_be_measured_does_not_stop_the_sweep(self, store, monkeypatch):
        kit = kit_on(store)

        def fail(*_: object) -> None:
            raise OSError("gone")

        monkeypatch.setattr("habitkit.health.lags._waiting", fail)
        monkeypatch.setattr("habitkit.health.lags._sweep_lag", fail)
        assert kit.sweep().failures == ()
        assert kit.relay.run_once().delivered == 0
        assert recorded(kit.metrics, "sweep_lag") == recorded(kit.metrics, "outbox_waiting") == {}


class TestAlertsAndChecks:
    def test_alerts_are_counted_by_name_and_state_until_they_have_ended(self, store):
        rules = [
            Alert("Deep", last("depth", by=("zone",)) > 5, for_="2m"),
            Alert("Flat", last("depth") < 1),
        ]
        group = AlertGroup("app", rules, offset_seconds=0)
        kit = kit_on(store, alerts=AlertSettings(groups=[group]))
        depth = kit.metrics.gauge("depth")

        def evaluated(**depths: float) -> dict[tuple[str, ...], float]:
            for zone, value in depths.items():
                depth.set(value, {"zone": zone})
            kit.metrics.flush()
            kit.clock.advance(seconds=60)
            kit.alerts.evaluate()
            assert recorded(kit.metrics, "alerts_evaluated_at") == {
                ("app",): kit.clock.now().timestamp()
            }
            return recorded(kit.metrics, "alerts")

        assert evaluated(eu=9, us=8) == {("Deep", "pending"): 2}
        assert evaluated(us=0)[("Deep", "pending")] == 1
        fired = evaluated(eu=9, us=0)
        assert (fired[("Deep", "firing")], fired[("Deep", "pending")]) == (1, 0)
        ended = evaluated(eu=0, us=0)
        assert (ended[("Deep", "firing")], ended[("Flat", "firing")]) == (0, 1)

    def test_of_two_processes_the_one_that_evaluated_last_counts(self, store):
        group = AlertGroup("app", [Alert("Deep", last("depth") > 5)])
        series = MemorySeries()
        kits = [
            habitkit.testing.kit(store=store, alerts=AlertSettings(groups=[group])) for _ in "ab"
        ]
        for kit in kits:
            metrics = Metrics(series, wall_ns=kit.clock.ticks)
            kit._runner.settings.kit_metrics._observes = True
            kit._runner.settings.kit_metrics._take(metrics)
        first, second = kits

        def minute(kit: TestKit, depth: float) -> float:
            """Let one of them set the depth and evaluate, and the other flush after it."""
            kit.metrics.gauge("depth").set(depth)
            kit.metrics.flush()
            for each in kits:
                each.clock.advance(seconds=60)
            kit.alerts.evaluate()
            kit.metrics.flush()
            for each in kits:
                each.clock.advance(seconds=10)
                each.metrics.flush()
            for each in reversed([kit, *kits]):
                each.metrics.flush()
            alerts = last("habitkit_alerts", where={"alertname": "Deep", "state": "firing"})
            return kit.metrics.query(alerts).value

        assert minute(first, 9) == 1
        assert minute(second, 9) == 1
        assert minute(second, 0) == 0, "the first one repeats that one alert fires"
        assert minute(first, 0) == 0

    def test_checks_have_a_status(self, store):
        checks = [check("smtp", lambda: False), check("ftp", lambda: False, level="deep")]
        kit = kit_on(
            store, health=HealthSettings(checks=checks), subscribers=[subscribe("noted", print)]
        )
        kit.events.record("ada", "noted")
        kit.clock.advance(seconds=301)
        kit.health("ready")
        found = recorded(kit.metrics, "check_status")
        assert (found[("store",)], found[("relay",)], found[("smtp",)]) == (1, 0.5, 0)
        assert ("ftp",) not in found
        assert ("outbox",) not in found
        kit.relay.run_once()
        kit.daily_check()
        found = recorded(kit.metrics, "check_status")
        assert (found[("relay",)], found[("outbox",)]) == (1, 1)

    def test_the_daily_check_counts_faults_of_the_ledger(self, store, tamper):
        kit = kit_on(store)
        kit.coins.award("ada", 5, idempotency_key="a")
        kit.daily_check()
        assert recorded(kit.metrics, "ledger_faults") == {(): 0}
        tamper.change("accounts", {"owner": "ada", "role": "wallet"}, {"balance": 99})
        report = kit.daily_check()
        faults = sum(it.id == "ledger.fault" for it in report.findings)
        assert recorded(kit.metrics, "ledger_faults") == {(): faults}
        assert faults > 0


def use_everything(kit: TestKit) -> None:
    """Let a kit record each of its metrics."""
    kit.coins.award(OWNER, 5, idempotency_key=OWNER)
    kit.events.record(OWNER, "noted")
    kit.relay.run_once()
    kit.limits.acquire(OWNER, "1/min")
    kit.cache.get_or_create((OWNER,), lambda: 1, ttl_seconds=9)
    kit.metrics.flush()
    kit.clock.advance(seconds=60)
    kit.sweep()
    kit.health("deep")
    kit.daily_check()


def test_every_metric_is_recorded_and_no_owner_is_an_attribute():
    rule = Alert("Idle", last("depth") < 1)
    clock = habitkit.testing.FakeClock()
    kit = habitkit.testing.kit(
        store=Repeating(MemoryStore()),
        metrics=Metrics(max_values=1, wall_ns=clock.ticks, ticks=clock.ticks),
        clock=clock,
        subscribers=[subscribe("noted", lambda _: None)],
        alerts=AlertSettings(groups=[AlertGroup("app", [rule])]),
    )
    kit.clock = clock
    kit.metrics.gauge("depth").set(0)
    kit.metrics.counter("x").add(-1)
    use_everything(kit)
    totals = kit.metrics.totals()
    assert {it.series.metric for it in totals} - {"depth"} >= set(BUILT_IN)
    for it in totals:
        if it.series.metric in BUILT_IN:
            of: Mapping[str, str] = dict(it.series.attributes)
            assert sorted(of) == sorted(BUILT_IN[it.series.metric].attributes)
            assert not [text for text in of.values() if OWNER in text]


def test_a_kit_without_metrics_makes_none_and_reads_nothing_for_them(store):
    class Counting(Wrapped):
        runs = 0

        def run(self, work: Any, *, write: bool, keyed: bool) -> Any:
            Counting.runs += 1
            return super().run(work, write=write, keyed=keyed)

    kit = habitkit.testing.kit(store=Counting(store), subscribers=[subscribe("noted", print)])
    kit.sweep()
    before = Counting.runs
    kit.sweep()
    without = Counting.runs - before
    use_all_but_metrics(kit)
    settings = kit._runner.settings
    assert settings.observer is settings.metrics is None
    assert not kit.limits._watching

    observed = kit_on(Counting(store))
    observed.sweep()
    before = Counting.runs
    observed.sweep()
    assert Counting.runs - before == without + 2  # what is due, and what waits for a relay


def use_all_but_metrics(kit: TestKit) -> None:
    kit.coins.award("ada", 5, idempotency_key="a")
    kit.relay.run_once()
    kit.limits.acquire("ada", "1/min")
    kit.cache.get_or_create("ada", lambda: 1, ttl_seconds=9)
    kit.health("deep")
    kit.daily_check()
    kit.close()


def test_an_async_kit_records_the_same(store):
    async def use() -> BaseMetrics:
        clock = habitkit.testing.FakeClock()
        metrics = AsyncMetrics(wall_ns=clock.ticks, ticks=clock.ticks)
        kit = AsyncHabitKit(
            ThreadedStore(Repeating(store)),
            clock=clock,
            metrics=metrics,
            subscribers=[subscribe("noted", lambda _: None)],
        )
        await kit.events.record(OWNER, "noted")
        with pytest.raises(InsufficientFunds):
            await kit.coins.spend(OWNER, 5, idempotency_key="a")
        clock.advance(seconds=30)
        await kit.sweep()
        assert recorded(metrics, "relay_lag") == {(): 30}
        await kit.relay.run_once()
        await kit.health("deep")
        await kit.daily_check()
        await kit.rehearse(lambda _: None)
        await kit.close()
        return metrics

    metrics = asyncio.run(use())
    actions = recorded(metrics, "actions")
    assert actions[("events.record", "ok")] == actions[("coins.spend", "refused")] == 1
    assert recorded(metrics, "retries")[("events.record",)] == 2
    assert recorded(metrics, "events") == {("noted",): 1}
    assert recorded(metrics, "relay_deliveries")[("delivered",)] == 1
    assert recorded(metrics, "relay_lag") == recorded(metrics, "outbox_waiting") == {(): 0}
    assert recorded(metrics, "sweep_duration") == {(): 1}
    assert recorded(metrics, "check_status")[("flush",)] == 1
    assert recorded(metrics, "ledger_faults") == {(): 0}
