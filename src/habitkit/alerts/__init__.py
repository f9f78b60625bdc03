"""Alerts: rules on metrics, evaluated by the kit and sent to receivers."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.alerts.built_in_rules import default_rules
    from habitkit.alerts.domain.advance import advance
    from habitkit.alerts.domain.model import Advanced, AlertState, Change, Observed, RuleState
    from habitkit.alerts.domain.receivers import Notification, Receiver
    from habitkit.alerts.domain.rules import Alert, AlertGroup, Flap
    from habitkit.alerts.domain.silences import Silence
    from habitkit.alerts.events import AlertFired, AlertResolved
    from habitkit.alerts.results import (
        ActiveAlert,
        AlertReport,
        AlertStatus,
        GroupStatus,
        ReceiverStatus,
        RuleStatus,
    )
    from habitkit.alerts.settings import AlertSettings
    from habitkit.alerts.slos import Slo, budget, slo
    from habitkit.alerts.store import ALERTS, AlertStore, GroupRow, ReceiverRow, SilenceRow
    from habitkit.alerts.watchdogs import watchdog

__all__ = [
    "ALERTS",
    "ActiveAlert",
    "Advanced",
    "Alert",
    "AlertFired",
    "AlertGroup",
    "AlertReport",
    "AlertResolved",
    "AlertSettings",
    "AlertState",
    "AlertStatus",
    "AlertStore",
    "Change",
    "Flap",
    "GroupRow",
    "GroupStatus",
    "Notification",
    "Observed",
    "Receiver",
    "ReceiverRow",
    "ReceiverStatus",
    "RuleState",
    "RuleStatus",
    "Silence",
    "SilenceRow",
    "Slo",
    "advance",
    "budget",
    "default_rules",
    "slo",
    "watchdog",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        [
            *(f"domain.{name}" for name in ("rules", "receivers", "silences", "model", "advance")),
            *("settings", "events", "results", "store", "slos", "watchdogs", "built_in_rules"),
        ],
    )
