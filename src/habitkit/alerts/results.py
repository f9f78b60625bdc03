"""The values that the calls of ``kit.alerts`` return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from habitkit.alerts.domain.model import Phase
    from habitkit.journal.domain.model import Failure

__all__ = [
    "ActiveAlert",
    "AlertReport",
    "AlertStatus",
    "GroupStatus",
    "ReceiverStatus",
    "RuleStatus",
]


@frozen
class AlertReport:
    """The result of one run of ``kit.alerts.evaluate()``.

    Attributes:
        evaluated: The groups that were evaluated here, by name, with the instant.
        fired: How many alerts began to fire.
        resolved: How many that were firing ended.
        sent: How many notifications receivers have accepted.
        failures: Groups that could not be evaluated, rules whose queries failed, and receivers
            that did not accept a notification; that is tried again.
    """

    evaluated: Mapping[str, datetime]
    fired: int = 0
    resolved: int = 0
    sent: int = 0
    failures: tuple[Failure, ...] = ()


@frozen
class ActiveAlert:
    """An alert that is pending or firing.

    Attributes:
        group: The group of its rule.
        alert: The name of its rule.
        labels: Its labels by name, ``alertname`` among them.
        phase: ``pending`` or ``firing``.
        value: What the rule's expression returned last; NaN where it returned nothing.
        active_at: Since when it is true.
        fired_at: Since when it is firing; None if it is pending.
        reason: ``no_data`` if it is true because there were no samples, else empty.
        summary: The rule's text for it.
        runbook: What to do, or where that is written.
        flapping: Whether its changes are silent, as there are too many.
        silenced: Whether a silence hides it from receivers.
    """

    group: str
    alert: str
    labels: Mapping[str, str]
    phase: Phase
    value: float
    active_at: datetime
    fired_at: datetime | None
    reason: str
    summary: str
    runbook: str
    flapping: bool
    silenced: bool


@frozen
class RuleStatus:
    """How a rule is.

    Attributes:
        alert: Its name.
        labels: The rule's own labels.
        error: Why its last evaluation failed; None if it did not.
        pending: How many of its alerts are pending.
        firing: How many are firing.
    """

    alert: str
    labels: Mapping[str, str]
    error: str | None
    pending: int
    firing: int

    @property
    def healthy(self) -> bool:
        """Whether its last evaluation succeeded."""
        return self.error is None


@frozen
class GroupStatus:
    """How a group of rules is.

    Attributes:
        name: Its name.
        evaluated_at: The instant of its last evaluation; None if there was none.
        rules: How its rules are.
    """

    name: str
    evaluated_at: datetime | None
    rules: tuple[RuleStatus, ...]


@frozen
class ReceiverStatus:
    """How a receiver is.

    Attributes:
        name: Its name.
        waiting: How many notifications it has not accepted yet.
        error: Why it did not accept the last one that failed; None if none is waiting for that.
    """

    name: str
    waiting: int
    error: str | None


@frozen
class AlertStatus:
    """How the groups and receivers of a kit are.

    Attributes:
        groups: The groups, in the order of the settings.
        receivers: The receivers, in the order of the settings.
    """

    groups: tuple[GroupStatus, ...]
    receivers: tuple[ReceiverStatus, ...]
