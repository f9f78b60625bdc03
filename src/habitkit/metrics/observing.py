"""The hook by which a kit records metrics of its own: actions, relay, sweep, cache, limiter, ..."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from habitkit.errors import (
    HabitKitError,
    IdempotencyConflict,
    StoreBusy,
    StoreError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from habitkit.cache.events import CacheEvent
    from habitkit.events import Event
    from habitkit.journal.domain.model import RelayReport
    from habitkit.limits.domain.decision import DecisionMade
    from habitkit.metrics.base import BaseMetrics
    from habitkit.transaction import Transaction

__all__ = ["ActionRun", "Observer", "action_name"]

_NS = 1_000_000_000
_STATUS = {"pass": 1.0, "warn": 0.5, "fail": 0.0}
_SERVICES = {
    "habitkit.erasure": "",
    "habitkit.habits.rebuilding": "streaks",
    "habitkit.journal.dead_letters": "relay",
    "habitkit.journal.event_log": "events",
    "habitkit.journal.relay": "relay",
}
"""The services whose actions are in files of a module that has another name; empty: the kit's."""


class Observer:
    """Records what a kit does.

    No owner becomes an attribute, and no key of a limiter or a cache.

    Args:
        metrics: Where.
    """

    def __init__(self, metrics: BaseMetrics) -> None:
        """Make the instruments."""
        self.metrics = metrics
        self.ticks = metrics.ticks
        self.events = metrics.built_in("habitkit_events")
        self._by_function: dict[Callable[..., Any], _Action] = {}
        self._by_name: dict[str, _Action] = {}
        self._alerts: dict[str, Counter[tuple[str, str]]] = {}
        self._deliveries = metrics.built_in("habitkit_relay_deliveries")
        self._sweep = metrics.built_in("habitkit_sweep_duration").bind()
        self._cache = metrics.built_in("habitkit_cache_requests")
        self._limits = metrics.built_in("habitkit_limiter_decisions")

    def began(self, function: Callable[..., Any]) -> ActionRun:
        """Return what observes one call of an action."""
        try:
            action = self._by_function[function]
        except (KeyError, TypeError):  # a host's callable need not be hashable
            action = self._action(function)
        return ActionRun(self, action, function)

    def relayed(self, report: RelayReport) -> None:
        """Record a round of the relay."""
        counts = {
            "delivered": report.delivered,
            "failed": len(report.failures),
            "dead": len(report.dead),
        }
        for outcome, count in counts.items():
            self._deliveries.add(count, {"outcome": outcome})

    def swept(self, began: int) -> None:
        """Record a sweep that began at an instant of the ticks."""
        self._sweep.record((self.ticks() - began) / _NS)

    def waiting(self, deliveries: int, relay_lag: float | None) -> None:
        """Record how many deliveries wait, and for how long the first of this kit's does.

        Args:
            deliveries: How many, for whichever relay.
            relay_lag: Seconds; None if nothing is delivered by this kit.
        """
        self._set("habitkit_outbox_waiting", deliveries)
        if relay_lag is not None:
            self._set("habitkit_relay_lag", relay_lag)

    def lagged(self, sweep_lag: float) -> None:
        """Record for how many seconds the sweep's work has been due."""
        self._set("habitkit_sweep_lag", sweep_lag)

    def evaluated(self, group: str, at: datetime, alerts: Mapping[tuple[str, str], int]) -> None:
        """Record an evaluation of a group of alert rules.

        Args:
            group: The group.
            at: The instant for which it was evaluated.
            alerts: How many alerts there are, by name and state; 0 for what has ended.
        """
        self._set("habitkit_alerts_evaluated_at", at.timestamp(), {"group": group})
        before = self._alerts.get(group, Counter())
        self._alerts[group] = Counter({key: count for key, count in alerts.items() if count})
        for name, state in sorted({*before, *alerts}):
            count = sum(it[name, state] for it in self._alerts.values())
            self._set("habitkit_alerts", count, {"alertname": name, "state": state})

    def checked(self, statuses: Mapping[str, str]) -> None:
        """Record the statuses of health checks by their names."""
        for name, status in statuses.items():
            self._set("habitkit_check_status", _STATUS[status], {"check": name})

    def audited(self, faults: int) -> None:
        """Record how many faults the daily check found in the ledger."""
        self._set("habitkit_ledger_faults", faults)

    def watch(self, resident: Any) -> None:
        """Record what a limiter or a cache does."""
        resident.watch(self.cached if hasattr(resident, "get_or_create") else self.limited)

    def cached(self, event: CacheEvent) -> None:
        """Record a call of the cache."""
        self._cache.add(1, {"cache": event.namespace, "result": event.outcome})

    def limited(self, made: DecisionMade) -> None:
        """Record a decision of the limiter."""
        outcome = "allowed" if made.decision.allowed else "denied"
        self._limits.add(1, {"limit": made.decision.limit.id, "outcome": outcome})

    def _set(self, gauge: str, value: float, attributes: Mapping[str, str] | None = None) -> None:
        self.metrics.built_in(gauge).set(value, attributes)

    def _action(self, function: Callable[..., Any]) -> _Action:
        """Return the instruments of an action; one that is not made anew each time is kept."""
        name = action_name(function)
        action = self._by_name.get(name)
        if action is None:
            action = self._by_name[name] = _Action(name, self.metrics)
        if name != _RUN and "<locals>" not in getattr(function, "__qualname__", "<locals>"):
            self._by_function[function] = action
        return action


