"""Health: checks of the kit and of its host, and the daily check.

kit.health("ready").response()      the answer to a probe
kit.daily_check()                   what should be seen to, once a day
"""

from __future__ import annotations

from habitkit.health.domain.daily import DailyFinding, DailyReport, Severity
from habitkit.health.domain.report import (
    CheckResult,
    Health,
    HealthResponse,
    Level,
    Status,
)
from habitkit.health.settings import HealthSettings, HostCheck, check

__all__ = [
    "CheckResult",
    "DailyFinding",
    "DailyReport",
    "Health",
    "HealthResponse",
    "HealthSettings",
    "HostCheck",
    "Level",
    "Severity",
    "Status",
    "check",
]
