"""``kit.alerts.evaluate``: when groups are evaluated, and what that leaves."""

from __future__ import annotations

from datetime import UTC, datetime

from habitkit.alerts.settings import AlertSettings
from habitkit.store import Store
from tests.kit.alerts.support import World, group


def test_a_rule_that_is_true_fires_and_one_that_is_false_again_is_resolved(store: Store) -> None:
    world = World(store, AlertSettings(groups=[group()]))

    reports = [world.evaluate(value) for value in (5, 6, 7, 5, 5)]

    assert [(it.fired, it.resolved) for it in reports] == [(0, 0), (1, 0), (0, 0), (0, 1), (0, 0)]
    assert reports[0].evaluated == {"app": datetime(2026, 1, 1, 8, 1, tzinfo=UTC)}
    assert world.events() == [("AlertFired", "eu"), ("AlertResolved", "eu")]
