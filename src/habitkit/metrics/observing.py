"""The hook by which a kit records metrics of its own: actions, relay, sweep, cache, limiter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from habitkit.errors import (
    HabitKitError,
    IdempotencyConflict,
    StoreBusy,
    StoreError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.cache.events import CacheEvent
    from habitkit.events import Event
    from habitkit.journal.domain.model import RelayReport
    from habitkit.limits.domain.decision import DecisionMade
    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.bound import BoundCounter, BoundDistribution
    from habitkit.transaction import Transaction

__all__ = ["ActionRun", "Observer"]

R = TypeVar("R")
_NS = 1_000_000_000


class Observer:
    """Records what a kit does.

    Args:
        metrics: Where.
    """

    def __init__(self, metrics: BaseMetrics) -> None:
        """Make the instruments."""
        self.metrics = metrics
        self.ticks = metrics.ticks
        self._counts: dict[tuple[str, str], BoundCounter] = {}
        self._durations: dict[str, BoundDistribution] = {}
        self._actions = metrics.built_in("habitkit_actions")
        self._duration = metrics.built_in("habitkit_action_duration")
        self._retries = metrics.built_in("habitkit_retries")
        self._events = metrics.built_in("habitkit_events")
        self._deliveries = metrics.built_in("habitkit_relay_deliveries")
        self._sweep = metrics.built_in("habitkit_sweep_duration").bind()
        self._cache = metrics.built_in("habitkit_cache_requests")
        self._limits = metrics.built_in("habitkit_limiter_decisions")

    def began(self, function: Callable[..., Any]) -> ActionRun:
        """Return what observes one call of an action."""
        return ActionRun(self, function)

    def ended(self, run: ActionRun, outcome: str) -> None:
        """Record a call of an action that has ended."""
        name = _name_of(run.function)
        count = self._counts.get((name, outcome))
        if count is None:
            count = self._actions.bind({"action": name, "outcome": outcome})
            self._counts[name, outcome] = count
        count.add(1)
        duration = self._durations.get(name)
        if duration is None:
            duration = self._durations[name] = self._duration.bind({"action": name})
        duration.record((self.ticks() - run.began) / _NS)
        if run.attempts > 1:
            self._retries.add(run.attempts - 1, {"action": name})
        if outcome == "ok":
            for event in run.events:
                self._events.add(1, {"type": event.type})

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


class ActionRun:
    """One call of an action: when it began, how often it was tried, what it emitted."""

    __slots__ = ("attempts", "began", "events", "function", "observer")

    def __init__(self, observer: Observer, function: Callable[..., Any]) -> None:
        self.observer = observer
        self.function = function
        self.attempts = 0
        self.events: Sequence[Event] = ()
        self.began = observer.ticks()

    def __call__(self, tx: Transaction, *args: Any, **kwargs: Any) -> Any:
        """Run the function in a transaction."""
        self.attempts += 1
        self.events = tx.emitted[0]
        return self.function(tx, *args, **kwargs)

    def ended(self, error: BaseException | None) -> None:
        """Record how it ended."""
        self.observer.ended(self, _outcome(error))


def _outcome(error: BaseException | None) -> str:
    """Return the outcome of an action that raised an error, or none."""
    if error is None:
        return "ok"
    if isinstance(error, IdempotencyConflict | StoreBusy):
        return "conflict"
    if isinstance(error, HabitKitError) and not isinstance(error, StoreError | UsageError):
        return "refused"
    return "error"


def _name_of(function: Callable[..., Any]) -> str:
    """Return the name of an action: the module and the function, such as ``habits.check_in``."""
    module = function.__module__ or ""
    name = getattr(function, "__name__", "run")
    if not module.startswith("habitkit."):
        return "run"
    return f"{module.split('.')[1]}.{name.strip('_')}"
