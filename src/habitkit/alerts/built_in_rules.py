"""Rules on the metrics that a kit records of its own."""

from __future__ import annotations

from habitkit.alerts.domain.rules import Alert, AlertGroup
from habitkit.metrics.domain.functions import count, increase, last, maximum, quantile

__all__ = ["default_rules"]

_PAGE = {"severity": "page"}
_TICKET = {"severity": "ticket"}

_ERROR_SHARE = 0.05
_SLOW_SECONDS = 1
_FAILED_SHARE = 0.1
_RELAY_LAG_SECONDS = 300
_SWEEP_LAG_SECONDS = 900
_WARNS = 0.5
"""The value of ``habitkit_check_status`` for a check that warns; under it the check fails."""


def default_rules() -> AlertGroup:
    """Return rules on the metrics that a kit records of its own, in the group ``habitkit``.

    Their label ``severity`` is ``page`` for what should not wait, else ``ticket``. To leave some
    out, make a group of those that you want: ``AlertGroup("habitkit", [it for it in
    default_rules().rules if it.name != "HabitkitActionsSlow"])``.

    Example:
        >>> from habitkit.alerts import AlertSettings, default_rules
        >>> settings = AlertSettings(groups=[default_rules()])
        >>> len(default_rules().rules)
        12
    """
    return AlertGroup("habitkit", [*_of_actions(), *_of_events(), *_of_upkeep(), *_of_metrics()])


def _of_actions() -> list[Alert]:
    errors = increase("habitkit_actions", "5m", where={"outcome": "error"})
    return [
        Alert(
            "HabitkitActionsFail",
            errors / increase("habitkit_actions", "5m") > _ERROR_SHARE,
            for_="10m",
            labels=_PAGE,
            summary="{value:.1%} of the actions of the last 5 minutes ended with an error.",
        ),
        Alert(
            "HabitkitActionsSlow",
            quantile(0.99, "habitkit_action_duration", "5m", by=("action",)) > _SLOW_SECONDS,
            for_="10m",
            labels=_TICKET,
            summary="1 % of the calls of {action} take more than {value:.2f} s.",
        ),
        Alert(
            "HabitkitCacheUnavailable",
            increase(
                "habitkit_cache_requests", "5m", where={"result": "unavailable"}, by=("cache",)
            )
            > 0,
            for_="5m",
            labels=_TICKET,
            summary="The shared backend of the cache {cache} failed {value:.0f} times.",
        ),
    ]


def _of_events() -> list[Alert]:
    failed = increase("habitkit_relay_deliveries", "10m", where={"outcome": "failed"})
    dead = increase("habitkit_relay_deliveries", "1h", where={"outcome": "dead"})
    return [
        Alert(
            "HabitkitRelayFails",
            failed / increase("habitkit_relay_deliveries", "10m") > _FAILED_SHARE,
            for_="10m",
            labels=_TICKET,
            summary="{value:.1%} of the deliveries of the last 10 minutes failed.",
        ),
        Alert(
            "HabitkitRelayDead",
            dead > 0,
            labels=_TICKET,
            summary="{value:.0f} deliveries were given up within an hour.",
        ),
        Alert(
            "HabitkitRelayLags",
            last("habitkit_relay_lag") > _RELAY_LAG_SECONDS,
            for_="5m",
            labels=_PAGE,
            summary="Events have waited for the relay for {value:.0f} s.",
        ),
    ]


def _of_upkeep() -> list[Alert]:
    return [
        Alert(
            "HabitkitSweepLags",
            last("habitkit_sweep_lag") > _SWEEP_LAG_SECONDS,
            for_="5m",
            labels=_TICKET,
            summary="The work of the sweep has been due for {value:.0f} s.",
        ),
        Alert(
            "HabitkitSweepStopped",
            count("habitkit_sweep_duration", "15m") == 0,
            for_="5m",
            labels=_PAGE,
            summary="Nobody has called kit.sweep() for 15 minutes.",
        ),
        Alert(
            "HabitkitChecksFail",
            last("habitkit_check_status", by=("check",)) < _WARNS,
            for_="2m",
            labels=_PAGE,
            summary="The health check {check} fails.",
        ),
        Alert(
            "HabitkitLedgerFaults",
            maximum("habitkit_ledger_faults", "1d") > 0,
            labels=_PAGE,
            summary="The daily check found {value:.0f} faults in the ledger.",
        ),
    ]


def _of_metrics() -> list[Alert]:
    return [
        Alert(
            "HabitkitMetricsDropped",
            increase("habitkit_metrics_dropped", "15m", by=("metric", "reason")) > 0,
            labels=_TICKET,
            summary="{value:.0f} values of {metric} were dropped: {reason}.",
        ),
        Alert(
            "HabitkitMetricsFolded",
            increase("habitkit_metrics_folded", "1h", by=("metric", "attribute")) > 0,
            labels=_TICKET,
            summary="{metric}: {attribute} has too many values; {value:.0f} became (other).",
        ),
    ]
