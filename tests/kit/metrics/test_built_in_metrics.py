"""The metrics that a kit records of its own, in memory and in a SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, Schedule, coins, subscribe
from habitkit.alerts import Alert, AlertGroup, AlertSettings
from habitkit.backends.memory import MemoryLimits, MemorySeries, MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.binding import Action, Service
from habitkit.cache import AsyncCache, Cache
from habitkit.coins.errors import InsufficientFunds
from habitkit.errors import IdempotencyConflict, NestedTransaction
from habitkit.events import Recorded
from habitkit.health import HealthSettings, check
from habitkit.journal.domain.rules import MAX_DELIVERY_ATTEMPTS, retry_delay
from habitkit.limits import AsyncLimiter, Limiter
from habitkit.metrics import AsyncMetrics, Metrics, last
from habitkit.metrics.base import BaseMetrics
from habitkit.metrics.builtin import BUILT_IN
from habitkit.metrics.observing import action_name
from habitkit.store import Store
from habitkit.testing import TestKit

OWNER = "ada-of-the-secret-name"


def recorded(metrics: BaseMetrics, name: str) -> dict[tuple[str, ...], Any]:
    """Return what was recorded of a metric: counts and last values, by the attributes' values."""
    kind = BUILT_IN[f"habitkit_{name}"].kind
    of = {
        "counter": lambda it: it,
        "gauge": lambda it: it.last,
        "distribution": lambda it: it.count,
    }
    return {
        tuple(value for _, value in it.series.attributes): of[kind](it.value)
        for it in metrics.totals()
        if it.series.metric == f"habitkit_{name}"
    }


def kit_on(store: Store, **options: Any) -> TestKit:
    return habitkit.testing.kit(store=store, metrics=True, **options)


