"""The evaluation of alert rules, by example, and rules as data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from habitkit.alerts.domain.advance import advance
from habitkit.alerts.domain.model import AlertState, Change, Observed, RuleState
from habitkit.alerts.domain.receivers import Receiver
from habitkit.alerts.domain.rules import Alert, AlertGroup, Flap
from habitkit.alerts.watchdogs import watchdog
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.functions import last, rate
from habitkit.metrics.domain.series import Labels, labels_of

START = datetime(2027, 3, 5, tzinfo=UTC)
DEPTH = last("depth", by=("zone",))
MINUTE = timedelta(minutes=1)
EU: Labels = (("zone", "eu"),)


def rule(**more: Any) -> Alert:
    return Alert("Deep", DEPTH > 5, **more)


@define
class Evaluator:
    """A rule with its state, evaluated at minutes with depths by zone."""

    rule: Alert
    state: RuleState = field(factory=RuleState)
    limit: int = 0
    changes: list[Change] = field(factory=list)

    def at(self, minute: float, **depths: float) -> list[str]:
        """Evaluate, and return the kinds of changes; a silent one in parentheses."""
        named = {labels_of({"zone": zone}): depth for zone, depth in depths.items()}
        low = {labels: it for labels, it in named.items() if it < 2}
        return self.observe(
            minute,
            Observed(
                when={labels: it for labels, it in named.items() if it > 5},
                until=None if self.rule.until is None else low,
                left=named,
            ),
        )

    def observe(self, minute: float, observed: Observed) -> list[str]:
        at = START + minute * MINUTE
        done = advance(self.rule, self.state, observed, at, limit=self.limit)
        self.state = done.state
        self.changes += done.changes
        return [f"({it.kind})" if it.silent else it.kind for it in done.changes]

    def run(self, first: int, end: int, **depths: float) -> list[str]:
        return [kind for minute in range(first, end) for kind in self.at(minute, **depths)]

    @property
    def only(self) -> AlertState:
        (alert,) = self.state.alerts.values()
        return alert


def test_an_alert_is_pending_then_fires_is_resolved_and_remembered_for_fifteen_minutes():
    deep = Evaluator(rule(for_="2m", summary="{zone} is {value} deep", labels={"severity": "page"}))
    assert [deep.at(it, eu=9) for it in range(4)] == [["pending"], [], ["firing"], []]
    assert deep.only == AlertState(
        labels_of({"alertname": "Deep", "severity": "page", "zone": "eu"}),
        "firing",
        9,
        active_at=START,
        fired_at=START + 2 * MINUTE,
        summary="eu is 9 deep",
    )
    assert deep.at(4, eu=1) == ["resolved"]
    assert deep.run(5, 20, eu=1) == []
    assert deep.only.resolved_at == START + 4 * MINUTE
    assert deep.at(20, eu=1) == []
    assert deep.state.alerts == {}


def test_one_that_fires_at_once_has_one_change_and_a_resolved_one_begins_anew():
    deep = Evaluator(rule())
    assert [deep.at(0, eu=9), deep.at(1, eu=1), deep.at(2, eu=9)] == [
        ["firing"],
        ["resolved"],
        ["firing"],
    ]
    assert deep.only.active_at == START + 2 * MINUTE


@given(st.lists(st.integers(1, 4), max_size=40))
def test_alternating_true_and_false_never_fires_under_for(lengths: list[int]):
    deep, minute = Evaluator(rule(for_="4m", keep_firing_for="1h")), 0
    for length in lengths:
        for _ in range(length):
            assert "firing" not in deep.at(minute, eu=9)
            minute += 1
        assert deep.at(minute, eu=1) == ["dropped"]
        minute += 1


def test_keep_firing_for_begins_anew_when_it_is_true_again():
    deep = Evaluator(rule(keep_firing_for="3m"))
    assert deep.at(0, eu=9) == ["firing"]
    assert deep.run(1, 4, eu=1) + deep.at(4, eu=9) + deep.run(5, 8, eu=1) == []
    assert deep.at(8, eu=1) == ["resolved"]


def test_a_firing_alert_is_pending_again_when_for_is_raised_over_the_time_it_is_true():
    deep = Evaluator(rule(for_="1m"))
    assert deep.run(0, 3, eu=9) == ["pending", "firing"]
    deep.rule = rule(for_="2m")
    assert deep.at(3, eu=9) == []
    deep.rule = rule(for_="5m")
    assert deep.at(4, eu=9) == ["pending"]
    assert deep.only.fired_at is None
    assert deep.at(5, eu=9) == ["firing"]


def test_too_many_alerts_end_with_the_reason_limit_and_fail_the_rule():
    deep = Evaluator(rule(for_="1m"), limit=2)
    assert deep.run(0, 2, eu=9) == ["pending", "firing"]
    assert deep.at(2, eu=9, us=9) == ["pending"]
    assert deep.at(3, eu=9, us=9, ap=9) == ["resolved", "dropped"]
    assert [(it.kind, it.alert.reason) for it in deep.changes[-2:]] == [
        ("resolved", "limit"),
        ("dropped", "limit"),
    ]
    assert deep.state.error == "3 alerts are pending or firing, and the limit is 2; they were ended"
    assert deep.at(4, eu=9, us=9, ap=9) == []
    assert deep.at(5, eu=9) == ["pending"]
    assert deep.state.error is None


def test_a_query_that_fails_and_two_samples_of_one_alert_change_nothing_but_the_error():
    deep = Evaluator(rule(labels={"zone": "all"}))
    deep.at(0, eu=9)
    before = deep.state.alerts
    for minute, found in (
        (1, Observed({}, error="too slow")),
        (2, Observed({EU: 9, (("zone", "us"),): 9})),
    ):
        assert deep.observe(minute, found) == []
        assert deep.state.alerts == before
        assert deep.state.error is not None
    assert deep.at(3, eu=1) == ["resolved"]


def test_twenty_minutes_without_evaluations_do_not_count_and_ten_remain_at_least():
    long, late, short = (Evaluator(rule(for_=it)) for it in ("30m", "30m", "5m"))
    assert long.run(0, 6, eu=9) + long.at(25, eu=9) == ["pending"]
    assert long.run(26, 50, eu=9) + long.at(50, eu=9) == ["firing"]
    assert late.run(0, 26, eu=9) + late.at(45, eu=9) == ["pending"]
    assert late.run(46, 55, eu=9) == []
    assert late.at(55, eu=9) == ["firing"]
    assert short.run(0, 5, eu=9) + short.run(24, 29, eu=9) == ["pending"]
    assert short.at(29, eu=9) == ["firing"]
    assert short.at(300, eu=9) == []


def test_after_more_than_an_hour_pending_begins_anew_and_false_ends_it_as_ever():
    deep = Evaluator(rule(for_="30m"))
    deep.run(0, 11, eu=9)
    assert deep.at(71, eu=9) + deep.run(72, 101, eu=9) == []
    assert deep.at(101, eu=9) == ["firing"]
    other = Evaluator(rule(for_="30m"))
    other.run(0, 11, eu=9)
    assert other.at(40, eu=1) == ["dropped"]


def test_a_query_that_fails_after_a_gap_does_not_hide_the_gap():
    deep = Evaluator(rule(for_="5m"))
    deep.at(0, eu=9)
    deep.observe(20, Observed({}, error="too slow"))
    assert deep.run(21, 25, eu=9) == []
    assert deep.at(25, eu=9) == ["firing"]


def test_a_clock_that_was_set_back_neither_fires_nor_ends_an_alert_nor_makes_it_wait_longer():
    deep = Evaluator(rule(for_="3m", keep_firing_for="2m"))
    deep.run(1000, 1003, eu=9)
    assert deep.run(0, 1, eu=9) == []
    assert deep.at(1, eu=9) == ["firing"]
    assert deep.at(-500, eu=9) == []
    assert deep.run(-499, -497, eu=1) + deep.at(-900, eu=1) == []
    assert deep.at(-899, eu=1) == ["resolved"]


def test_with_until_a_firing_alert_stays_true_until_that_returns_it():
    deep = Evaluator(rule(for_="1m", until=DEPTH < 2))
    assert deep.at(0, eu=9) + deep.at(1, eu=4) == ["pending", "dropped"]
    assert deep.run(2, 4, eu=9) == ["pending", "firing"]
    assert deep.run(4, 9, eu=4) == []
    assert deep.only.value == 4
    assert deep.at(9, eu=1) == ["resolved"]
    assert deep.at(10, eu=4) == []


def test_without_data_an_alert_is_false_as_it_was_or_true_as_the_rule_says():
    deeps = {it: Evaluator(rule(no_data=it, until=DEPTH < 2)) for it in ("ok", "keep", "alert")}
    found = {it: deep.at(0, eu=9, us=1) + deep.at(1, us=1) for it, deep in deeps.items()}
    assert found == {"ok": ["firing", "resolved"], "keep": ["firing"], "alert": ["firing"]}
    assert [deep.only.reason for deep in deeps.values()] == ["", "", "no_data"]
    assert deeps["alert"].at(2, us=1, eu=3) == []
    assert deeps["alert"].only.reason == ""


def test_no_data_fires_under_for_for_what_was_there_within_a_day():
    deep = Evaluator(rule(for_="2m", no_data="alert"))
    assert deep.at(0, eu=1, us=1) + deep.at(1, us=1) == ["pending"]
    assert deep.at(2, us=1) + deep.at(3, us=1) == ["firing"]
    assert (deep.only.reason, dict(deep.only.labels)["zone"]) == ("no_data", "eu")
    for minute, expected in ((1440, ["pending"]), (1441, [])):
        gone = Evaluator(rule(for_="2m", no_data="alert"))
        gone.at(0, eu=1)
        assert gone.at(minute, us=1) == expected


def test_one_alert_says_that_nothing_at_all_is_known_and_ends_when_anything_is():
    deep = Evaluator(rule(no_data="alert", until=DEPTH < 2))
    assert deep.at(0) == ["firing"]
    assert deep.only.labels == (("alertname", "Deep"),)
    assert deep.at(1) == []
    assert deep.at(2, eu=1) == ["resolved"]
    other = Evaluator(Alert("Deep", DEPTH > 5, no_data="keep"))
    assert other.at(0) == []


def test_flapping_is_said_once_then_silent_until_fewer_than_half_are_left():
    deep = Evaluator(rule(flap=Flap(4, over="10m")))
    assert deep.at(0, eu=9) + deep.at(1, eu=1) + deep.at(2, eu=9) == [
        "firing",
        "resolved",
        "firing",
    ]
    assert deep.at(3, eu=1) == ["(resolved)", "flapping"]
    assert deep.at(4, eu=9) + deep.at(5, eu=1) == ["(firing)", "(resolved)"]
    assert deep.only.flapping
    assert deep.run(6, 14, eu=1) == []
    assert deep.at(14, eu=1) == ["steady"]
    assert (deep.only.phase, deep.only.flapping) == ("resolved", False)


def test_a_flapping_alert_is_kept_while_it_is_false_and_steady_when_flap_is_taken_away():
    deep = Evaluator(rule(for_="1m", flap=Flap(2, over="1h")))
    assert deep.run(0, 2, eu=9) + deep.at(2, eu=1) == [
        "pending",
        "firing",
        "(resolved)",
        "flapping",
    ]
    assert deep.at(3, eu=9) + deep.at(4, eu=1) == ["(pending)", "(dropped)"]
    assert deep.run(5, 60, eu=1) == []
    assert deep.only.phase == "resolved"
    deep.rule = rule()
    assert deep.at(60, eu=1) == ["steady"]


def test_a_rule_is_data():
    full = rule(
        for_="10m",
        keep_firing_for=90,
        until=DEPTH < 2,
        no_data="alert",
        flap=Flap(4, over="2h"),
        labels={"severity": "page"},
        summary="{zone}: {value:.1%}",
        runbook="https://example.org/{zone}",
    )
    group = AlertGroup("queues", [full, watchdog()], every_seconds=30, limit=5, offset_seconds=7)
    assert AlertGroup.from_dict(json.loads(json.dumps(group.to_dict()))) == group
    assert {full: 1}[Alert.from_dict(full.to_dict())] == 1
    assert full != rule()
    assert rule().to_dict() == {"name": "Deep", "when": (DEPTH > 5).to_dict()}
    assert (full.for_seconds, full.keep_firing_for_seconds) == (600, 90)


class Word(str, Enum):  # noqa: UP042 - as hosts have them
    DEEP = "Deep"
    SEVERITY = "severity"
    PAGE = "page"


def test_members_of_enums_are_their_values_in_rules_and_receivers():
    labels: Any = {Word.SEVERITY: Word.PAGE}
    group = AlertGroup(Word.DEEP, [Alert(Word.DEEP, DEPTH > 5, labels=labels)])
    receiver = Receiver(Word.DEEP, print, match=labels, group_by=[Word.SEVERITY])
    (rule,), ((label, matcher),) = group.rules, receiver.match

    texts = [group.name, rule.name, *rule.labels, *rule.labels.values(), receiver.name, label]
    assert {type(it) for it in (*texts, *receiver.group_by, *matcher.values)} == {str}
    assert dict(rule.labels) == {"severity": "page"}


def test_what_makes_no_rule_is_refused_with_what_was_expected():
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": ""}, "name: expected a text of 1 to 100"),
        ({"when": "depth > 5"}, "when: expected an expression"),
        ({"until": True}, "until: expected an expression"),
        ({"for_": "soon"}, "for_: expected a duration"),
        ({"keep_firing_for": -1}, "keep_firing_for: expected a duration"),
        ({"no_data": "fire"}, "no_data: expected one of 'ok', 'keep', 'alert', got 'fire'"),
        (
            {"no_data": "keep", "when": DEPTH},
            'no_data: expected "ok", unless `when` is a comparison',
        ),
        ({"flap": 6}, "flap: expected Flap"),
        ({"labels": ["page"]}, "labels: expected a mapping"),
        ({"labels": {"alertname": "x"}}, "a name in labels: expected any other name"),
        ({"labels": {"__name__": "x"}}, "a name in labels: expected any other name"),
        ({"labels": {"zo-ne": "x"}}, "a name in labels: expected a name of ASCII letters"),
        ({"labels": {"zone": 1}}, "labels: zone: expected a text"),
        ({"summary": "{zone.upper}"}, "summary: expected a text"),
        ({"runbook": 5}, "runbook: expected a text"),
    ]
    for given_, message in cases:
        with pytest.raises(InvalidInput, match=message):
            Alert(**{"name": "Deep", "when": DEPTH > 5, **given_})


def test_what_makes_no_group_and_no_flap_is_refused():
    groups: list[tuple[dict[str, Any], str]] = [
        ({"name": None}, "name: expected a text"),
        ({"rules": []}, "rules: expected 1 to 1000 rules"),
        ({"rules": rule()}, "rules: expected 1 to 1000 rules"),
        ({"rules": [rule(), rule(for_="5m")]}, "rules: expected a different name, or other labels"),
        ({"every_seconds": 0}, "every_seconds: expected an int from 1"),
        ({"limit": True}, "limit: expected an int from 0"),
        ({"offset_seconds": 1.5}, "offset_seconds: expected an int from 0"),
    ]
    for given_, message in groups:
        with pytest.raises(InvalidInput, match=message):
            AlertGroup(**{"name": "queues", "rules": [rule()], **given_})
    assert len(AlertGroup("queues", [rule(), rule(labels={"severity": "page"})]).rules) == 2
    for changes, over in ((1, "1h"), (101, "1h"), (6, "0s"), (6, "often")):
        with pytest.raises(InvalidInput):
            Flap(changes, over)
    rules: list[Any] = [{}, {"name": "x"}, {"name": "x", "when": {}, "whne": 1}, []]
    for content in (*rules, {"name": "x", "when": 5}):
        with pytest.raises(InvalidInput):
            Alert.from_dict(content)
    for content in ({"name": "x"}, {"name": "x", "rules": 5}, {"name": "x", "rules": [5]}):
        with pytest.raises(InvalidInput):
            AlertGroup.from_dict(content)


def test_a_watchdog_always_fires_with_labels_of_its_own():
    assert watchdog().labels == {"severity": "none"}
    assert watchdog("Alive", labels={}).labels == {}
    assert repr(watchdog().when) == "now() > 0"
    assert repr(rate("x") > 1) != repr(watchdog().when)
