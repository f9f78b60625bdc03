"""The metrics of a kit: flushed by its background and at its end, rolled up by its sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.journal.domain.model import Swept

if TYPE_CHECKING:
    from habitkit.kit_metrics import KitMetrics
    from habitkit.options import KitSettings
    from habitkit.workflow import Steps

__all__ = ["MetricsResident", "roll_up"]


class MetricsResident:
    """Flushes the metrics of a kit, once it has any; see ``habitkit.residents``.

    Closing the kit flushes them, and leaves them open for who made them.

    Args:
        kit_metrics: The kit's metrics.
    """

    refresh_seconds = 10.0

    def __init__(self, kit_metrics: KitMetrics) -> None:
        """Keep them."""
        self._kit_metrics = kit_metrics

    def refresh(self, settings: KitSettings) -> Steps[None]:  # noqa: ARG002
        """Flush."""
        metrics = self._kit_metrics.made
        if metrics is not None:
            yield from metrics.steps.flush()

    finish = refresh

    def close(self) -> None:
        """Do nothing: who made the metrics closes them."""

    def after_fork(self) -> None:
        """Do nothing: the metrics notice a fork by themselves."""


def roll_up(settings: KitSettings, limit: int) -> Steps[Swept]:
    """Roll up the points of the kit's metrics, and delete what is too old."""
    series = settings.kit_metrics.series()
    if series is None:
        return Swept(0)
    from habitkit.metrics.maintaining import maintain  # noqa: PLC0415 - only where it is used

    rolled = yield from maintain(series, int(settings.clock.now().timestamp()), limit)
    return Swept(rolled.count, more=rolled.more)
