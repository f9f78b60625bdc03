"""The table of the metrics that a kit records of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.metrics.domain.series import Series

if TYPE_CHECKING:
    from habitkit.metrics.domain.series import Across, Kind

__all__ = ["BUILT_IN", "BuiltIn", "built_in_series"]


@frozen
class BuiltIn:
    """A metric that a kit records of its own.

    Attributes:
        name: Its name.
        kind: ``counter``, ``gauge`` or ``distribution``.
        unit: Its unit; empty if it has none.
        attributes: The names of its attributes.
        description: A sentence about it.
        across: How the values of several processes are combined, for a gauge.
    """

    name: str
    kind: Kind
    unit: str
    attributes: tuple[str, ...]
    description: str
    across: Across = "last"


_COUNTERS = (
    ("actions", ("action", "outcome"), "Actions by outcome: ok, refused, conflict or error."),
    ("retries", ("action",), "Times that an action was repeated after a conflict."),
    ("events", ("type",), "Events that were committed."),
    ("relay_deliveries", ("outcome",), "Deliveries of the relay: delivered, failed or dead."),
    ("cache_requests", ("cache", "result"), "Calls of the cache by result."),
    ("limiter_decisions", ("limit", "outcome"), "Decisions of the limiter: allowed or denied."),
    ("metrics_dropped", ("metric", "reason"), "Values that could not be recorded or stored."),
    ("metrics_folded", ("metric", "attribute"), "Recordings whose attribute became (other)."),
)
_DISTRIBUTIONS = (
    ("action_duration", ("action",), "How long an action takes, retries included."),
    ("sweep_duration", (), "How long a sweep takes."),
    ("flush_duration", (), "How long it takes to store the metrics of a process."),
)
_GAUGES: tuple[tuple[str, str, tuple[str, ...], str, Across], ...] = (
    ("relay_lag", "seconds", (), "How long the oldest delivery has been due.", "last"),
    ("outbox_waiting", "", (), "Deliveries that wait for the relay, up to 1000.", "last"),
    ("sweep_lag", "seconds", (), "How long the sweep's oldest work has been due.", "last"),
    ("alerts", "", ("alertname", "state"), "Alerts that are pending or firing.", "last"),
    ("alerts_evaluated_at", "seconds", ("group",), "When a group was evaluated.", "max"),
    ("check_status", "", ("check",), "Health checks: 1 pass, 0.5 warn, 0 fail.", "min"),
    ("ledger_faults", "", (), "Faults that the daily check found in the ledger.", "last"),
)

BUILT_IN = {
    it.name: it
    for it in (
        *(BuiltIn(f"habitkit_{name}", "counter", "", of, text) for name, of, text in _COUNTERS),
        *(
            BuiltIn(f"habitkit_{name}", "distribution", "seconds", of, text)
            for name, of, text in _DISTRIBUTIONS
        ),
        *(
            BuiltIn(f"habitkit_{name}", "gauge", unit, of, text, across)
            for name, unit, of, text, across in _GAUGES
        ),
    )
}
"""By name."""


def built_in_series() -> list[Series]:
    """Return a series of each metric that a kit records, which tells its kind and its unit."""
    return [Series(it.name, it.kind, it.unit, across=it.across) for it in BUILT_IN.values()]
