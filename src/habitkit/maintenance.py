"""Maintenance: the sweep, which does what becomes due with time, the rebuild, the daily check."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from habitkit import _logging, ids
from habitkit.errors import ConfigurationError, UsageError
from habitkit.journal.domain.model import Failure, SweepReport, Swept
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.habits.domain.streaks import RebuildReport
    from habitkit.health.domain.daily import DailyReport
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["daily_check", "observe_lags", "rebuild", "sweep", "sweep_items"]

_log = _logging.logger("sweep")

T = TypeVar("T")


def sweep(settings: KitSettings, limit: int = 100) -> Steps[SweepReport]:
    """Do the work that becomes due with time, up to a limit: bounded, resumable, repeatable.

    Every module does its own part, one after the other: messages that wait in inboxes are applied,
    old idempotency records deleted, the events of slots that have ended and of streaks that can no
    longer be repaired emitted, holds that have expired recorded, coins that have expired taken
    away, new entries of wallets sealed. An item that fails stops nothing else. Two sweeps at once
    do nothing twice.

    Args:
        settings: The kit's settings.
        limit: How many of each at most, 1 to 1000.

    Returns:
        What was done, what failed, and whether there is more to do.

    Raises:
        InvalidInput: If the limit is not acceptable.
    """
    limit = ids.limit(limit)
    observer = settings.observer
    began = 0 if observer is None else observer.ticks()
    counts: dict[str, int] = {}
    failures: list[Failure] = []
    errors: dict[str, Exception] = {}
    more = False
    for module in settings.modules:
        for name, sweeper in module.sweepers().items():
            try:
                swept = yield from sweeper(settings, limit)
            except (UsageError, ConfigurationError):
                raise
            except Exception as error:  # noqa: BLE001 - one sweeper must not stop the others
                errors[name] = error
                failures.append(Failure(name, reason(error)))
                counts[name] = 0
                _not_swept(name, reason(error))
                continue
            counts[name] = swept.count
            if swept.failures:
                _not_swept(name, swept.failures[0].error)
            failures += swept.failures
            more = more or swept.more
    if observer is not None:
        observer.swept(began)
        yield from observe_lags(settings)
    if errors.keys() >= settings.modules[0].sweepers().keys():
        raise next(iter(errors.values()))  # not even the journal's can begin: there is no store
    return SweepReport(counts=counts, failures=tuple(failures), more=more)


def observe_lags(settings: KitSettings, *, of_relay: bool = False) -> Steps[None]:
    """Record how long work waits for the sweep and for the relay, if the kit records metrics.

    Args:
        settings: The kit's settings.
        of_relay: Whether it is only asked what waits for the relay.
    """
    if settings.observer is not None:
        from habitkit.health import lags  # noqa: PLC0415 - only where it is used

        yield from (lags.observe_relay if of_relay else lags.observe_sweep)(settings)


def _not_swept(name: str, error: str) -> None:
    """Log why a part of the sweep, or one of its items, failed."""
    message = "a part of the sweep failed; it is tried again by the next one"
    _logging.warn(_log, "sweep.failed", message, key=name, sweeper=name, error=error)


def sweep_items(
    find: Callable[[Transaction, int], Sequence[T]],
    handle: Callable[[Transaction, T], int | Swept],
    name: Callable[[T], str],
    limit: int,
) -> Steps[Swept]:
    """Handle what is due, each item in a transaction of its own, up to a limit.

    Items that fail or cannot be handled stay due, so more are asked for until one was handled.

    Args:
        find: ``(tx, limit) -> items``: what is due, in a stable order.
        handle: ``(tx, item) -> count``: does it; 0 if there was nothing to do. One that handles
            several things at once returns a ``Swept``, with what failed and whether there is more.
        name: The identity of an item, for the report of a failure.
        limit: How many at most.
    """
    count = asked = 0
    more = False
    failures: list[Failure] = []
    tried: set[str] = set()
    items: Sequence[T] = ()
    while not count and len(items) >= asked and asked <= _MOST_TRIED:
        asked += limit
        items = yield Call(find, (asked,), write=False)
        for item in items:
            if name(item) in tried:
                continue
            tried.add(name(item))
            try:
                handled: int | Swept = yield Call(handle, (item,))
            except (UsageError, ConfigurationError):
                raise
            except Exception as error:  # noqa: BLE001 - one item must not stop the others
                failures.append(Failure(name(item), reason(error)))
                continue
            done = handled if isinstance(handled, Swept) else Swept(handled)
            count += done.count
            failures += done.failures
            more = more or done.more
    return Swept(count, tuple(failures), more=more or len(items) >= asked)


_MOST_TRIED = 10_000


def rebuild(settings: KitSettings) -> Steps[RebuildReport]:
    """Compute all snapshots of habits from the facts, and replace those stored ones that differ.

    Each transaction is one owner's; others go on meanwhile.

    Args:
        settings: The kit's settings.

    Returns:
        How many habits were rebuilt, and which were repaired.
    """
    from habitkit.habits.rebuilding import rebuild_all  # noqa: PLC0415 - only where it is used

    return rebuild_all(settings)


def daily_check(settings: KitSettings) -> Steps[DailyReport]:
    """Check what should be seen to, once a day; nothing is written.

    It checks all that ``kit.health("deep")`` does but the host's own checks, the age of messages
    between owners, what is dead, and the sums of the ledger. Of a sample of owners, another one
    each day so that 28 days see all, it audits the accounts and computes the streaks anew. It finds
    alert rules that fail, and metrics that were dropped or folded in this process.

    Args:
        settings: The kit's settings.

    Returns:
        What was found, each with what to do about it.

    Raises:
        StoreError: If the store cannot be reached.
    """
    from habitkit.health.daily import daily_check as check  # noqa: PLC0415 - only where it is used

    return check(settings)
