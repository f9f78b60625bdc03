"""One evaluation of an alert rule: from the state before and what was observed to the state after.

Theory of operation. An alert is a rule and a label set. At each evaluation it is true or false, and

    =========  ==================================  ===============================================
    before     true                                false
    =========  ==================================  ===============================================
    none       pending                             none
    pending    firing once it is true ``for_``     none
    firing     firing; pending if ``for_`` was     firing until it is false ``keep_firing_for``,
               raised over the time it is true     then resolved
    resolved   a new alert: pending                resolved for 15 minutes, then none
    =========  ==================================  ===============================================

where pending becomes firing in the same evaluation if ``for_`` is 0. These are the rules of
Prometheus (``AlertingRule.Eval`` in rules/alerting.go). What is true:

- a label set that ``when`` returned;
- with ``until``, a firing alert whose label set ``until`` did not return;
- of a label set without data what ``no_data`` says. It has none if the left side of ``when`` did
  not return it although it did within 24 hours, or although it has a pending or firing alert.

Time that nobody evaluated does not count (``_after_gap``), nor does time that a clock repeats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import nan
from typing import NamedTuple

from attrs import evolve

from habitkit.alerts.domain.flapping import Step, reported
from habitkit.alerts.domain.labels import ALERTNAME
from habitkit.alerts.domain.model import Advanced, AlertState, Observed, RuleState
from habitkit.alerts.domain.rules import Alert
from habitkit.alerts.domain.templates import render
from habitkit.metrics.domain.series import Labels, labels_of

__all__ = ["advance", "alert_labels"]

_RETAINED = timedelta(minutes=15)
_KNOWN = timedelta(hours=24)
_LEAST_LEFT = timedelta(minutes=10)
_LONGEST_GAP = timedelta(hours=1)


class _Truth(NamedTuple):
    """Whether an alert is true, by which value (None: as before) and for which reason."""

    is_true: bool
    value: float | None = None
    reason: str = ""


_FALSE = _Truth(is_true=False)


def advance(
    rule: Alert,
    state: RuleState,
    observed: Observed,
    at: datetime,
    *,
    every_seconds: int = 60,
    limit: int = 0,
) -> Advanced:
    """Return what is kept of a rule after an evaluation, and what happened to its alerts.

    A rule fails if its query did, if two samples have the labels of one alert, or if it has too
    many alerts: ``state.error`` says so. The first two change no alert, the third ends them all.

    Args:
        rule: The rule; it may be another than the last time.
        state: What was kept; ``RuleState()`` at first.
        observed: What its expressions returned.
        at: The instant of the evaluation, aware.
        every_seconds: How often its group is evaluated.
        limit: How many pending and firing alerts it may have; 0: any number.

    Example:
        >>> from datetime import UTC, datetime
        >>> from habitkit.alerts import Alert, Observed, RuleState, advance
        >>> from habitkit.metrics import rate
        >>> rule = Alert("Errors", rate("errors", "5m", by=("zone",)) > 1)
        >>> found = Observed(when={(("zone", "eu"),): 1.5})
        >>> done = advance(rule, RuleState(), found, datetime(2027, 3, 5, tzinfo=UTC))
        >>> [(change.kind, change.alert.value) for change in done.changes]
        [('firing', 1.5)]
    """
    state = evolve(_in_time(rule, state, at, every_seconds), evaluated_at=at, error=None)
    if observed.error is not None:
        return Advanced(evolve(state, error=observed.error))
    when = {alert_labels(rule, labels): value for labels, value in observed.when.items()}
    if len(when) < len(observed.when):
        double = "two samples have the labels of one alert; leave out of the rule's labels what "
        return Advanced(evolve(state, error=f"{double}distinguishes them"))
    seen, truths = _truths(rule, state, observed, when, at)
    steps = []
    for labels, truth in sorted(truths.items(), key=lambda item: item[0]):
        before = state.alerts.get(labels)
        steps.append(Step(labels, before, _after(rule, labels, before, truth, at)))
    error = None
    count = sum(_is_active(step.after) for step in steps)
    if 0 < limit < count:
        error = f"{count} alerts are pending or firing, and the limit is {limit}; they were ended"
        steps = [_ended(step, at) for step in steps]
    alerts, instants, changes = reported(rule.flap, steps, state.changes, at)
    kept = evolve(state, alerts=alerts, seen=seen, changes=instants, error=error)
    return Advanced(kept, changes)


def alert_labels(rule: Alert, labels: Labels) -> Labels:
    """Return the labels of an alert: the sample's, then the rule's, then ``alertname``."""
    return labels_of({**dict(labels), **rule.labels, ALERTNAME: rule.name})


# -- what is true ------------------------------------------------------------------------------


def _truths(
    rule: Alert, state: RuleState, observed: Observed, when: Mapping[Labels, float], at: datetime
) -> tuple[Mapping[Labels, datetime], dict[Labels, _Truth]]:
    """Return when labels were last seen, and what is true of all alerts there are or may be."""
    truths = dict.fromkeys(state.alerts, _FALSE)
    watches = rule.no_data == "alert" and observed.left is not None
    if not truths and not when and not watches:
        return {}, truths
    left = _by_alert(rule, observed.left)
    until = _by_alert(rule, observed.until)
    for labels, alert in state.alerts.items():
        if alert.phase == "firing" and until is not None and labels not in until:
            truths[labels] = _Truth(True, (left or {}).get(labels))  # noqa: FBT003 - of a tuple
    seen: dict[Labels, datetime] = {}
    if left is not None:
        if watches:
            seen = {labels: it for labels, it in state.seen.items() if at - it <= _KNOWN}
            seen |= dict.fromkeys(left, at) | dict.fromkeys(when, at)
        active = {labels for labels, alert in state.alerts.items() if _is_active(alert)}
        missing = {*seen, *active} - left.keys() - when.keys()
        truths |= {labels: _without_data(rule, state.alerts.get(labels)) for labels in missing}
        truths |= _without_any(rule, {*seen, *active}, seen, left, when)
    truths |= {labels: _Truth(True, value) for labels, value in when.items()}  # noqa: FBT003
    return seen, truths


def _by_alert(rule: Alert, samples: Mapping[Labels, float] | None) -> dict[Labels, float] | None:
    if samples is None:
        return None
    return {alert_labels(rule, labels): value for labels, value in samples.items()}


def _without_data(rule: Alert, alert: AlertState | None) -> _Truth:
    if rule.no_data == "alert":
        return _Truth(True, reason="no_data")  # noqa: FBT003
    if rule.no_data == "keep" and alert is not None:
        return _Truth(_is_active(alert) and alert.false_since is None, reason=alert.reason)
    return _FALSE


def _without_any(
    rule: Alert,
    known: Iterable[Labels],
    seen: Mapping[Labels, datetime],
    left: Mapping[Labels, float],
    when: Mapping[Labels, float],
) -> dict[Labels, _Truth]:
    """Return the truth of the alert that says that nothing at all is known, if there is one.

    It has the rule's labels alone, and ends as soon as anything is known.
    """
    bare = alert_labels(rule, ())
    known = {*known}
    if bare in seen or bare in left or bare in when:
        return {}
    nothing = not left and not when and not known - {bare}
    if nothing and rule.no_data == "alert":
        return {bare: _Truth(True, reason="no_data")}  # noqa: FBT003
    return {} if nothing or bare not in known else {bare: _FALSE}


# -- what becomes of an alert ------------------------------------------------------------------


def _after(
    rule: Alert, labels: Labels, before: AlertState | None, truth: _Truth, at: datetime
) -> AlertState | None:
    """Return an alert after an evaluation: the table above."""
    if truth.is_true:
        return _after_true(rule, labels, before, truth, at)
    if before is None or before.phase == "pending":
        return None
    if before.phase == "resolved":
        return _retained(before, at)
    since = before.false_since or at
    if at - since < timedelta(seconds=rule.keep_firing_for_seconds):
        return evolve(before, false_since=since)
    return evolve(before, phase="resolved", false_since=since, resolved_at=at)


def _after_true(
    rule: Alert, labels: Labels, before: AlertState | None, truth: _Truth, at: datetime
) -> AlertState:
    if before is None or before.phase == "resolved":
        before = AlertState(labels, "pending", nan, active_at=at)
    value = before.value if truth.value is None else truth.value
    names = dict(labels)
    alert = evolve(
        before,
        value=value,
        reason=truth.reason,
        false_since=None,
        summary=render(rule.summary, names, value),
        runbook=render(rule.runbook, names, value),
    )
    wait = timedelta(seconds=rule.for_seconds)
    if alert.phase == "pending":
        fires = at - alert.active_at >= wait
        return evolve(alert, phase="firing", fired_at=at) if fires else alert
    latest = max(at, alert.fired_at or at)  # a clock that was set back does not raise `for_`
    if latest - alert.active_at < wait:
        return evolve(alert, phase="pending", fired_at=None)
    return alert


def _ended(step: Step, at: datetime) -> Step:
    """Return a step of a rule with too many alerts: those before end, new ones do not begin."""
    before = step.before
    if not _is_active(step.after):
        return step
    if before is None or before.phase == "resolved":
        return step._replace(after=before and _retained(before, at))
    if before.phase == "pending":
        return step._replace(before=evolve(before, reason="limit"), after=None)
    ended = evolve(before, phase="resolved", resolved_at=at, reason="limit")
    return step._replace(after=ended)


def _retained(resolved: AlertState, at: datetime) -> AlertState | None:
    since = resolved.resolved_at or at
    return resolved if at - since <= _RETAINED else None


def _is_active(alert: AlertState | None) -> bool:
    return alert is not None and alert.phase != "resolved"


# -- time that does not count ------------------------------------------------------------------


def _in_time(rule: Alert, state: RuleState, at: datetime, every_seconds: int) -> RuleState:
    """Return a state as if all time since the last evaluation counted."""
    if state.evaluated_at is None:
        return state
    gap = at - state.evaluated_at
    if gap < timedelta(0):
        return _set_back(state, gap)
    if gap <= timedelta(seconds=2 * every_seconds):
        return state
    alerts = {labels: _after_gap(rule, it, gap, at) for labels, it in state.alerts.items()}
    return evolve(state, alerts=alerts)


def _after_gap(rule: Alert, alert: AlertState, gap: timedelta, at: datetime) -> AlertState:
    """Return an alert after time without evaluations (``RestoreForState`` in Prometheus)."""
    if alert.phase == "firing" and alert.false_since is not None:
        return evolve(alert, false_since=alert.false_since + gap)
    if alert.phase != "pending":
        return alert
    wait = timedelta(seconds=rule.for_seconds)
    if wait < _LEAST_LEFT or gap > _LONGEST_GAP:
        return evolve(alert, active_at=at)
    return evolve(alert, active_at=max(alert.active_at + gap, at + _LEAST_LEFT - wait))


def _set_back(state: RuleState, by: timedelta) -> RuleState:
    """Return a state of a clock that was set back: what was so long ago still is.

    When a firing alert became true and fired is left as it is.
    """

    def moved(instant: datetime | None) -> datetime | None:
        return None if instant is None else instant + by

    alerts = {
        labels: evolve(
            alert,
            active_at=alert.active_at + by if alert.phase == "pending" else alert.active_at,
            false_since=moved(alert.false_since),
            resolved_at=moved(alert.resolved_at),
        )
        for labels, alert in state.alerts.items()
    }
    return evolve(
        state,
        alerts=alerts,
        seen={labels: it + by for labels, it in state.seen.items()},
        changes={labels: tuple(it + by for it in each) for labels, each in state.changes.items()},
    )
