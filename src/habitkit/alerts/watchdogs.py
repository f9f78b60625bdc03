"""A rule that always fires, so that whoever is notified learns when notifications stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.alerts.domain.rules import Alert
from habitkit.metrics.domain.functions import now

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["watchdog"]


def watchdog(name: str = "Watchdog", labels: Mapping[str, str] | None = None) -> Alert:
    """Return a rule that always fires.

    Send it to a service that raises an alarm when it hears nothing for some time, by a receiver
    whose ``repeat_seconds`` are less than that time.

    Args:
        name: The rule's name.
        labels: Its labels; by default its severity is ``none``.

    Raises:
        InvalidInput: If these are not a rule's name and labels.

    Example:
        >>> from habitkit.alerts import watchdog
        >>> watchdog().name
        'Watchdog'
    """
    labels = {"severity": "none"} if labels is None else labels
    return Alert(name, now() > 0, labels=labels, summary="Alerts are evaluated and sent.")
