"""The public values of metrics, alerts and health, as a kit returns them or a host makes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import habitkit.testing
from habitkit.alerts import (
    Alert,
    AlertGroup,
    AlertSettings,
    Flap,
    GroupRow,
    Notification,
    Receiver,
    ReceiverRow,
    SilenceRow,
    slo,
)
from habitkit.health import DailyFinding, HealthSettings
from habitkit.metrics import FoldedAttribute, SeriesTier, increase


def values_of_alerts() -> Iterator[object]:
    """Return at least one value of each public class."""
    rule = Alert("Fails", increase("fails", "5m", by=("zone",)) > 2, flap=Flap(4), summary="{zone}")
    group = AlertGroup("app", [rule], every_seconds=60)
    sent: list[Notification] = []
    receivers = [Receiver("ops", sent.append, wait_seconds=0)]
    kit = habitkit.testing.kit(metrics=True, alerts=AlertSettings([group], receivers))
    kit.metrics.counter("fails").add(5, {"zone": "eu"}, exemplar={"trace_id": "a"})
    kit.clock.advance(minutes=1)
    now = kit.clock.now()
    yield kit.alerts.evaluate()
    yield from kit.alerts.active()
    yield from sent
    yield from sent[0].alerts
    yield FoldedAttribute("fails", "user", 3, now, ("ada",))
    status = kit.alerts.status()
    yield from (status, *status.groups, *status.receivers)
    yield from (rule for each in status.groups for rule in each.rules)
    yield kit.alerts.silence({"zone": "eu"}, now + timedelta(hours=1), "ada", "maintenance")
    yield from (rule, rule.flap, group, slo("checkout", bad="fails", total="fails"))
    yield GroupRow("app", now, "{}")
    yield ReceiverRow("ops", None, None, "{}")
    yield SilenceRow(UUID(int=7), {}, now, now, "ada", "")
    yield from (DailyFinding("ledger.fault", "error", "what", "do"), HealthSettings())
    vector = kit.metrics.query(increase("fails", "1m", by=("zone",)))
    yield from (vector, *vector.samples)
    matrix = kit.metrics.query_range(increase("fails", "1m"), now - timedelta(minutes=1), now)
    yield from (matrix, *matrix.rows)
    yield from kit.metrics.totals()
    yield from (it.series for it in kit.metrics.totals())
    yield from (each for it in kit.metrics.totals() for each in it.exemplars)
    yield from (SeriesTier(10, 60),)
    health = kit.health("deep")
    yield from (health, *health.checks.values(), health.response(details=True))
    yield kit.daily_check()
