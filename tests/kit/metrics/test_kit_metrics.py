"""The metrics of a kit: where they come from, and what flushes, rolls up and closes them."""

import asyncio
import subprocess
import sys
import time
from contextlib import closing

import pytest
from sqlalchemy import create_engine

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.alerts import AlertGroup, AlertSettings, watchdog
from habitkit.backends.memory import MemorySeries, MemoryStore
from habitkit.backends.sqlalchemy.series import AsyncSqlSeries, SqlSeries
from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.backends.sqlalchemy.upgrade_url import upgrade_url
from habitkit.errors import ConfigurationError, UsageError
from habitkit.metrics import AsyncMetrics, InvalidMetric, Metrics, increase
from habitkit.metrics.domain.points import decode_increase


def total(metrics, name, **attributes):
    found = [
        it.value
        for it in metrics.totals()
        if it.series.metric == name and dict(it.series.attributes) == attributes
    ]
    return found[0] if found else None


def check_in(kit):
    habit = kit.habits.create("ada", "Run", Schedule.daily())
    return kit.habits.check_in(habit.id)


def stored(series, name, now=None):
    """Return the sum of a counter in a store of time series."""
    now = int(time.time()) + 10 if now is None else now
    ids = [it.series.id for it in series.series([name])]
    return sum(decode_increase(it.data) for it in series.read(ids, 0, now, now).points)


class TestWithoutMetrics:
    def test_a_kit_records_nothing_and_reads_no_clock_for_it(self, store):
        with HabitKit(store) as kit:
            check_in(kit)
            assert kit._runner.settings.observer is None
            assert kit._runner.settings.metrics is None

    def test_the_host_can_record(self, kit):
        kit.metrics.counter("check_ins").add(2)
        check_in(kit)
        names = {it.series.metric for it in kit.metrics.totals()}
        assert "check_ins" in names
        assert "habitkit_actions" not in names

    def test_the_package_is_not_loaded(self):
        code = (
            "import sys\nfrom habitkit import HabitKit, Schedule\n"
            "with HabitKit.open('memory://') as kit:\n"
            "    kit.habits.check_in(kit.habits.create('ada', 'Run', Schedule.daily()).id)\n"
            "print([it for it in sys.modules if it.startswith('habitkit.metrics.') and not it.endswith('.module')])"
        )
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        loaded = set(eval(found.stdout))  # noqa: S307 - a list of texts that this test printed
        assert not loaded & {
            "habitkit.metrics.base",
            "habitkit.metrics.queries",
            "habitkit.metrics.domain.sketch",
        }


class TestWithMetrics:
    def test_a_kit_records_its_actions_and_events(self, store):
        kit = habitkit.testing.kit(store=store, metrics=True)
        check_in(kit)
        with pytest.raises(ValueError, match="owner"):
            kit.habits.create("", "Run", Schedule.daily())
        metrics = kit.metrics
        assert total(metrics, "habitkit_actions", action="habits.check_in", outcome="ok") == 1
        assert total(metrics, "habitkit_actions", action="habits.create", outcome="ok") == 1
        assert total(metrics, "habitkit_actions", action="habits.create", outcome="refused") == 1
        assert total(metrics, "habitkit_action_duration", action="habits.check_in").count == 1
        assert total(metrics, "habitkit_events", type="HabitCompleted") == 1

    def test_what_is_rehearsed_and_what_only_reads_is_not_recorded(self, store):
        kit = habitkit.testing.kit(store=store, metrics=True)
        kit.rehearse(lambda tx: None)
        kit.habits.list("ada")
        assert not [it for it in kit.metrics.totals() if it.series.metric == "habitkit_actions"]

    def test_an_object_is_used_as_it_is(self, store):
        metrics = Metrics()
        with HabitKit(store, metrics=metrics) as kit:
            assert kit.metrics is metrics
            check_in(kit)
            assert total(metrics, "habitkit_actions", action="habits.create", outcome="ok") == 1
        metrics.counter("x").add(1)  # the host closes what the host made
        metrics.close()

    @pytest.mark.parametrize("given", ["sqlite://", 5, object(), Metrics])
    def test_another_object_is_refused(self, store, given):
        with pytest.raises(ConfigurationError, match=r"metrics: expected .*Metrics"):
            HabitKit(store, metrics=given)

    def test_the_metrics_of_the_other_kind_of_kit_are_refused(self, store):
        with pytest.raises(ConfigurationError, match="metrics: expected"):
            HabitKit(store, metrics=AsyncMetrics())  # type: ignore[arg-type]

    def test_the_metrics_of_a_test_kit_raise_and_go_by_its_clock(self, kit):
        with pytest.raises(InvalidMetric):
            kit.metrics.counter("x").add(-1)
        timer = kit.metrics.distribution("d", unit="seconds")
        with timer.time():
            kit.clock.advance(seconds=90)
        assert total(kit.metrics, "d").sum == 90
        assert kit.metrics.now() == int(kit.clock.now().timestamp())

    def test_a_limiter_and_a_cache_are_observed(self, store):
        kit = habitkit.testing.kit(store=store, metrics=True)
        for _ in range(3):
            kit.limits.acquire("ada", "2/min")
        kit.cache.get_or_create("k", lambda: 1, ttl_seconds=9)
        kit.cache.get_or_create("k", lambda: 1, ttl_seconds=9)
        found = [
            it for it in kit.metrics.totals() if it.series.metric == "habitkit_limiter_decisions"
        ]
        assert sorted((dict(it.series.attributes)["outcome"], it.value) for it in found) == [
            ("allowed", 2),
            ("denied", 1),
        ]
        assert total(kit.metrics, "habitkit_cache_requests", cache="", result="hit") == 1
        assert total(kit.metrics, "habitkit_cache_requests", cache="", result="loaded") == 1