class _Action:
    """The instruments of one action."""

    __slots__ = ("_count", "_name", "_retries", "duration", "ok")

    def __init__(self, name: str, metrics: BaseMetrics) -> None:
        self._name = name
        self._count = metrics.built_in("habitkit_actions")
        self._retries = metrics.built_in("habitkit_retries")
        self.duration = metrics.built_in("habitkit_action_duration").bind({"action": name})
        self.ok = self._count.bind({"action": name, "outcome": "ok"})

    def failed(self, outcome: str) -> None:
        self._count.add(1, {"action": self._name, "outcome": outcome})

    def repeated(self, times: int) -> None:
        self._retries.add(times, {"action": self._name})


class ActionRun:
    """One call of an action: when it began, how often it was tried, what it emitted."""

    __slots__ = ("_action", "_attempts", "_began", "_events", "_function", "_observer")

    def __init__(self, observer: Observer, action: _Action, function: Callable[..., Any]) -> None:
        """Begin now."""
        self._observer = observer
        self._action = action
        self._function = function
        self._attempts = 0
        self._events: Sequence[Event] = ()
        self._began = observer.ticks()

    def __call__(self, tx: Transaction, *args: Any, **kwargs: Any) -> Any:
        """Run the function in a transaction; the events are those of the last attempt."""
        self._attempts += 1
        self._events = tx.emitted[0]
        return self._function(tx, *args, **kwargs)

    def ended(self, error: BaseException | None) -> None:
        """Record how it ended."""
        observer, action = self._observer, self._action
        if error is None:
            action.ok.add(1)
            for event in self._events:
                observer.events.add(1, {"type": event.type})
        else:
            action.failed(_outcome(error))
        action.duration.record((observer.ticks() - self._began) / _NS)
        if self._attempts > 1:
            action.repeated(self._attempts - 1)


_RUN = "run"


def action_name(function: Callable[..., Any]) -> str:
    """Return the name of an action: the service and the method, such as ``habits.check_in``.

    ``run`` is what the host composes in ``kit.run``.

    Args:
        function: The function that is run in a transaction.
    """
    while isinstance(function, partial):
        function = function.func
    module = getattr(function, "__module__", None) or ""
    if not module.startswith("habitkit."):
        return _RUN
    service = _SERVICES.get(module, module.split(".")[1])
    name = getattr(function, "__name__", _RUN).strip("_")
    return f"{service}.{name}" if service else name


def _outcome(error: BaseException) -> str:
    """Return the outcome of an action that raised an error."""
    if isinstance(error, IdempotencyConflict | StoreBusy):
        return "conflict"
    if isinstance(error, HabitKitError) and not isinstance(error, StoreError | UsageError):
        return "refused"
    return "error"
