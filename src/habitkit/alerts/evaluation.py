"""Evaluating groups of rules: reading metrics, then one transaction a group that is due."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit import _logging, ids
from habitkit.alerts.domain.advance import advance
from habitkit.alerts.domain.labels import ALERTNAME
from habitkit.alerts.domain.model import Observed, RuleState
from habitkit.alerts.domain.state_json import rule_state_from_dict, rule_state_to_dict
from habitkit.alerts.events import AlertFired, AlertResolved
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.store import ALERTS, GroupRow
from habitkit.errors import ConfigurationError, UsageError
from habitkit.journal.domain.model import Failure
from habitkit.journal.domain.rules import reason
from habitkit.metrics.domain.expressions import parts
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.alerts.domain.model import AlertState
    from habitkit.alerts.domain.rules import Alert, AlertGroup
    from habitkit.events import Event
    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["REMOVED_AFTER", "Evaluated", "evaluate_groups", "load_states"]

_log = _logging.logger("alerts")

_OFFSET_SECONDS = 15
"""How long the other writers have to flush the end of the data, where they share the store."""

REMOVED_AFTER = timedelta(minutes=15)
"""How long rules and groups are kept that this process does not know: others may."""

_SKEW = timedelta(minutes=2)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class Evaluated:
    """What was evaluated.

    Attributes:
        groups: The groups, with the instant.
        fired: How many alerts began to fire.
        resolved: How many that were firing ended.
        failures: Groups that failed, and rules.
        more: Whether there are more groups that are due.
    """

    groups: Mapping[str, datetime]
    fired: int = 0
    resolved: int = 0
    failures: tuple[Failure, ...] = ()
    more: bool = False


@frozen
class _Done:
    """What came of a group: its events, the rules that failed, its alerts by name and state."""

    events: Sequence[Event]
    failures: Sequence[Failure]
    alerts: Mapping[tuple[str, str], int]


def evaluate_groups(settings: KitSettings, limit: int = 1000) -> Steps[Evaluated]:
    """Evaluate the groups that are due, up to a limit; one that fails stops no other."""
    groups = settings.of(AlertSettings).groups
    if not groups:
        return Evaluated({})
    metrics: BaseMetrics = settings.kit_metrics.get()
    now = settings.clock.now()
    instants = {group.name: _instant(group, now, metrics.series) for group in groups}
    last: dict[str, datetime] = yield Call(_evaluated, (), write=False)
    due = [it for it in groups if _is_due(it, last.get(it.name), instants[it.name])]
    if not due:
        return Evaluated({})
    observed = yield from _observe(metrics, due[:limit], instants)
    done: dict[str, datetime] = {}
    failures: list[Failure] = []
    fired = resolved = 0
    for group in due[:limit]:
        at = instants[group.name]
        try:
            found: _Done | None = yield Call(_evaluate, (group, at, observed[group.name]))
        except (UsageError, ConfigurationError):
            raise
        except Exception as error:  # noqa: BLE001 - one group must not stop the others
            failures.append(_failure(group.name, reason(error)))
            continue
        if found is None:
            continue
        if settings.observer is not None:
            settings.observer.evaluated(group.name, at, found.alerts)
        done[group.name] = at
        failures += found.failures
        fired += sum(isinstance(event, AlertFired) for event in found.events)
        resolved += sum(isinstance(event, AlertResolved) for event in found.events)
    return Evaluated(done, fired, resolved, tuple(failures), len(due) > limit)


def load_states(row: GroupRow | None) -> dict[str, RuleState]:
    """Return the states of a group's rules by their keys."""
    stored = {} if row is None else json.loads(row.state)
    return {key: rule_state_from_dict(state) for key, state in stored.items()}


def _instant(group: AlertGroup, now: datetime, series: SeriesStore | AsyncSeriesStore) -> datetime:
    """Return the last instant at which a group is to be evaluated."""
    offset = group.offset_seconds
    if offset is None:
        offset = _OFFSET_SECONDS if series.shared else 0
    seconds = (now - _EPOCH) // _SECOND - offset
    return _EPOCH + (seconds - seconds % group.every_seconds) * _SECOND


def _evaluated(tx: Transaction) -> dict[str, datetime]:
    return tx.port(ALERTS).evaluated()


def _is_due(group: AlertGroup, last: datetime | None, at: datetime) -> bool:
    """Tell whether an instant is after the last one, or that is one of a clock that was wrong."""
    if last is None or last < at:
        return True
    return last - at > max(2 * group.every_seconds * _SECOND, _SKEW)


