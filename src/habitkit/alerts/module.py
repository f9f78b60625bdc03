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
        from habitkit.alerts.sweeping import delete_silences, sweep_alerts  # noqa: PLC0415

        return {"alerts": sweep_alerts, "silences": delete_silences}

    def resident(self, settings: KitSettings) -> Resident:  # noqa: ARG002
        from habitkit.alerts.sending import Senders  # noqa: PLC0415 - only where it is used

        return Senders()


MODULE = _Alerts()