class TestWhereSeriesAre:
    def test_an_opened_kit_keeps_them_in_its_database(self, tmp_path):
        with HabitKit.open(f"sqlite:///{tmp_path}/a.db") as kit:
            kit.metrics.counter("x").add(3)
            assert isinstance(kit.metrics.series, SqlSeries)
        with HabitKit.open(f"sqlite:///{tmp_path}/a.db") as kit:
            assert stored(kit.metrics.series, "x") == 3

    def test_kits_that_were_given_a_store_share_those_of_its_database(self, tmp_path):
        url = f"sqlite:///{tmp_path}/a.db"
        upgrade_url(url)
        with (
            closing(SqlStore(create_engine(url))) as store,
            HabitKit(store, metrics=True) as one,
            HabitKit(store, metrics=True) as two,
        ):
            assert isinstance(one.metrics.series, SqlSeries)
            one.metrics.counter("x").add(3)
            one.metrics.flush()
            assert stored(two.metrics.series, "x") == 3

    def test_an_opened_kit_in_memory_keeps_them_in_memory(self):
        with HabitKit.open("memory://", metrics=True) as kit:
            assert isinstance(kit.metrics.series, MemorySeries)

    async def test_an_async_kit_on_sqlite_keeps_them_in_its_database(self, tmp_path):
        async with await AsyncHabitKit.open(f"sqlite:///{tmp_path}/a.db", metrics=True) as kit:
            habit = await kit.habits.create("ada", "Run", Schedule.daily())
            await kit.habits.check_in(habit.id)
            await kit.metrics.flush()
            assert isinstance(kit.metrics.series, SqlSeries | AsyncSqlSeries)
            vector = await kit.metrics.query(increase("habitkit_actions", "1m", by=("action",)))
            assert vector.samples or vector.samples == ()
        with HabitKit.open(f"sqlite:///{tmp_path}/a.db") as again:
            assert stored(again.metrics.series, "habitkit_actions") == 2


