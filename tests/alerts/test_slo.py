"""Objectives of service levels: when their rules fire, against sums over minutes."""

from __future__ import annotations

import json
from math import isnan
from typing import Any

import pytest
from attrs import frozen
from hypothesis import assume, given
from hypothesis import strategies as st

from habitkit.alerts.domain.rules import Alert
from habitkit.alerts.slos import Slo, budget, slo
from habitkit.errors import InvalidInput
from habitkit.metrics import Metrics
from habitkit.metrics.domain.evaluation import Samples, samples_of
from habitkit.metrics.domain.expressions import Aggregate
from habitkit.metrics.domain.functions import metric

WINDOWS = [(60, 5), (360, 30), (4320, 360)]
DAYS_30 = 30 * 1440


@frozen
class Minutes:
    """Events by minute, as pairs of bad ones and all; nothing before the first."""

    events: list[tuple[int, int]]

    def sums(self, at: int, minutes: int) -> tuple[int, int]:
        found = self.events[max(at - minutes, 0) : at]
        return sum(bad for bad, _ in found), sum(every for _, every in found)

    def samples(self, leaf: Aggregate, at: int, shift: int) -> Samples:
        """Return what functions of counters and of a distribution are at a minute."""
        bad, every = self.sums(at // 60, leaf.over // 60)
        if leaf.function == "fraction":
            return {(): (every - bad) / every if every else float("nan")}
        return {(): bad if leaf.of.name == "errors" else every}

    def fires(self, rule: Alert, at: int) -> bool:
        return bool(samples_of(rule.when, at * 60, self))

    def budget(self, of: Slo, at: int) -> float:
        return samples_of(budget(of), at * 60, self)[()]


def of_counters(**more: Any) -> Slo:
    return slo("Pages", bad="errors", total="requests", **more)


def of_slow(**more: Any) -> Slo:
    return slo("Pages", slow=metric("load"), below=0.3, **more)


def test_three_rules_have_the_factors_windows_and_severities_of_the_workbook():
    rules = of_counters(objective=0.999).rules
    for rule, limit, windows in zip(
        rules, [0.0144, 0.006, 0.001], ["1h 5m", "6h 30m", "3d 6h"], strict=True
    ):
        parts = [
            f"((increase('errors', '{it}') / increase('requests', '{it}')) > {limit})"
            for it in windows.split()
        ]
        assert repr(rule.when) == " & ".join(parts)
    assert [dict(rule.labels) for rule in rules] == [
        {"severity": "page", "slo": "Pages", "window": "1h"},
        {"severity": "page", "slo": "Pages", "window": "6h"},
        {"severity": "ticket", "slo": "Pages", "window": "3d"},
    ]
    assert all(Alert.from_dict(json.loads(json.dumps(it.to_dict()))) == it for it in rules)
    weekly = repr(of_counters(objective=0.99, period_days=7).rules[0].when)
    assert weekly.count("> 0.0336)") == 2


@pytest.mark.parametrize("make", [of_counters, of_slow])
@given(
    spans=st.lists(
        st.tuples(st.integers(1, 400), st.integers(0, 3), st.sampled_from([0, 1, 3, 100, 10_000])),
        min_size=1,
        max_size=8,
    ),
    objective=st.sampled_from([0.9, 0.99, 0.999]),
    min_events=st.sampled_from([0, 1, 50, 5000]),
)
def test_a_rule_fires_if_both_windows_burn_faster_and_there_are_enough_events(
    make, spans, objective, min_events
):
    minutes = Minutes([(min(bad, every), every) for n, bad, every in spans for _ in range(n)])
    at = len(minutes.events)
    shares = [0.02, 0.05, 0.1]
    for rule, (long, short), share in zip(
        make(objective=objective, min_events=min_events).rules, WINDOWS, shares, strict=True
    ):
        burns = []
        for window in (long, short):
            bad, every = minutes.sums(at, window)
            limit = share * DAYS_30 / long * (1 - objective)
            rate = bad / every if every else 0
            assume(abs(rate - limit) > 1e-9)
            burns.append(rate > limit)
        assert minutes.fires(rule, at) == (all(burns) and minutes.sums(at, long)[1] >= min_events)


def test_an_outage_pages_within_a_minute_and_stops_within_five():
    page, slower, ticket = of_counters().rules
    calm = [(0, 100)] * 5000
    outage = Minutes([*calm, *[(100, 100)] * 20, *calm])
    assert [minute for minute in range(4990, 5060) if outage.fires(page, minute)] == list(
        range(5001, 5025)
    )
    assert not any(outage.fires(it, 5000) for it in (slower, ticket))
    assert outage.fires(slower, 5003)
    assert not outage.fires(slower, 5002)


def test_one_failure_in_a_quiet_night_pages_only_without_min_events():
    night = Minutes([*[(0, 0)] * 300, (1, 1)])
    assert night.fires(of_counters().rules[0], 301)
    assert not night.fires(of_counters(min_events=2).rules[0], 301)
    assert night.fires(of_counters(min_events=1).rules[0], 301)
    assert not night.fires(of_counters().rules[0], 299)


def test_the_budget_is_what_is_left_of_what_may_be_bad_in_the_period():
    minutes = Minutes([(0, 100)] * 1000 + [(1, 100)] * 20)
    assert minutes.budget(of_counters(objective=0.999), 1020) == pytest.approx(1 - 20 / 102)
    assert minutes.budget(of_slow(objective=0.9999), 1020) == pytest.approx(1 - 20 / 10.2)
    assert isnan(minutes.budget(of_counters(), 0))


def test_the_budget_is_whole_before_the_first_bad_event():
    instants = [1_800_000_000 * 10**9]
    metrics = Metrics(wall_ns=lambda: instants[-1])
    metrics.counter("requests").add(5, {"status": "200"})
    metrics.counter("others").bind({})
    metrics.flush()
    instants.append(instants[0] + 60 * 10**9)
    failed = metric("requests", {"status": "500"})
    assert metrics.query(budget(slo("Pages", bad=failed, total="requests"))).value == 1
    assert isnan(metrics.query(budget(slo("Pages", bad=failed, total="others"))).value)


def test_an_objective_that_cannot_be_is_refused():
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "slo: expected either bad= and total="),
        ({"bad": "errors"}, "slo: expected either bad= and total="),
        (
            {"bad": "e", "total": "t", "slow": "load", "below": 1},
            "slo: expected either bad= and total=",
        ),
        ({"slow": "load"}, "slo: expected either bad= and total="),
        ({"slow": "load", "below": "1"}, "below: expected a finite number"),
        ({"bad": 5, "total": "t"}, "bad: expected a name, or metric"),
        ({"bad": "e", "total": "T"}, "expected lower case letters"),
        ({"bad": "e", "total": "t", "objective": 1.0}, "objective: expected a float above 0"),
        ({"bad": "e", "total": "t", "objective": 99.9}, "objective: expected a float above 0"),
        ({"bad": "e", "total": "t", "period_days": 3}, "period_days: expected an int from 7"),
        ({"bad": "e", "total": "t", "min_events": -1}, "min_events: expected an int from 0"),
    ]
    for given_, message in cases:
        with pytest.raises(InvalidInput, match=message):
            slo("Pages", **given_)
    with pytest.raises(InvalidInput, match="name: expected a text"):
        slo("", bad="e", total="t")
