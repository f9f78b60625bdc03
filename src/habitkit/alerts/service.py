"""The service ``kit.alerts``: a list of its use cases."""

from __future__ import annotations

from habitkit.alerts.queries import active, history, status
from habitkit.alerts.rounds import evaluate
from habitkit.alerts.silences import silence, silences, unsilence
from habitkit.binding import M, Service, action, query, workflow

__all__ = [
    "AlertService",
    "active",
    "evaluate",
    "history",
    "silence",
    "silences",
    "status",
    "unsilence",
]


class AlertService(Service[M]):
    """The methods of ``kit.alerts``."""

    evaluate = workflow(evaluate)
    active = query(active)
    status = query(status)
    history = query(history)
    silence = action(silence)
    unsilence = action(unsilence)
    silences = query(silences)
