"""The description of the alerts module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.alerts.events import AlertFired, AlertResolved
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.store import ALERTS
from habitkit.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.module import Sweeper
    from habitkit.options import KitSettings
    from habitkit.residents import Resident

__all__ = ["MODULE"]


class _Alerts(Module):
    name = "alerts"
    ports = (ALERTS,)
    events = (AlertFired, AlertResolved)
    settings = AlertSettings

    def sweepers(self) -> Mapping[str, Sweeper]:
        from habitkit.alerts import rounds  # noqa: PLC0415 - only in a sweep

        return {
            "alert_groups": rounds.sweep_groups,
            "notifications": rounds.sweep_receivers,
            "ended_silences": rounds.sweep_silences,
        }

    def resident(self, settings: KitSettings) -> Resident:  # noqa: ARG002
        from habitkit.alerts.sending import Senders  # noqa: PLC0415 - only where it is used

        return Senders()


MODULE = _Alerts()
