"""The values of alerts: rules, their groups, states and changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from attrs import field, frozen

from habitkit.metrics.domain.series import Labels

__all__ = ["Advanced", "AlertState", "Change", "ChangeKind", "Observed", "Phase", "RuleState"]

Phase: TypeAlias = Literal["pending", "firing", "resolved"]
ChangeKind: TypeAlias = Literal["pending", "firing", "resolved", "dropped", "flapping", "steady"]


@frozen
class Observed:
    """What the expressions of a rule returned at one instant, by labels.

    Attributes:
        when: The samples of ``when``: an alert is true for each.
        until: Those of ``until``; None if the rule has none.
        left: Those of the left side of ``when``, if that is a comparison; None if it is none.
        error: Why the query failed; None if it did not. The rest is empty then.
    """

    when: Mapping[Labels, float]
    until: Mapping[Labels, float] | None = None
    left: Mapping[Labels, float] | None = None
    error: str | None = None


def _comparable(value: float) -> float | None:
    """Return a value by which alerts compare: NaN is equal to NaN here."""
    return None if value != value else value  # noqa: PLR0124 - isnan refuses large ints


@frozen
class AlertState:
    """One alert: a rule and a label set.

    Attributes:
        labels: The sample's labels, then the rule's, then ``alertname``.
        phase: Pending, firing, or resolved: kept for 15 minutes.
        value: The sample's last value; NaN where there was none.
        active_at: Since when it is true.
        fired_at: When it began to fire; None before.
        false_since: When a firing one was first false; None if it is true.
        resolved_at: When it was resolved; None before.
        reason: ``no_data`` or ``limit`` where it was that, else empty.
        flapping: Whether it fires and is resolved so often that its changes are silent.
        summary: The rule's text for it, as of the last evaluation at which it was true.
        runbook: The rule's second text.
    """

    labels: Labels
    phase: Phase
    value: float = field(eq=_comparable)
    active_at: datetime
    fired_at: datetime | None = None
    false_since: datetime | None = None
    resolved_at: datetime | None = None
    reason: str = ""
    flapping: bool = False
    summary: str = ""
    runbook: str = ""


@frozen
class RuleState:
    """What is kept of a rule between two evaluations.

    Attributes:
        alerts: Its alerts by labels.
        seen: When each alert's labels last had a sample of the left side of ``when``, for 24
            hours; only of a rule with ``no_data="alert"``.
        evaluated_at: The instant of the last evaluation; None before the first.
        error: Why the last evaluation failed; None if it did not.
        changes: The newest instants of fired and resolved by labels, for flapping.
    """

    alerts: Mapping[Labels, AlertState] = {}
    seen: Mapping[Labels, datetime] = {}
    evaluated_at: datetime | None = None
    error: str | None = None
    changes: Mapping[Labels, tuple[datetime, ...]] = {}


@frozen
class Change:
    """What happened to an alert at an evaluation.

    Attributes:
        kind: It began to be ``pending`` or ``firing``, was ``resolved``, or, pending, was
            ``dropped``; it began to be ``flapping``, or is ``steady`` again, in the phase it has.
        alert: The alert after it.
        silent: Whether nobody is to be notified: it is, or was until now, flapping.
    """

    kind: ChangeKind
    alert: AlertState
    silent: bool = False


@frozen
class Advanced:
    """The result of an evaluation of a rule.

    Attributes:
        state: What to keep of the rule.
        changes: What happened, by labels.
    """

    state: RuleState
    changes: tuple[Change, ...] = ()
