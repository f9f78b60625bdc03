"""The rules on a kit's own metrics: each fires on what is recorded, and ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
from attrs import frozen

import habitkit.testing
from habitkit.alerts import Alert, AlertGroup, AlertSettings, default_rules
from habitkit.metrics.builtin import BUILT_IN
from habitkit.metrics.domain.expressions import Aggregate
from habitkit.testing import TestKit

RULES = {rule.name: rule for rule in default_rules().rules}
MINUTE, HOUR, DAY = 60, 3600, 86_400
"""In seconds."""


@frozen
class Case:
    """What is recorded once a minute while a rule holds, and while it does not.

    Attributes:
        metric: The metric.
        bad: Values and attributes while it holds.
        good: The same while it does not.
        fires_after: After how many seconds at most it fires.
        ends_after: After how many at most it ends.
        labels: The labels of the alert, but the rule's.
        summary: Its text.
    """

    metric: str
    bad: list[tuple[float, dict[str, str]]]
    good: list[tuple[float, dict[str, str]]]
    fires_after: int
    ends_after: int
    summary: str
    labels: Mapping[str, str] = {}


def of(value: float, **attributes: str) -> tuple[float, dict[str, str]]:
    return value, attributes


def actions(errors: float, others: float) -> list[tuple[float, dict[str, str]]]:
    every = [("ok", others), ("error", errors)]
    return [of(count, action="coins.award", outcome=it) for it, count in every]


def deliveries(failed: float = 0, dead: float = 0) -> list[tuple[float, dict[str, str]]]:
    every = [("delivered", 50), ("failed", failed), ("dead", dead)]
    return [of(count, outcome=it) for it, count in every]


CASES = {
    "HabitkitActionsFail": Case(
        "habitkit_actions",
        actions(100, 900),
        actions(40, 960),
        16 * MINUTE,
        6 * MINUTE,
        "10.0% of the actions of the last 5 minutes ended with an error.",
    ),
    "HabitkitActionsSlow": Case(
        "habitkit_action_duration",
        [of(2, action="coins.award"), of(0.5, action="habits.create")],
        [of(0.9, action="coins.award")],
        16 * MINUTE,
        6 * MINUTE,
        "1 % of the calls of coins.award take more than 2.00 s.",
        {"action": "coins.award"},
    ),
    "HabitkitCacheUnavailable": Case(
        "habitkit_cache_requests",
        [of(3, cache="pages", result="unavailable"), of(9, cache="users", result="hit")],
        [of(9, cache="pages", result="loaded")],
        6 * MINUTE,
        6 * MINUTE,
        "The shared backend of the cache pages failed 15 times.",
        {"cache": "pages"},
    ),
    "HabitkitRelayFails": Case(
        "habitkit_relay_deliveries",
        deliveries(failed=50),
        deliveries(failed=5),
        21 * MINUTE,
        11 * MINUTE,
        "50.0% of the deliveries of the last 10 minutes failed.",
    ),
    "HabitkitRelayDead": Case(
        "habitkit_relay_deliveries",
        deliveries(dead=1),
        deliveries(),
        MINUTE,
        61 * MINUTE,
        "1 deliveries were given up within an hour.",
    ),
    "HabitkitRelayLags": Case(
        "habitkit_relay_lag",
        [of(301)],
        [of(300)],
        6 * MINUTE,
        MINUTE,
        "Events have waited for the relay for 301 s.",
    ),
    "HabitkitSweepLags": Case(
        "habitkit_sweep_lag",
        [of(901)],
        [of(900)],
        6 * MINUTE,
        MINUTE,
        "The work of the sweep has been due for 901 s.",
    ),
    "HabitkitSweepStopped": Case(
        "habitkit_sweep_duration",
        [],
        [of(0.1)],
        21 * MINUTE,
        MINUTE,
        "Nobody has called kit.sweep() for 15 minutes.",
    ),
    "HabitkitChecksFail": Case(
        "habitkit_check_status",
        [of(0, check="store"), of(0.5, check="relay")],
        [of(0.5, check="store")],
        3 * MINUTE,
        MINUTE,
        "The health check store fails.",
        {"check": "store"},
    ),
    "HabitkitLedgerFaults": Case(
        "habitkit_ledger_faults",
        [of(2)],
        [of(0)],
        MINUTE,
        DAY + HOUR,
        "The daily check found 2 faults in the ledger.",
    ),
    "HabitkitMetricsDropped": Case(
        "habitkit_metrics_dropped",
        [of(1, metric="load", reason="not_finite")],
        [],
        MINUTE,
        16 * MINUTE,
        "1 values of load were dropped: not_finite.",
        {"metric": "load", "reason": "not_finite"},
    ),
    "HabitkitMetricsFolded": Case(
        "habitkit_metrics_folded",
        [of(1, metric="load", attribute="user")],
        [],
        MINUTE,
        61 * MINUTE,
        "load: user has too many values; 1 became (other).",
        {"metric": "load", "attribute": "user"},
    ),
}


class World:
    """A kit that evaluates one rule each minute, on what it has recorded before."""

    def __init__(self, rule: Alert, metric: str) -> None:
        group = AlertGroup("habitkit", [rule])
        self.kit: TestKit = habitkit.testing.kit(metrics=True, alerts=AlertSettings(groups=[group]))
        verb = {"counter": "add", "gauge": "set", "distribution": "record"}[BUILT_IN[metric].kind]
        self.record: Callable[..., None] = getattr(self.kit.metrics.built_in(metric), verb)

    def until(self, values: list[tuple[float, dict[str, str]]], *, fires: bool, most: int) -> int:
        """Record values once a minute, or hour, until the rule fires or does not; return when."""
        step = MINUTE if most < DAY else HOUR
        for seconds in range(0, most, step):
            for value, attributes in values:
                self.record(value, attributes)
            self.kit.metrics.flush()
            self.kit.clock.advance(seconds=step)
            report = self.kit.alerts.evaluate()
            assert report.failures == ()
            if any(it.phase == "firing" for it in self.kit.alerts.active()) is fires:
                return seconds + step
        raise AssertionError(f"after {most} s there is no change")


def test_there_is_a_case_for_each_of_the_twelve_rules():
    assert set(CASES) == set(RULES)
    assert len(RULES) == 12
    assert default_rules().name == "habitkit"


@pytest.mark.parametrize("name", RULES)
def test_a_rule_fires_on_what_is_recorded_and_ends(name):
    case = CASES[name]
    world = World(RULES[name], case.metric)
    assert world.until(case.good, fires=False, most=MINUTE)

    took = world.until(case.bad, fires=True, most=case.fires_after)

    assert took > RULES[name].for_seconds
    (alert,) = [it for it in world.kit.alerts.active() if it.phase == "firing"]
    own = {"alertname": name, "severity": RULES[name].labels["severity"]}
    assert alert.labels == {**case.labels, **own}
    assert alert.summary == case.summary
    world.until(case.good, fires=False, most=case.ends_after)


def test_rules_name_metrics_that_a_kit_records_with_the_attributes_that_they_have():
    for rule in RULES.values():
        assert rule.labels["severity"] in {"page", "ticket"}
        assert rule.summary
        assert not rule.runbook
        for selector in (it.of for it in rule.when.walk() if isinstance(it, Aggregate)):
            assert selector.name in BUILT_IN, rule.name
            assert {name for name, _ in selector.where} <= set(BUILT_IN[selector.name].attributes)


def test_rules_survive_being_written_as_json():
    again = AlertGroup.from_dict(json.loads(json.dumps(default_rules().to_dict())))
    assert again == default_rules()


def test_a_kit_with_nothing_to_complain_of_is_quiet():
    kit = habitkit.testing.kit(metrics=True, alerts=AlertSettings(groups=[default_rules()]))
    for _ in range(40):
        kit.coins.award("ada", 1, idempotency_key=str(kit.clock.now()))
        kit.health("deep")
        kit.daily_check()
        kit.relay.run_once()
        kit.sweep()
        kit.clock.advance(seconds=30)
        assert not [it for it in kit.alerts.active() if it.phase == "firing"]
    assert kit.alerts.status().groups[0].evaluated_at is not None
