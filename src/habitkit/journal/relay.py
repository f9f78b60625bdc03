"""The relay: deliver committed events to subscribers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from habitkit import _logging, ids
from habitkit.journal.domain.model import Failure, RelayReport
from habitkit.journal.domain.rules import (
    CLAIM_SECONDS,
    MAX_DELIVERY_ATTEMPTS,
    NO_OUTCOME,
    reason,
    retry_delay,
)
from habitkit.maintenance import observe_lags
from habitkit.workflow import Call, Outside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from habitkit.journal.domain.model import Delivery, EventId, StoredEvent
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["run_once"]

_log = _logging.logger("relay")


def run_once(settings: KitSettings, limit: int = 100) -> Steps[RelayReport]:
    """Deliver up to ``limit`` waiting events to their subscribers, each at least once.

    An event counts as delivered when every subscriber of its type has returned; if one raises, the
    event is tried again later, for all of them: ten times within three days, then it is dead. An
    event of a type that nobody here subscribes to is left to whoever does. Several relays may run
    at once.

    Args:
        settings: The kit's settings, with the subscribers.
        limit: How many events at most, 1 to 1000.

    Returns:
        How many were delivered, which failed, and which failed for the last time.

    Raises:
        InvalidInput: If the limit is not acceptable.
    """
    limit = ids.limit(limit)
    deliveries: list[Delivery] = yield Call(_claim, (limit, settings.delivered))
    renew_at = settings.clock.now() + _HALF_A_CLAIM
    delivered: list[EventId] = []
    done = 0
    failures: list[Failure] = []
    dead: list[Failure] = []
    for number, delivery in enumerate(deliveries):
        if settings.clock.now() >= renew_at:  # what waits behind slow ones is not to count as tried
            yield Call(_renew, (delivered[done:], [each.id for each in deliveries[number:]]))
            done, renew_at = len(delivered), settings.clock.now() + _HALF_A_CLAIM
        error = _refusal(delivery)
        if error is None and delivery.event is not None:
            error = yield from _deliver(settings, delivery.event)
        if error is None:
            delivered.append(delivery.id)
            continue
        attempts = min(delivery.attempt, MAX_DELIVERY_ATTEMPTS)
        given_up = attempts == MAX_DELIVERY_ATTEMPTS
        yield Call(_bury if given_up else _postpone, (delivery.id, attempts, error))
        _not_delivered(delivery, attempts, error, given_up=given_up)
        (dead if given_up else failures).append(Failure(delivery.id.text, error, attempts))
    if delivered[done:]:
        yield Call(_renew, (delivered[done:], ()))
    report = RelayReport(len(delivered), tuple(failures), tuple(dead))
    if settings.observer is not None:
        settings.observer.relayed(report)
        yield from observe_lags(settings, of_relay=True)
    return report


_HALF_A_CLAIM = timedelta(seconds=CLAIM_SECONDS / 2)


def _not_delivered(delivery: Delivery, attempts: int, error: str, *, given_up: bool) -> None:
    """Log why an event could not be delivered, without its owner."""
    kind = None if delivery.event is None else delivery.event.type
    fields: dict[str, Any] = {"type": kind, "attempts": attempts, "error": error}
    if given_up:
        message = "an event was not delivered and is not tried again; see kit.relay.dead()"
        _logging.warn(_log, "relay.dead", message, key=str(kind), **fields)
    else:
        message = "an event was not delivered and is tried again later"
        _logging.warn(_log, "relay.failed", message, key=str(kind), **fields)


def _refusal(delivery: Delivery) -> str | None:
    """Return why a delivery cannot even be tried, or None."""
    if delivery.attempt > MAX_DELIVERY_ATTEMPTS:
        return NO_OUTCOME
    return delivery.error


def _deliver(settings: KitSettings, event: StoredEvent) -> Steps[str | None]:
    """Give an event to all its subscribers, and return why the first that failed did, or None."""
    error = None
    for subscriber in settings.subscribers:
        if event.type in subscriber.names:
            try:
                yield Outside(subscriber.run, (event,))
            except Exception as failure:  # noqa: BLE001 - one that fails keeps it from no other
                error = error or reason(failure)
    return error


def _claim(tx: Transaction, limit: int, types: Collection[str]) -> list[Delivery]:
    return tx.stores.outbox.claim(tx.now, _end_of_claim(tx), limit, types)


def _renew(tx: Transaction, delivered: Sequence[EventId], left: Iterable[EventId]) -> None:
    """Delete deliveries that are done, and renew the claim of those that are left."""
    tx.stores.outbox.done(delivered)
    for event in left:
        tx.stores.outbox.postpone(event, _end_of_claim(tx))


def _end_of_claim(tx: Transaction) -> datetime:
    return tx.now + timedelta(seconds=CLAIM_SECONDS)


def _postpone(tx: Transaction, event: EventId, attempts: int, error: str) -> None:
    tx.stores.outbox.postpone(event, tx.now + retry_delay(attempts), error)


def _bury(tx: Transaction, event: EventId, attempts: int, error: str) -> None:
    tx.stores.outbox.bury(event, tx.now, attempts, error)
