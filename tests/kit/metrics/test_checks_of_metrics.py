"""Checks of metrics and alerts: ``kit.health("deep")`` and the daily check."""

from __future__ import annotations

from typing import Any

import habitkit.testing
from habitkit import HabitKit
from habitkit.alerts import Alert, AlertGroup, AlertSettings
from habitkit.backends.memory import MemorySeries, MemoryStore
from habitkit.health import CheckResult, HealthSettings
from habitkit.metrics import Metrics, increase, last
from habitkit.metrics.errors import SeriesUnavailable


def checked(kit: HabitKit, name: str) -> CheckResult:
    """Return the result of one deep check, without what was found a moment ago."""
    kit._health_checks._runs.clear()
    return kit.health("deep").checks[name]


class Unreachable(MemorySeries):
    """A store of time series that can be down."""

    down = False

    def write(self, *args: Any, **more: Any) -> Any:
        if self.down:
            raise SeriesUnavailable(self.name, "the disk is full")
        return super().write(*args, **more)


def test_metrics_that_are_not_flushed_warn_after_a_minute_and_only_when_probed_deeply(store):
    clock = habitkit.testing.FakeClock()
    series = Unreachable()
    metrics = Metrics(series, wall_ns=clock.ticks)
    kit = HabitKit(store, clock=clock, metrics=metrics)
    clock.advance(seconds=60)
    assert checked(kit, "flush") == CheckResult("pass", "", 60.0, "seconds", clock.now())
    clock.advance(seconds=1)
    assert checked(kit, "flush").text == (
        "metrics were not stored for 61 s, expected at most 60 s: nobody flushes them: "
        "use kit.background()"
    )
    assert "flush" not in kit.health("ready").checks
    kit.refresh()
    assert checked(kit, "flush").value == 0
    series.down = True
    clock.advance(seconds=60)
    kit.refresh()
    assert checked(kit, "flush").status == "pass"
    clock.advance(seconds=1)
    late = checked(kit, "flush")
    assert (late.status, late.value) == ("warn", 61)
    assert "the disk is full" in late.text
    assert kit.daily_check().findings[-1].id == "metrics.not_flushed"


def test_how_long_flushes_may_be_late_is_a_setting():
    kit = habitkit.testing.kit(metrics=True, health=HealthSettings(flush_age_seconds=5))
    kit.metrics.flush()
    kit.clock.advance(seconds=6)
    assert checked(kit, "flush").status == "warn"


def test_without_metrics_and_groups_there_is_nothing_to_check(store):
    kit = habitkit.testing.kit(store=store)
    kit.clock.advance(days=1)
    assert checked(kit, "flush").value is checked(kit, "alerts").value is None
    assert kit.daily_check().ok
    assert kit._runner.settings.metrics is None


def test_groups_that_are_not_evaluated_for_three_intervals_warn(store):
    rule = Alert("Deep", last("depth") > 5)
    groups = [
        AlertGroup("app", [rule], offset_seconds=0),
        AlertGroup("slow", [rule], every_seconds=600, offset_seconds=5),
    ]
    kit = habitkit.testing.kit(store=store, alerts=AlertSettings(groups=groups))
    text = "the group 'app' was not evaluated yet: run kit.alerts.evaluate()"
    assert (checked(kit, "alerts").status, checked(kit, "alerts").text) == ("warn", text)
    kit.alerts.evaluate()
    kit.clock.advance(seconds=180)
    assert checked(kit, "alerts").status == "pass"
    kit.clock.advance(seconds=1)
    late = checked(kit, "alerts")
    assert (late.status, late.value) == ("warn", 181.0)
    assert late.text == (
        "the group 'app' was not evaluated for 181 s, expected 180 s at most: "
        "run kit.alerts.evaluate() more often"
    )
    assert [it.id for it in kit.daily_check().findings] == [
        "metrics.not_flushed",  # evaluating made them
        "alerts.not_evaluated",
    ]
    kit.alerts.evaluate()
    assert checked(kit, "alerts").status == "pass"


def test_the_daily_check_finds_rules_that_fail_and_metrics_that_are_lost(store):
    rules = [
        Alert("Well", last("depth") > 5),
        Alert("Ill", increase("depth") > 5, labels={"severity": "page"}),
    ]
    metrics = Metrics(max_values=50)
    kit = HabitKit(store, metrics=metrics, alerts=AlertSettings(groups=[AlertGroup("app", rules)]))
    metrics.gauge("depth").set(9)
    kit.alerts.evaluate()
    for number in range(53):
        metrics.counter("visits").add(1, {"user": f"u{number}", "zone": "eu"})
    metrics.counter("visits").add(-1, {"zone": "eu"})

    rule, dropped, folded = kit.daily_check().findings

    assert (rule.id, rule.severity) == ("alerts.unhealthy", "error")
    assert rule.text.startswith("app: Ill: ")
    assert (dropped.id, dropped.severity) == ("metrics.dropped", "warning")
    assert dropped.text == "1 values of visits were dropped: negative"
    assert (folded.id, folded.severity) == ("metrics.folded", "warning")
    assert folded.text.startswith("visits: 3 recordings had a value of user replaced by (other)")
    assert folded.text.endswith("such as 'u50'")
    assert all(it.remedy for it in (rule, dropped, folded))


def test_a_store_without_alerts_has_none_to_check():
    class Plain(MemoryStore):
        modules = frozenset(MemoryStore.modules) - {"alerts"}

    kit = habitkit.testing.kit(store=Plain())
    assert checked(kit, "alerts").status == "pass"
    assert kit.daily_check().ok