class Wrapped:
    """A store that does something of its own with the work of transactions that write."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def run(self, work: Any, *, write: bool, keyed: bool) -> Any:
        return self.write(work, keyed=keyed) if write else self._run(work, write=False, keyed=keyed)

    def close(self) -> None:
        self._store.close()

    def write(self, work: Any, *, keyed: bool) -> Any:
        return self._run(work, write=True, keyed=keyed)

    def _run(self, work: Any, *, write: bool, keyed: bool) -> Any:
        return self._store.run(work, write=write, keyed=keyed)


class Conflict(Exception):
    """What a store meets at a commit that it repeats."""


class Repeating(Wrapped):
    """A store that finds a conflict at the first two commits of each transaction."""

    def write(self, work: Any, *, keyed: bool) -> Any:
        def conflicting(stores: Any) -> None:
            work(stores)
            raise Conflict

        for _ in range(2):
            with pytest.raises(Conflict):
                self._run(conflicting, write=True, keyed=keyed)
        return self._run(work, write=True, keyed=keyed)


class Broken(Wrapped):
    """A store whose database is gone."""

    def write(self, work: Any, *, keyed: bool) -> Any:
        raise OSError("the disk is full")


class TestActions:
    def test_each_outcome_is_counted_under_the_name_of_service_and_method(self, store):
        kit = kit_on(store)
        kit.habits.check_in(kit.habits.create("ada", "Run", Schedule.daily()).id)
        kit.coins.award("ada", 5, idempotency_key="a")
        kit.coins.award("ada", 5, idempotency_key="a")
        with pytest.raises(IdempotencyConflict):
            kit.coins.award("ada", 6, idempotency_key="a")
        with pytest.raises(InsufficientFunds):
            kit.owned_by("ada").coins.spend("ada", 10**6, idempotency_key="b")
        kit.run(lambda tx: coins.award(tx, "ada", 1, idempotency_key="c"))
        kit.run(partial(coins.award, owner="ada", amount=1, idempotency_key="d"))
        with pytest.raises(ZeroDivisionError):
            kit.run(lambda _: 1 // 0)
        with pytest.raises(NestedTransaction):
            kit.run(lambda _: kit.coins.balance("ada"))

        assert recorded(kit.metrics, "actions") == {
            ("coins.award", "conflict"): 1,
            ("coins.award", "ok"): 3,
            ("coins.spend", "ok"): 0,
            ("coins.spend", "refused"): 1,
            ("habits.check_in", "ok"): 1,
            ("habits.create", "ok"): 1,
            ("run", "error"): 2,
            ("run", "ok"): 1,
        }
        durations = recorded(kit.metrics, "action_duration")
        assert durations[("coins.award",)] == 4
        assert sum(durations.values()) == 10

    def test_a_store_that_cannot_be_reached_is_an_error(self):
        kit = habitkit.testing.kit(store=Broken(MemoryStore()), metrics=True)
        with pytest.raises(OSError, match="full"):
            kit.coins.award("ada", 5, idempotency_key="a")
        assert recorded(kit.metrics, "actions")[("coins.award", "error")] == 1

    def test_the_duration_is_that_of_all_attempts(self, store):
        kit = kit_on(Repeating(store))
        kit.run(lambda _: kit.clock.advance(seconds=2))
        (total,) = [
            it.value for it in kit.metrics.totals() if it.series.metric.endswith("action_duration")
        ]
        assert (total.count, total.sum) == (1, 6)

    def test_attempts_after_the_first_are_retries_and_events_count_once(self, store):
        kit = kit_on(Repeating(store))
        kit.coins.award("ada", 5, idempotency_key="a")
        kit.coins.award("ada", 5, idempotency_key="b")
        assert recorded(kit.metrics, "retries") == {("coins.award",): 4}
        assert recorded(kit.metrics, "actions") == {("coins.award", "ok"): 2}
        assert recorded(kit.metrics, "events") == {("CoinsPosted",): 2}

    def test_every_action_of_every_service_has_its_own_name(self, store):
        kit = HabitKit(store)
        named: dict[Any, set[str]] = {}
        for view, at in ((kit, ""), (kit.owned_by("ada"), "")):
            for name, service in services(view, at):
                for verb, found in actions(service):
                    full = f"{name}.{verb}" if name else verb
                    named.setdefault(found.function, set()).add(full)
        assert len(named) > 50
        for function, names in named.items():
            assert {action_name(function)} == names
        assert action_name(lambda _: None) == "run"

    def test_changes_of_flags_and_experiments_are_counted_under_their_names(self, store):
        kit = kit_on(store)
        flag = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
        kit.flags.put("a", flag, by="ada")
        kit.flags.delete("a", by="ada")
        assert {("flags.put", "ok"), ("flags.delete", "ok")} <= set(
            recorded(kit.metrics, "actions")
        )

    def test_a_callable_of_the_host_that_has_no_hash_can_be_run(self, store):
        class Work:
            __hash__ = None  # type: ignore[assignment]

            def __call__(self, _: Any) -> int:
                return 7

        kit = kit_on(store)
        assert kit.run(Work()) == 7
        for n in range(5):
            kit.run(lambda _, n=n: n)
        assert recorded(kit.metrics, "actions") == {("run", "ok"): 6}
        assert not kit._runner.settings.observer._by_function


def services(view: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Return a kit's services by name, itself as the one without."""
    yield at, view
    for name in dir(type(view)):
        if isinstance(getattr(type(view), name), cached_property) and not name.startswith("_"):
            found = getattr(view, name)
            if isinstance(found, Service):
                yield name, found


def actions(service: Any) -> Iterator[tuple[str, Action[Any, Any]]]:
    for verb in dir(type(service)):
        found = getattr(type(service), verb)
        if isinstance(found, Action) and found.write:
            yield verb, found


class TestEvents:
    def test_only_what_was_committed_counts(self, store):
        kit = kit_on(store)

        def undone(tx: Any) -> None:
            coins.award(tx, "ada", 1, idempotency_key="kept")
            with suppress(ZeroDivisionError), tx.savepoint():
                tx.emit("ada", [Recorded("ada", tx.now, "undone", {})])
                raise ZeroDivisionError
            tx.emit("ada", [Recorded("ada", tx.now, "noted", {})])

        def failing(tx: Any) -> None:
            undone(tx)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            kit.run(failing)
        kit.rehearse(undone)
        assert recorded(kit.metrics, "events") == recorded(kit.metrics, "retries") == {}
        kit.run(undone)
        assert recorded(kit.metrics, "events") == {("CoinsPosted",): 1, ("noted",): 1}

    def test_many_types_of_a_host_are_folded(self, store):
        kit = HabitKit(store, metrics=Metrics(max_values=3))
        for n in range(6):
            kit.events.record("ada", f"type {n}")
        events = recorded(kit.metrics, "events")
        assert sum(events.values()) == 6
        assert events[("(other)",)] == 3
        assert recorded(kit.metrics, "metrics_folded") == {("type", "habitkit_events"): 3}


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
        for owner in ("bob", "eve"):
            kit.run(lambda tx, to=owner: tx.send(Recorded(to, tx.now, "hello", {}), "key"))
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


