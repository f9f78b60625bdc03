"""``kit.alerts.evaluate``, and the parts of the sweep that do the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.alerts.delivery import deliver
from habitkit.alerts.evaluation import evaluate_groups
from habitkit.alerts.results import AlertReport
from habitkit.alerts.silences import delete_old_silences
from habitkit.journal.domain.model import Swept
from habitkit.workflow import Call

if TYPE_CHECKING:
    from habitkit.options import KitSettings
    from habitkit.workflow import Steps

__all__ = ["evaluate", "sweep_groups", "sweep_receivers", "sweep_silences"]


def evaluate(settings: KitSettings) -> Steps[AlertReport]:
    """Evaluate the groups of rules that are due, and send the notifications that are due.

    ``kit.sweep()`` does the same. Each instant of a group is evaluated once, whoever does it; those
    at which nobody does are left out. A group, rule or receiver that fails stops no other.

    Args:
        settings: The kit's settings.
    """
    done = yield from evaluate_groups(settings)
    delivered = yield from deliver(settings)
    return AlertReport(
        evaluated=done.groups,
        fired=done.fired,
        resolved=done.resolved,
        sent=delivered.sent,
        failures=(*done.failures, *delivered.failures),
    )


def sweep_groups(settings: KitSettings, limit: int) -> Steps[Swept]:
    """Evaluate the groups of rules that are due: a sweeper."""
    done = yield from evaluate_groups(settings, limit)
    return Swept(len(done.groups), done.failures, more=done.more)


def sweep_receivers(settings: KitSettings, _: int) -> Steps[Swept]:
    """Send the notifications that are due, within a limited time: a sweeper."""
    delivered = yield from deliver(settings)
    return Swept(delivered.sent, delivered.failures)


def sweep_silences(_: KitSettings, limit: int) -> Steps[Swept]:
    """Delete silences that ended long ago: a sweeper."""
    count: int = yield Call(delete_old_silences, (limit,))
    return Swept(count, more=count >= limit)
