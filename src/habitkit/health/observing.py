"""Checks of metrics and alerts: whether they are stored and evaluated, and what is lost of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.alerts.queries import status
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.store import ALERTS
from habitkit.health.domain.daily import DailyFinding
from habitkit.health.domain.report import passed, warned
from habitkit.health.settings import HealthSettings
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from habitkit.alerts.results import AlertStatus
    from habitkit.health.domain.report import CheckResult
    from habitkit.metrics.base import BaseMetrics
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["alerts_are_evaluated", "check_lost_metrics", "check_rules", "metrics_are_flushed"]

_INTERVALS = 3
_MOST_OFFSET_SECONDS = 15


def metrics_are_flushed(settings: KitSettings) -> Steps[CheckResult]:
    """Compare how long ago this process has flushed its metrics, if the kit has any."""
    yield from ()
    metrics = settings.metrics
    if metrics is None:
        return passed()
    allowed = settings.of(HealthSettings).flush_age_seconds
    steps = metrics.steps
    since = steps.began_at if steps.flushed_at is None else steps.flushed_at
    age = float(max(0, metrics.now() - since))
    if age <= allowed:
        return passed(age, "seconds")
    why = steps.last_error or "nobody flushes them: use kit.background()"
    text = f"metrics were not stored for {age:.0f} s, expected at most {allowed:g} s: {why}"
    return warned(text, age, "seconds")


def alerts_are_evaluated(settings: KitSettings) -> Steps[CheckResult]:
    """Compare how long ago each group of alert rules was evaluated with three of its intervals."""
    groups = settings.of(AlertSettings).groups
    if not groups or "alerts" not in settings.supported:
        return passed()
    last: dict[str, datetime] = yield Call(_evaluated, (), write=False)
    now, ages = settings.clock.now(), [0.0]
    for group in groups:
        at = last.get(group.name)
        if at is None:
            text = f"the group {group.name!r} was not evaluated yet: run kit.alerts.evaluate()"
            return warned(text)
        offset = _MOST_OFFSET_SECONDS if group.offset_seconds is None else group.offset_seconds
        age = (now - at).total_seconds()
        allowed = _INTERVALS * group.every_seconds
        if age > allowed + offset:
            text = f"the group {group.name!r} was not evaluated for {age:.0f} s, expected {allowed}"
            return warned(f"{text} s at most: run kit.alerts.evaluate() more often", age, "seconds")
        ages.append(age)
    return passed(max(ages), "seconds")


def _evaluated(tx: Transaction) -> dict[str, datetime]:
    return tx.port(ALERTS).evaluated()


def check_rules(
    settings: KitSettings, _: Callable[[str], bool], __: set[str]
) -> Steps[list[DailyFinding]]:
    """Find alert rules whose last evaluation failed: a part of the daily check."""
    if not settings.of(AlertSettings).groups or "alerts" not in settings.supported:
        return []
    found: AlertStatus = yield Call(status, (), write=False)
    remedy = "see what the error says; kit.alerts.status() has the rule's labels"
    return [
        DailyFinding(
            "alerts.unhealthy", "error", f"{group.name}: {rule.alert}: {rule.error}", remedy
        )
        for group in found.groups
        for rule in group.rules
        if not rule.healthy
    ]


def check_lost_metrics(
    settings: KitSettings, _: Callable[[str], bool], __: set[str]
) -> Steps[list[DailyFinding]]:
    """Find metrics of this process that were dropped or lost attributes: a part as well."""
    yield from ()
    metrics = settings.metrics
    return [] if metrics is None else [*_dropped(metrics), *_folded(metrics)]


def _dropped(metrics: BaseMetrics) -> list[DailyFinding]:
    remedy = "see the log for what was given, and the metric's reason in kit.metrics"
    found = []
    for total in metrics.totals():
        if total.series.metric == "habitkit_metrics_dropped" and total.value:
            of = dict(total.series.attributes)
            text = f"{total.value} values of {of['metric']} were dropped: {of['reason']}"
            found.append(DailyFinding("metrics.dropped", "warning", text, remedy))
    return found


def _folded(metrics: BaseMetrics) -> list[DailyFinding]:
    remedy = "give the attribute fewer values, or raise max_series or max_values"
    return [
        DailyFinding(
            "metrics.folded",
            "warning",
            f"{it.metric}: {it.count} recordings had a value of {it.attribute} replaced by "
            f"(other) since {it.since:%Y-%m-%d %H:%M}, such as {it.examples[0]!r}",
            remedy,
        )
        for it in metrics.dropped()
    ]
