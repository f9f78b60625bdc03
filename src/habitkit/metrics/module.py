"""The description of the metrics module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.module import Sweeper
    from habitkit.options import KitSettings
    from habitkit.residents import Resident

__all__ = ["MODULE"]


class _Metrics(Module):
    name = "metrics"

    def resident(self, settings: KitSettings) -> Resident:
        from habitkit.metrics.resident import MetricsResident  # noqa: PLC0415

        return MetricsResident(settings.kit_metrics)

    def sweepers(self) -> Mapping[str, Sweeper]:
        from habitkit.metrics.resident import roll_up  # noqa: PLC0415 - only where it is used

        return {"metric_slots": roll_up}


MODULE = _Metrics()
