"""What a kit gives to each of its transactions, and how one begins and ends."""

from __future__ import annotations

from contextvars import ContextVar
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import field, frozen

from habitkit import ids
from habitkit.clock import Clock, SystemClock
from habitkit.coins.domain.economy import Economy
from habitkit.errors import NestedTransaction, UsageError
from habitkit.events import VOCABULARY
from habitkit.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from habitkit.events import Event
    from habitkit.habits.domain.strength import Strength
    from habitkit.reactions import Reaction, Subscriber
    from habitkit.store import Stores

__all__ = ["KitSettings", "begin", "refuse_nesting"]

R = TypeVar("R")

_NOT_SYNC = (
    "the work of a transaction returned a coroutine, so everything was rolled back; expected a "
    "plain function that calls actions with its transaction, and neither awaits nor calls a kit"
)

_inside: ContextVar[bool] = ContextVar("habitkit_inside_transaction", default=False)


@frozen
class KitSettings:
    """What a kit gives to each of its transactions.

    Attributes:
        clock: Tells ``tx.now``.
        new_id: Makes an id of an instant.
        economy: What facts entitle to, and the declared currencies.
        reactions: Who reacts to what, in order.
        subscribers: Who gets which events after the commit, by the relay.
        delivered: The types of events for which deliveries are kept.
        vocabulary: The known classes of events by name.
        audit_key: Makes the ledger's block hashes ones that cannot be made anew without it.
        strength: How a slot moves the strength of a habit; None for the default.
        keeps_coins: True if the store keeps a ledger.
        keeps_habits: True if the store keeps habits and streaks.
    """

    clock: Clock = field(factory=SystemClock)
    new_id: Callable[[datetime], UUID] = ids.time_ordered_id
    economy: Economy = field(factory=Economy.default)
    reactions: tuple[Reaction, ...] = ()
    subscribers: tuple[Subscriber, ...] = ()
    delivered: frozenset[str] = frozenset()
    vocabulary: Mapping[str, type[Event]] = VOCABULARY
    audit_key: bytes | None = field(default=None, repr=False)
    strength: Strength | None = None
    keeps_coins: bool = True
    keeps_habits: bool = True


def begin(
    settings: KitSettings,
    scope: str | None,
    function: Callable[..., R],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    write: bool,  # noqa: FBT001 - hot path
    wanted: set[str],
    stores: Stores,
) -> R:
    """Call ``function(tx, ...)`` in a transaction on open stores and write its events.

    While it runs, calling any kit in the same context is refused. The stores come last: the rest
    makes the work that is given to a store. A store that calls it again after a deadlock finds the
    owners whose locks were ``wanted`` locked first, in order, so that the same does not come again.

    Raises:
        UsageError: If the function returns a coroutine: nobody would await it inside the
            transaction.
    """
    token = _inside.set(True)
    try:
        transaction = Transaction(stores, settings, scope, write, wanted)
        if wanted:
            transaction.lock(*wanted)
        result = function(transaction, *args, **kwargs)
        if isinstance(result, CoroutineType):
            result.close()
            raise UsageError(_NOT_SYNC)
        transaction.finish()
    finally:
        _inside.reset(token)
    return result


def refuse_nesting() -> None:
    """Refuse to begin a transaction inside another one.

    Raises:
        NestedTransaction: If a transaction of a kit is running in this context.
    """
    if _inside.get():
        raise NestedTransaction
