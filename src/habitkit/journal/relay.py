"""The relay: deliver committed events to subscribers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit import ids
from habitkit.journal.domain.model import Failure, RelayReport
from habitkit.journal.domain.rules import CLAIM_SECONDS, reason, retry_delay
from habitkit.workflow import Call, Outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.journal.domain.model import Delivery, StoredEvent
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["run_once"]


def run_once(settings: KitSettings, limit: int = 100) -> Steps[RelayReport]:
    """Deliver up to ``limit`` waiting events to their subscribers, each at least once.

    An event counts as delivered when every subscriber of its type has returned; if one raises, the
    event is tried again later, for all of them. Several relays may run at once.

    Args:
        settings: The kit's settings, with the subscribers.
        limit: How many events at most, 1 to 1000.

    Returns:
        How many were delivered, and which failed.

    Raises:
        InvalidInput: If the limit is not acceptable.
    """
    deliveries: list[Delivery] = yield Call(_claim, (ids.limit(limit),))
    delivered: list[StoredEvent] = []
    failures: list[Failure] = []
    for delivery in deliveries:
        try:
            for subscriber in settings.subscribers:
                if delivery.event.type in subscriber.names:
                    yield Outside(subscriber.run, (delivery.event,))
        except Exception as error:  # noqa: BLE001 - a failed delivery stops no other
            failures.append(Failure(delivery.event.id, reason(error), delivery.attempt))
            yield Call(_postpone, (delivery,))
        else:
            delivered.append(delivery.event)
    if delivered:
        yield Call(_delivered, (delivered,))
    return RelayReport(delivered=len(delivered), failures=tuple(failures))


def _claim(tx: Transaction, limit: int) -> list[Delivery]:
    return tx.stores.outbox.claim(tx.now, tx.now + timedelta(seconds=CLAIM_SECONDS), limit)


def _postpone(tx: Transaction, delivery: Delivery) -> None:
    tx.stores.outbox.postpone(delivery.event, tx.now + retry_delay(delivery.attempt))


def _delivered(tx: Transaction, events: Sequence[StoredEvent]) -> None:
    tx.stores.outbox.done(events)