class TestLimiterAndCache:
    @pytest.mark.parametrize("shadow", [False, True])
    def test_decisions_are_counted_beside_the_hook_of_the_host(self, shadow):
        seen: list[Any] = []
        limiter = Limiter(MemoryLimits(), observe=seen.append)
        kit = habitkit.testing.kit(limits=limiter, metrics=True)
        for _ in range(3):
            kit.limits.acquire(OWNER, "2/min", shadow=shadow)
        denied = {} if shadow else {(limiter_id("2/min"), "denied"): 1}
        allowed = {(limiter_id("2/min"), "allowed"): 3 if shadow else 2}
        assert recorded(kit.metrics, "limiter_decisions") == {**allowed, **denied}
        assert len(seen) == 3

    def test_a_function_watches_once_and_a_broken_one_stops_nothing(self):
        for resident, call in (
            (Limiter(MemoryLimits()), lambda it: it.acquire("a", "9/min")),
            (Cache(), lambda it: it.get_or_create("a", lambda: 1, ttl_seconds=9)),
            (Cache(observe=lambda _: 1 / 0), lambda it: it.get_or_create("a", int, ttl_seconds=9)),
        ):
            seen: list[Any] = []
            watched: Any = resident
            watched.watch(lambda _: 1 / 0)
            watched.watch(seen.append)
            watched.watch(seen.append)
            call(watched)
            assert len(seen) == 1

    def test_calls_of_the_cache_are_counted_by_namespace_and_result(self):
        cache = Cache()
        before = cache.namespace("users")
        kit = habitkit.testing.kit(cache=cache, metrics=True)
        for view in (kit.cache, kit.cache.namespace("pages"), before):
            for _ in range(2):
                view.get_or_create(OWNER, lambda: 1, ttl_seconds=9)
        found = recorded(kit.metrics, "cache_requests")
        assert found == {
            (name, result): 1 for name in ("", "pages", "users") for result in ("loaded", "hit")
        }

    async def test_an_async_kit_counts_both(self):
        limits, cache = AsyncLimiter(MemoryLimits()), AsyncCache()
        store = ThreadedStore(MemoryStore())
        async with AsyncHabitKit(store, limits=limits, cache=cache, metrics=True) as kit:

            async def load() -> int:
                return 1

            for _ in range(2):
                await kit.limits.acquire(OWNER, "1/min")
                await kit.cache.get_or_create(OWNER, load, ttl_seconds=9)
            found = recorded(kit.metrics, "limiter_decisions")
            assert {of[1]: n for of, n in found.items()} == {"allowed": 1, "denied": 1}
            assert recorded(kit.metrics, "cache_requests") == {("", "loaded"): 1, ("", "hit"): 1}


def limiter_id(text: str) -> str:
    return Limiter(MemoryLimits()).acquire("a", text).limit.id


class TestMetricsOfMetrics:
    def test_flushes_are_timed_and_what_is_lost_is_counted(self, store):
        metrics = Metrics(max_values=2)
        with HabitKit(store, metrics=metrics):
            for zone in ("a", "b", "c", "d"):
                metrics.counter("x").add(1, {"zone": zone})
            metrics.counter("x").add(-1, {"zone": "a"})
            metrics.flush()
            assert recorded(metrics, "flush_duration") == {(): 1}
            assert recorded(metrics, "metrics_dropped") == {("x", "negative"): 1}
            assert recorded(metrics, "metrics_folded") == {("zone", "x"): 2}


class TestAlertsAndChecks:
    def test_alerts_are_counted_by_name_and_state_until_they_have_ended(self, store):
        rules = [
            Alert("Deep", last("depth", by=("zone",)) > 5, for_="2m"),
            Alert("Flat", last("depth") < 1),
        ]
        kit = kit_on(store, alerts=AlertSettings(groups=[AlertGroup("app", rules)]))
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
