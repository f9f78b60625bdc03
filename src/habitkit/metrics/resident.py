"""The metrics of a kit: flushed by its background and at its end, rolled up by its sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.journal.domain.model import Swept

if TYPE_CHECKING:
    from habitkit.metrics.base import BaseMetrics
    from habitkit.options import KitSettings
    from habitkit.workflow import Steps

__all__ = ["MetricsResident", "roll_up"]


class MetricsResident:
    """Flushes the metrics of a kit; see ``habitkit.residents``.

    Args:
        metrics: The kit's metrics. Closing the kit flushes them, and leaves them open.
    """

    def __init__(self, metrics: BaseMetrics) -> None:
        """Keep them."""
        self._metrics = metrics
        self.refresh_seconds = metrics.refresh_seconds

    def refresh(self, settings: KitSettings) -> Steps[None]:  # noqa: ARG002
        """Flush."""
        return self._metrics.steps.flush()

    def finish(self, settings: KitSettings) -> Steps[None]:  # noqa: ARG002
        """Flush."""
        return self._metrics.steps.flush()

    def close(self) -> None:
        """Do nothing: who made the metrics closes them."""

    def after_fork(self) -> None:
        """Do nothing: the metrics notice a fork by themselves."""


def roll_up(settings: KitSettings, limit: int) -> Steps[Swept]:
    """Roll up the points of the kit's metrics, and delete what is too old."""
    if settings.metrics is None:
        return Swept(0)
    rolled = yield from settings.metrics.steps.maintain(limit)
    return Swept(rolled.count, more=rolled.more)
