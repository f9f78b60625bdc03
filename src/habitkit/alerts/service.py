"""The service ``kit.alerts``: a list of its use cases."""

from __future__ import annotations

from habitkit.alerts.evaluating import evaluate
from habitkit.binding import M, Service, workflow

__all__ = ["AlertService", "evaluate"]


class AlertService(Service[M]):
    """The methods of ``kit.alerts``."""

    evaluate = workflow(evaluate)
