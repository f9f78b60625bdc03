"""Queries: which alerts are active, and how groups and receivers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit import ids
from habitkit.alerts.delivery import load_receiver
from habitkit.alerts.domain.labels import ALERTNAME, checked_name
from habitkit.alerts.domain.matchers import checked_match, meets
from habitkit.alerts.domain.model import RuleState
from habitkit.alerts.domain.silences import is_silenced
from habitkit.alerts.evaluation import load_states
from habitkit.alerts.results import (
    ActiveAlert,
    AlertStatus,
    GroupStatus,
    ReceiverStatus,
    RuleStatus,
)
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.silences import current_silences
from habitkit.alerts.store import ALERTS
from habitkit.journal.domain.rules import event_cursor
from habitkit.metrics.domain.series import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from habitkit.alerts.domain.model import AlertState
    from habitkit.alerts.domain.rules import Alert
    from habitkit.alerts.domain.silences import Silence
    from habitkit.journal.domain.model import StoredEvent
    from habitkit.transaction import Transaction

__all__ = ["active", "active_in_store", "history", "status"]


def active(tx: Transaction, match: Mapping[str, Any] | None = None) -> list[ActiveAlert]:
    """Return the alerts of the kit's groups that are pending or firing.

    Args:
        tx: The transaction.
        match: Conditions on their labels, as for ``silence``; all of them by default.

    Returns:
        The alerts as the last evaluation left them, in the order of groups, rules and labels.

    Raises:
        InvalidInput: If the conditions are not acceptable.
    """
    conditions = checked_match("match", {} if match is None else match)
    silences = current_silences(tx)
    found = []
    for group in tx.settings(AlertSettings).groups:
        states = load_states(tx.port(ALERTS).group(group.name))
        for rule in group.rules:
            state = states.get(rule.key, RuleState())
            of_rule = _active_of(group.name, state, silences, tx.now)
            found += [it for it in of_rule if meets(conditions, labels_of(it.labels))]
    return found


def active_in_store(tx: Transaction) -> list[tuple[ActiveAlert, datetime]]:
    """Return what is pending or firing in all groups of the store, whatever the kit's settings.

    Args:
        tx: The transaction.

    Returns:
        The alerts by group, each with the instant of the group's last evaluation.
    """
    silences = current_silences(tx)
    found = []
    for name in sorted(tx.port(ALERTS).evaluated()):
        row = tx.port(ALERTS).group(name)
        if row is not None:
            for state in load_states(row).values():
                of_rule = _active_of(name, state, silences, tx.now)
                found += [(it, row.evaluated_at) for it in of_rule]
    return found


def status(tx: Transaction) -> AlertStatus:
    """Return when the kit's groups were evaluated, which rules failed, and how receivers are."""
    own = tx.settings(AlertSettings)
    groups = []
    for group in own.groups:
        row = tx.port(ALERTS).group(group.name)
        states = load_states(row)
        rules = tuple(_rule(rule, states.get(rule.key, RuleState())) for rule in group.rules)
        groups.append(GroupStatus(group.name, None if row is None else row.evaluated_at, rules))
    receivers = []
    for receiver in own.receivers:
        kept = load_receiver(tx.port(ALERTS).receiver(receiver.name))
        waiting = sum(it.sending is not None for it in kept.state.groups.values())
        receivers.append(ReceiverStatus(receiver.name, waiting, kept.error))
    return AlertStatus(tuple(groups), tuple(receivers))


def _active_of(
    group: str, state: RuleState, silences: list[Silence], now: datetime
) -> Iterator[ActiveAlert]:
    """Yield the alerts of a rule that are pending or firing, by their labels."""
    for labels, alert in sorted(state.alerts.items(), key=lambda item: item[0]):
        if alert.phase != "resolved":
            yield _active(group, alert, silenced=is_silenced(labels, silences, now))


def _active(group: str, alert: AlertState, *, silenced: bool) -> ActiveAlert:
    labels = dict(alert.labels)
    return ActiveAlert(
        group=group,
        alert=labels[ALERTNAME],
        labels=labels,
        phase=alert.phase,
        value=alert.value,
        active_at=alert.active_at,
        fired_at=alert.fired_at,
        reason=alert.reason,
        summary=alert.summary,
        runbook=alert.runbook,
        flapping=alert.flapping,
        silenced=silenced,
    )


def _rule(rule: Alert, state: RuleState) -> RuleStatus:
    phases = [alert.phase for alert in state.alerts.values()]
    pending, firing = phases.count("pending"), phases.count("firing")
    return RuleStatus(rule.name, rule.labels, state.error, pending, firing)


def history(
    tx: Transaction, group: str, *, after: tuple[int, int] | None = None, limit: int = 100
) -> list[StoredEvent]:
    """Return what a group's alerts did: its ``AlertFired`` and ``AlertResolved``, oldest first.

    Args:
        tx: The transaction.
        group: The group's name.
        after: The (rev, position) of the last event already seen.
        limit: How many at most, 1 to 1000.

    Raises:
        InvalidInput: If an argument is not acceptable.
    """
    owner = ids.system_owner(f"alerts/{checked_name('group', group)}")
    return tx.stores.events.page(owner, event_cursor(after), ids.limit(limit))
