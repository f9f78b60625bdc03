"""The evaluation of rules against a naive version of it, over random timelines.

The naive version counts seconds: how long an alert has been true, false or resolved. Time without
evaluations, and time that a clock repeats, is not counted in the first place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isnan, nan
from random import Random
from typing import Any

import pytest
from attrs import define, evolve, field

from habitkit.alerts.domain.advance import advance
from habitkit.alerts.domain.model import Observed, RuleState
from habitkit.alerts.domain.rules import Alert, Flap
from habitkit.alerts.domain.state_json import rule_state_from_dict, rule_state_to_dict
from habitkit.metrics.domain.functions import last
from habitkit.metrics.domain.series import Labels

START = datetime(2027, 3, 5, tzinfo=UTC)
WHEN = last("depth", by=("zone",)) > 5
UNTIL = last("depth", by=("zone",)) < 2
EVERY = 60
SAMPLES: list[Labels] = [(), (("zone", "a"),), (("zone", "b"),), (("severity", "low"),)]
NAMES = {"alertname": "Deep", "severity": "page"}


@define
class Naive:
    """An alert, with how long it has been what it is."""

    phase: str
    value: float = nan
    reason: str = ""
    pending_for: int = 0
    active: int = 0
    fired: int | None = None
    false_for: int | None = None
    resolved_for: int = 0
    flaps: bool = False


@define
class Oracle:
    """Points 1 to 5, one after the other."""

    rule: Alert
    alerts: dict[Labels, Naive] = field(factory=dict)
    seen_ago: dict[Labels, int] = field(factory=dict)
    turned_ago: dict[Labels, list[int]] = field(factory=dict)
    now: int | None = None
    error: bool = False

    def step(self, t: int, found: Observed, limit: int) -> list[tuple[str, Labels, bool]]:
        """Evaluate, and return kind, labels and silence of each change."""
        self.pass_time(0 if self.now is None else t - self.now)
        self.now, self.error = t, False
        when: dict[Labels, float] = {}
        for labels, value in found.when.items():
            self.error = self.error or named(labels) in when
            when[named(labels)] = value
        if found.error or self.error:
            self.error = True
            return []
        before = {labels: evolve(alert) for labels, alert in self.alerts.items()}
        true = self.what_is_true(when, found)
        for labels in {*self.alerts, *true}:
            self.turn(t, labels, true.get(labels))
        active = [labels for labels, it in self.alerts.items() if it.phase != "resolved"]
        self.error = 0 < limit < len(active)
        if self.error:
            for labels in active:
                self.end(labels, before.get(labels))
        return self.flap(t, before)

    def pass_time(self, elapsed: int) -> None:
        gap = elapsed > 2 * EVERY
        counted = 0 if gap else max(elapsed, 0)
        for alert in self.alerts.values():
            if alert.phase == "pending":
                alert.pending_for += counted
                if gap and (self.rule.for_seconds < 600 or elapsed > 3600):
                    alert.pending_for = 0
                elif gap:
                    alert.pending_for = min(alert.pending_for, self.rule.for_seconds - 600)
            if alert.phase == "firing" and alert.false_for is not None:
                alert.false_for += counted
            if alert.phase == "resolved":
                alert.resolved_for += max(elapsed, 0)
        for labels in self.seen_ago:
            self.seen_ago[labels] += max(elapsed, 0)
        for labels, each in self.turned_ago.items():
            self.turned_ago[labels] = [it + max(elapsed, 0) for it in each]

    def what_is_true(
        self, when: dict[Labels, float], found: Observed
    ) -> dict[Labels, tuple[float | None, str]]:
        """Return the value, None if it stays, and the reason of all alerts that are true."""
        rule, true = self.rule, {labels: (value, "") for labels, value in when.items()}
        left = {named(labels): value for labels, value in (found.left or {}).items()}
        until = {named(labels) for labels in found.until or ()}
        result: dict[Labels, tuple[float | None, str]] = dict(true)
        for labels, alert in self.alerts.items():
            held = rule.until is not None and labels not in until
            if alert.phase == "firing" and held and labels not in when:
                result[labels] = (left.get(labels), "")
        if found.left is None:
            self.seen_ago = {}
            return result
        self.seen_ago = {k: it for k, it in self.seen_ago.items() if it <= 86_400}
        self.seen_ago |= dict.fromkeys([*left, *when], 0)
        if rule.no_data != "alert":
            self.seen_ago = {}
        alive = {labels for labels, it in self.alerts.items() if it.phase != "resolved"}
        bare = named(())
        for labels in {*self.seen_ago, *alive} - {*left, *when}:
            result.pop(labels, None)
            alone = not left and not when and not {*self.seen_ago, *alive} - {bare}
            if labels == bare and bare not in self.seen_ago and not alone:
                continue
            if rule.no_data == "alert":
                result[labels] = (None, "no_data")
            known = self.alerts.get(labels)
            if rule.no_data == "keep" and known is not None and known.false_for is None:
                result[labels] = (None, known.reason)
        if rule.no_data == "alert" and not left and not when and not {*self.seen_ago, *alive}:
            result[bare] = (None, "no_data")
        return result

    def turn(self, t: int, labels: Labels, true: tuple[float | None, str] | None) -> None:
        alert = self.alerts.get(labels)
        if true is None:
            if alert is None:
                return
            if alert.phase == "pending" or (alert.phase == "resolved" and alert.resolved_for > 900):
                del self.alerts[labels]
            elif alert.phase == "firing":
                alert.false_for = alert.false_for or 0
                if alert.false_for >= self.rule.keep_firing_for_seconds:
                    alert.phase, alert.resolved_for = "resolved", 0
            return
        if alert is None or alert.phase == "resolved":
            alert = self.alerts[labels] = Naive("pending")
        alert.value = alert.value if true[0] is None else true[0]
        alert.reason, alert.false_for = true[1], None
        if alert.phase == "pending":
            alert.active = t - alert.pending_for
            if alert.pending_for >= self.rule.for_seconds:
                alert.phase, alert.fired = "firing", t
        elif max(t, alert.fired or 0) - alert.active < self.rule.for_seconds:
            alert.phase, alert.fired, alert.pending_for = "pending", None, t - alert.active

    def end(self, labels: Labels, before: Naive | None) -> None:
        if before is None or before.phase == "pending":
            del self.alerts[labels]
            if before is not None:
                before.reason = "limit"
        elif before.phase == "resolved":
            self.alerts[labels] = before
            if before.resolved_for > 900 and not before.flaps:
                del self.alerts[labels]
        else:
            alert = evolve(before, phase="resolved", reason="limit", resolved_for=0)
            self.alerts[labels] = alert

    def flap(self, t: int, before: Mapping[Labels, Naive]) -> list[tuple[str, Labels, bool]]:
        changes, flap = [], self.rule.flap
        for labels in sorted({*before, *self.alerts, *self.turned_ago}):
            old, new = before.get(labels), self.alerts.get(labels)
            was = old is not None and old.flaps
            kind = None
            if new is None:
                kind = "dropped" if old is not None and old.phase == "pending" else None
            elif old is None or old.phase != new.phase:
                kind = new.phase
            turned = [
                it for it in self.turned_ago.pop(labels, []) if flap and it < flap.over_seconds
            ]
            turned += [0] if kind in {"firing", "resolved"} and flap else []
            if turned:
                self.turned_ago[labels] = turned
            flaps = flap is not None and len(turned) >= flap.changes / (2 if was else 1)
            flaps = flaps and (was or kind in {"firing", "resolved"})
            if was and new is None and old is not None:
                new = self.alerts[labels] = evolve(old)
                if old.phase == "pending":
                    new.phase, new.resolved_for, new.active = "resolved", 0, t - old.pending_for
            if new is not None:
                new.flaps = flaps
            if kind:
                changes.append((kind, labels, was or flaps))
            if was != flaps:
                changes.append(("flapping" if flaps else "steady", labels, False))
        return changes


def named(labels: Labels) -> Labels:
    return tuple(sorted({**dict(labels), **NAMES}.items()))


def some_rule(rng: Random, *, flap: bool, until: bool) -> Alert:
    return Alert(
        "Deep",
        WHEN,
        for_=rng.choice([0, 0, 60, 120, 600, 660, 900]),
        keep_firing_for=rng.choice([0, 0, 60, 180]),
        until=UNTIL if until else None,
        no_data=rng.choice(["ok", "keep", "alert"]),
        flap=Flap(rng.choice([2, 3, 5]), over=rng.choice([300, 900, 7200])) if flap else None,
        labels={"severity": "page"},
    )


def some_observed(rng: Random, rule: Alert, depths: dict[Labels, int]) -> Observed:
    """Return what the expressions return for depths that drift, come and go."""
    for labels in SAMPLES[: 3 if rng.random() < 0.97 else 4]:
        if rng.random() < 0.35:
            depths[labels] = rng.randrange(8)
    for labels in list(depths):
        if rng.random() < 0.1 or labels == SAMPLES[3]:
            del depths[labels]
    if rng.random() < 0.05:
        return Observed(when={}, error="too slow")
    if rng.random() < 0.02:
        depths[SAMPLES[3]] = 7
    return Observed(
        when={labels: it for labels, it in depths.items() if it > 5},
        until={labels: it for labels, it in depths.items() if it < 2}
        if rule.until is not None
        else None,
        left=dict(depths) if rng.random() < 0.97 else None,
    )


def some_elapsed(rng: Random) -> int:
    kind = rng.random()
    if kind < 0.8:
        return EVERY
    if kind < 0.9:
        return rng.choice([0, 1, 120, 121, 180, 600, 900, 1200])
    return rng.choice([-3600, -60, 3599, 3600, 3601, 86_400, 90_000])


def check(seed: int) -> set[str]:
    """Compare both over one timeline, and return the kinds of changes in it."""
    rng = Random(seed)
    flap, until = rng.random() < 0.4, rng.random() < 0.4
    rule = some_rule(rng, flap=flap, until=until)
    oracle, state, t, limit = Oracle(rule), RuleState(), 10**6, 0
    depths: dict[Labels, int] = {}
    kinds: set[str] = set()
    for step in range(rng.randrange(5, 40)):
        if rng.random() < 0.05:
            rule = oracle.rule = some_rule(rng, flap=flap and rng.random() < 0.8, until=until)
        if rng.random() < 0.1:
            limit = rng.choice([0, 0, 1, 2])
        t += some_elapsed(rng)
        found = some_observed(rng, rule, depths)
        expected = oracle.step(t, found, limit)
        at = START + timedelta(seconds=t)
        done = advance(rule, state, found, at, every_seconds=EVERY, limit=limit)
        state = done.state
        place = f"seed {seed}, step {step}"
        got = [(it.kind, it.alert.labels, it.silent) for it in done.changes]
        assert got == expected, place
        assert shown(state, t) == expected_state(oracle, t), place
        kinds |= {it.kind for it in done.changes}
    assert rule_state_from_dict(json.loads(json.dumps(rule_state_to_dict(state)))) == state
    return kinds


def shown(state: RuleState, t: int) -> dict[str, Any]:
    def seconds(at: datetime | None) -> int | None:
        return None if at is None else round((at - START).total_seconds())

    alerts = {
        labels: (
            it.phase,
            None if isnan(it.value) else it.value,
            it.reason,
            it.flapping,
            seconds(it.active_at),
            seconds(it.fired_at),
            t - (seconds(it.false_since) or 0) if it.phase == "firing" and it.false_since else None,
            t - (seconds(it.resolved_at) or 0) if it.phase == "resolved" else 0,
        )
        for labels, it in state.alerts.items()
        if it.phase != "resolved" or not it.flapping
    }
    seen = {labels: t - (seconds(it) or 0) for labels, it in state.seen.items()}
    return {"alerts": alerts, "seen": seen, "error": state.error is not None}


def expected_state(oracle: Oracle, t: int) -> dict[str, Any]:
    alerts = {
        labels: (
            it.phase,
            None if isnan(it.value) else it.value,
            it.reason,
            it.flaps,
            t - it.pending_for if it.phase == "pending" else it.active,
            it.fired,
            it.false_for if it.phase == "firing" else None,
            it.resolved_for,
        )
        for labels, it in oracle.alerts.items()
        if it.phase != "resolved" or not it.flaps
    }
    return {"alerts": alerts, "seen": oracle.seen_ago, "error": oracle.error}


def test_thousand_timelines_advance_as_the_naive_version_says():
    kinds: set[str] = set()
    for seed in range(1000):
        kinds |= check(seed)
    assert kinds == {"pending", "firing", "resolved", "dropped", "flapping", "steady"}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_a_hundred_thousand_timelines_advance_as_the_naive_version_says(part: int):
    for seed in range(1000 + part * 5000, 6000 + part * 5000):
        check(seed)
