"""``kit.alerts.evaluate``, and the part of the sweep that does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.alerts.evaluation import evaluate_groups
from habitkit.alerts.results import AlertReport

if TYPE_CHECKING:
    from habitkit.options import KitSettings
    from habitkit.workflow import Steps

__all__ = ["evaluate"]


def evaluate(settings: KitSettings) -> Steps[AlertReport]:
    """Evaluate the groups of rules that are due, and send the notifications that are due.

    Args:
        settings: The kit's settings.
    """
    done = yield from evaluate_groups(settings)
    return AlertReport(done.groups, done.fired, done.resolved, 0, done.failures)
