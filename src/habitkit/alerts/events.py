"""The events of alerts. Their owner is the system owner ``alerts/{group}``."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from habitkit.events import Event

__all__ = ["AlertFired", "AlertResolved"]


@frozen
class AlertFired(Event):
    """An alert began to fire; ``at`` is the instant of the evaluation.

    Attributes:
        group: The group of its rule.
        alert: The name of its rule.
        labels: Its labels by name, ``alertname`` among them.
        value: What the rule's expression returned; None if that is no finite number.
        reason: ``no_data`` if it fires because there were no samples, else empty.
    """

    group: str
    alert: str
    labels: Mapping[str, str]
    value: float | None
    reason: str = ""


@frozen
class AlertResolved(Event):
    """An alert that was firing ended; ``at`` is the instant of the evaluation.

    Attributes:
        group: The group of its rule.
        alert: The name of its rule.
        labels: Its labels by name, ``alertname`` among them.
        reason: ``limit`` if its rule had too many alerts, ``pending`` if it waits again because
            ``for_`` was raised, ``removed`` if nobody has evaluated its rule for 15 minutes, else
            empty.
    """

    group: str
    alert: str
    labels: Mapping[str, str]
    reason: str = ""