class TestFlushing:
    @pytest.fixture
    def kit(self, store):
        return habitkit.testing.kit(store=store, metrics=True)

    def flushed(self, kit):
        return stored(kit.metrics.series, "x", now=int(kit.clock.now().timestamp()) + 10)

    def test_refresh_flushes(self, kit):
        kit.metrics.counter("x").add(1)
        assert "metrics" in kit.refresh().refreshed
        assert self.flushed(kit) == 1

    def test_close_flushes(self, kit):
        kit.metrics.counter("x").add(1)
        kit.close()
        assert self.flushed(kit) == 1

    def test_background_flushes(self, kit):
        kit.metrics.counter("x").add(1)
        with kit.background():
            pass
        kit.close()
        assert self.flushed(kit) == 1

    def test_a_block_flushes_at_its_end_and_can_be_entered_once(self, kit):
        flushing = kit.metrics.flushing(every_seconds=3600)
        with flushing:
            kit.metrics.counter("x").add(1)
            with pytest.raises(UsageError, match="runs already"):
                flushing.__enter__()
        assert self.flushed(kit) == 1

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_block_may_evaluate_alerts_even_if_it_cannot_flush(self, monkeypatch, fails):
        kit = habitkit.testing.kit(alerts=AlertSettings([AlertGroup("app", [watchdog()])]))
        with kit.metrics.flushing(every_seconds=3600, alerts=True):
            if fails:
                monkeypatch.setattr(kit.metrics, "flush", lambda: 1 / 0)
        assert [it.alert for it in kit.alerts.active()] == ["Watchdog"]

    @pytest.mark.parametrize("fails", [False, True])
    async def test_an_async_block_may_too(self, monkeypatch, fails):
        from habitkit.backends.threaded import ThreadedStore

        settings = AlertSettings([AlertGroup("app", [watchdog()])])
        async with AsyncHabitKit(ThreadedStore(MemoryStore()), alerts=settings) as kit:
            async with kit.metrics.flushing(every_seconds=3600, alerts=True):
                if fails:
                    monkeypatch.setattr(kit.metrics, "flush", lambda: 1 / 0)
            monkeypatch.undo()
            assert [it.alert for it in await kit.alerts.active()] == ["Watchdog"]

    def test_metrics_without_a_kit_have_no_alerts(self):
        with pytest.raises(UsageError, match="kit with alerts"):
            Metrics().flushing(alerts=True)

    @pytest.mark.parametrize("seconds", [0, -1, "10", None, True, float("inf"), float("nan")])
    def test_bad_seconds_are_refused(self, seconds):
        with pytest.raises(InvalidMetric, match="every_seconds"):
            Metrics().flushing(every_seconds=seconds)

    def test_a_sweep_rolls_up(self, tmp_path):
        kit = habitkit.testing.kit(metrics=True)
        kit.metrics.counter("x").add(1)
        kit.metrics.flush()
        kit.clock.advance(minutes=5)
        assert kit.sweep().failures == ()

    def test_a_sweep_rolls_up_what_other_processes_wrote_and_records_nothing(self, tmp_path):
        clock = habitkit.testing.FakeClock("2026-01-01T08:00Z")
        url = f"sqlite:///{tmp_path}/a.db"
        with HabitKit.open(url, clock=clock) as kit:
            kit.metrics.counter("x").add(1)
        clock.advance(minutes=5)
        with HabitKit.open(url, clock=clock) as kit:
            assert kit.sweep().counts["metric_slots"] == 1
            assert kit._runner.settings.metrics is None

    async def test_an_async_block_flushes_at_its_end(self):
        metrics = AsyncMetrics()
        async with metrics.flushing(every_seconds=3600):
            metrics.counter("x").add(1)
            await asyncio.sleep(0)
        assert stored(metrics.series, "x", now=metrics.now() + 10) == 1
        await metrics.close()

    async def test_an_async_kit_flushes_when_it_is_closed(self):
        from habitkit.backends.threaded import ThreadedStore

        metrics = AsyncMetrics()
        async with AsyncHabitKit(ThreadedStore(MemoryStore()), metrics=metrics):
            metrics.counter("x").add(1)
        assert stored(metrics.series, "x", now=metrics.now() + 10) == 1


def test_two_flushes_at_once_write_nothing_twice_and_a_cancelled_one_blocks_no_other():
    async def main():
        metrics = AsyncMetrics()
        metrics.counter("x").add(1)
        await asyncio.gather(*(metrics.flush() for _ in range(8)))
        task = asyncio.create_task(metrics.flush())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(metrics.flush(), 5)
        return stored(metrics.series, "x", now=metrics.now() + 10)

    assert asyncio.run(main()) == 1


@pytest.mark.timeout(20)
def test_a_query_does_not_wait_for_exporters():
    class Exporter:
        name = "asking"
        cumulative = True

        def export(self, _):
            found.append(metrics.query(increase("runs", "5m")).value)

        def close(self): ...

    found: list[float] = []
    clock = habitkit.testing.FakeClock("2026-01-01T12:00:05Z")
    metrics = Metrics(ticks=clock.ticks, wall_ns=clock.ticks, exporters=[Exporter()])
    metrics.counter("runs").add(3)
    metrics.flush()
    clock.advance(seconds=10)
    metrics.flush()
    assert found == [0, 3]
