"""How long work waits for the relay and for the sweep, recorded as metrics of the kit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit.errors import ConfigurationError, UsageError
from habitkit.health.checks import due_since
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["observe_relay", "observe_sweep"]

_MOST_COUNTED = 1000


@frozen
class _Waiting:
    """What waits for a relay: how much, and for how long what this kit delivers does."""

    count: int
    lag: float | None


def observe_relay(settings: KitSettings) -> Steps[None]:
    """Record how many deliveries wait, and for how long the first of this kit's has been due.

    Args:
        settings: The kit's settings; nothing is read if it records no metrics of its own.
    """
    observer = settings.observer
    if observer is not None:
        found: _Waiting | None = yield from _read(_waiting, settings)
        if found is not None:
            observer.waiting(found.count, found.lag)


def observe_sweep(settings: KitSettings) -> Steps[None]:
    """Record for how long the first of the sweep's work has been due, and what waits for a relay.

    Args:
        settings: As for ``observe_relay``.
    """
    observer = settings.observer
    if observer is not None:
        lag: float | None = yield from _read(_sweep_lag, settings)
        if lag is not None:
            observer.lagged(lag)
        yield from observe_relay(settings)


def _read(function: Callable[[Transaction, KitSettings], Any], settings: KitSettings) -> Steps[Any]:
    """Return what a query returns; None if it cannot be run: what it is about reports that."""
    try:
        return (yield Call(function, (settings,), write=False))
    except (UsageError, ConfigurationError):
        raise
    except Exception:  # noqa: BLE001 - the sweep or the round of the relay is done all the same
        return None


def _waiting(tx: Transaction, settings: KitSettings) -> _Waiting:
    outbox, types = tx.stores.outbox, settings.delivered
    lag = _age(tx, outbox.oldest(types)) if types else None
    return _Waiting(outbox.count_waiting(_MOST_COUNTED), lag)


def _sweep_lag(tx: Transaction, settings: KitSettings) -> float:
    return _age(tx, min(due_since(tx, settings).values(), default=None))


def _age(tx: Transaction, since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (tx.now - since).total_seconds())