def _observe(
    metrics: BaseMetrics,
    groups: Sequence[AlertGroup],
    instants: Mapping[str, datetime],
) -> Steps[dict[str, dict[str, Observed]]]:
    """Return what the expressions of groups return, by group and the rule's key.

    This process's own values are flushed first. If that fails, what is stored is still worth
    evaluating; if the store cannot be read, it is the rules that fail.
    """
    try:
        yield from metrics.steps.flush()
    except (UsageError, ConfigurationError):
        raise
    except Exception as error:  # noqa: BLE001 - see above
        message = "metrics cannot be stored before alerts are evaluated"
        _logging.warn(_log, "metrics.not_flushed", message, error=reason(error))
    observed: dict[str, dict[str, Observed]] = {}
    for at in sorted({instants[group.name] for group in groups}):
        here = [group for group in groups if instants[group.name] == at]
        plans = {
            (group.name, rule.key): _expressions(rule) for group in here for rule in group.rules
        }
        wanted = [it for plan in plans.values() for it in plan.values()]
        try:
            found = yield from metrics.steps.query_all(wanted, _seconds(at))
        except (UsageError, ConfigurationError):
            raise
        except Exception as error:  # noqa: BLE001 - it is the rules that fail
            found = [error] * len(wanted)
        results = {id(it): result for it, result in zip(wanted, found, strict=True)}
        for (group, key), plan in plans.items():
            of_rule = {name: results[id(it)] for name, it in plan.items()}
            observed.setdefault(group, {})[key] = _observed(of_rule)
    return observed


def _expressions(rule: Alert) -> dict[str, Expression]:
    """Return the expressions of a rule, by the name of what ``Observed`` holds of them."""
    found = {"when": rule.when}
    if rule.until is not None:
        found["until"] = rule.until
    compares, left = parts(rule.when)
    if compares and (rule.no_data != "ok" or rule.until is not None):  # else it is not used
        found["left"] = left
    return found


def _observed(results: Mapping[str, Any]) -> Observed:
    for result in results.values():
        if isinstance(result, Exception):
            return Observed({}, error=reason(result))
    samples: dict[str, Any] = {
        name: {sample.labels: sample.value for sample in vector.samples}
        for name, vector in results.items()
    }
    return Observed(**samples)


def _seconds(at: datetime) -> int:
    return (at - _EPOCH) // _SECOND


def _evaluate(
    tx: Transaction, group: AlertGroup, at: datetime, observed: Mapping[str, Observed]
) -> _Done | None:
    """Evaluate a group at an instant; None if that is done."""
    owner = ids.system_owner(f"alerts/{group.name}")
    tx.lock(owner)
    row = tx.port(ALERTS).group(group.name)
    if not _is_due(group, None if row is None else row.evaluated_at, at):
        return None
    before = load_states(row)
    states: dict[str, Any] = {}
    events: list[Event] = []
    failures: list[Failure] = []
    alerts: Counter[tuple[str, str]] = Counter()
    for rule in group.rules:
        state = before.pop(rule.key, None) or RuleState()
        after = advance(
            rule,
            state,
            observed[rule.key],
            at,
            every_seconds=group.every_seconds,
            limit=group.limit,
        ).state
        states[rule.key] = rule_state_to_dict(after)
        events += _changes(owner, at, group, state, after)
        _count(alerts, state, after)
        if after.error is not None:
            failures.append(_failure(f"{group.name}: {rule.name}", after.error))
    for key, state in before.items():  # of rules that this process does not know
        if _is_removed(group, state, at):
            events += _changes(owner, at, group, state, RuleState())
            _count(alerts, state, RuleState())
        else:
            states[key] = rule_state_to_dict(state)
            _count(alerts, state, state)
    tx.port(ALERTS).put_group(GroupRow(group.name, at, json.dumps(states, separators=(",", ":"))))
    tx.emit(owner, events)
    return _Done(events, failures, alerts)


def _count(alerts: Counter[tuple[str, str]], before: RuleState, after: RuleState) -> None:
    """Add the alerts of a rule by name and state; 0 for those that have ended."""
    for state, one in ((before, 0), (after, 1)):
        for labels, alert in state.alerts.items():
            if alert.phase != "resolved":
                alerts[dict(labels)[ALERTNAME], alert.phase] += one


def _is_removed(group: AlertGroup, state: RuleState, at: datetime) -> bool:
    """Tell whether nobody has evaluated a rule for so long that there is none any more.

    While a new version of an app is rolled out, other processes may still have it, or already.
    """
    last = state.evaluated_at
    kept = max(REMOVED_AFTER, 2 * group.every_seconds * _SECOND)
    return last is None or not timedelta(0) <= at - last <= kept


def _changes(
    owner: str, at: datetime, group: AlertGroup, before: RuleState, after: RuleState
) -> list[Event]:
    """Return the events of alerts that fire now and did not, or the reverse, by labels."""
    events: list[Event] = []
    for labels in sorted({*before.alerts, *after.alerts}):
        old, new = before.alerts.get(labels), after.alerts.get(labels)
        fired, fires = (it is not None and it.phase == "firing" for it in (old, new))
        of = dict(labels)
        where = (owner, at, group.name, of[ALERTNAME], of)
        if fires and not fired and new is not None:
            events.append(AlertFired(*where, _finite(new.value), new.reason))
        elif fired and not fires:
            events.append(AlertResolved(*where, _why(new)))
    return events


def _why(ended: AlertState | None) -> str:
    """Return why an alert does not fire any more, other than that it is false."""
    if ended is None:
        return "removed"
    if ended.phase == "pending":
        return "pending"
    return "limit" if ended.reason == "limit" else ""


def _failure(what: str, error: str) -> Failure:
    """Return the failure of a group or rule, and log it."""
    message = "alert rules cannot be evaluated"
    _logging.warn(_log, "alerts.not_evaluated", message, key=what, of=what, error=error)
    return Failure(what, error)


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold, or None."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None
