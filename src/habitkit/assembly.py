"""What a kit of either colour is given, checked and put together for its transactions."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from habitkit.clock import SystemClock
from habitkit.coins.economy import Economy
from habitkit.errors import ConfigurationError, RoomNotStored
from habitkit.events import VOCABULARY, Event, Recorded
from habitkit.reactions import default_reactions
from habitkit.streaks import late
from habitkit.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.clock import Clock
    from habitkit.reactions import Reaction, Subscriber
    from habitkit.store import AsyncStore, Store
    from habitkit.streaks.strength import Strength

__all__ = ["wire"]

_SHORTEST_KEY = 16


def wire(
    store: Store | AsyncStore,
    clock: Clock | None,
    economy: Economy | None,
    reactions: Iterable[Reaction],
    subscribers: Iterable[Subscriber],
    audit_key: bytes | None,
    strength: Strength | None,
    *,
    asynchronous: bool = False,
) -> Wiring:
    """Put together what a kit, of either colour, gives to its transactions.

    Args:
        store: Where facts are kept; it says which rooms it keeps.
        clock: As for ``HabitKit``, like the rest.
        economy: None for the default, or for none where no ledger is kept.
        reactions: Those beyond habitkit's own.
        subscribers: Who is told what after the commit.
        audit_key: The key of the ledger's block hashes, or None.
        strength: How a slot moves the strength, or None for the default.
        asynchronous: True for a kit whose calls are awaited.

    Raises:
        RoomNotStored: If there is an economy for a store that keeps no ledger.
        ConfigurationError: If the store is a URL or one for a kit of the other colour, the audit
            key too short, or the strength no function.
    """
    if isinstance(store, str):
        msg = f"expected a store, got {store!r}; to open a URL, use HabitKit.open(url)"
        raise ConfigurationError(msg)
    _expect_colour(store, asynchronous=asynchronous)
    given: object = audit_key
    if given is not None and not (isinstance(given, bytes) and len(given) >= _SHORTEST_KEY):
        msg = f"audit_key: expected at least {_SHORTEST_KEY} bytes, such as secrets.token_bytes(32)"
        raise ConfigurationError(msg)
    function: object = strength
    if function is not None and not callable(function):
        msg = f"strength: expected a function (previous, slot) -> float, got {function!r}"
        raise ConfigurationError(msg)
    if strength is not None and strength is late.smoothed:
        strength = None  # whose shorter roads are for the default
    has_coins = "coins" in store.rooms
    if economy is not None and not has_coins:
        raise RoomNotStored("coins", store.name)
    rules = Economy.default() if economy is None else economy
    own = default_reactions(rules) if has_coins else ()
    all_reactions = (*own, *reactions)
    all_subscribers = tuple(subscribers)
    known = {
        kind.__name__: kind
        for reaction in all_reactions
        for kind in reaction.types
        if kind not in {Event, Recorded}  # they stand for events without a class of their own
    }
    return Wiring(
        clock=SystemClock() if clock is None else clock,
        economy=rules,
        reactions=all_reactions,
        subscribers=all_subscribers,
        delivered=frozenset().union(*(s.names for s in all_subscribers)),
        vocabulary={**VOCABULARY, **known},
        audit_key=audit_key,
        strength=strength,
        keeps_coins=has_coins,
        keeps_habits={"habits", "streaks"} <= set(store.rooms),
    )


def _expect_colour(store: Store | AsyncStore, *, asynchronous: bool) -> None:
    """Refuse a sync store in an async kit, which would commit before it fails, and the reverse."""
    awaited = any(inspect.iscoroutinefunction(call) for call in (store.run, store.close))
    if awaited == asynchronous:
        return
    if asynchronous:
        msg = (
            f"store: expected an async store, got {store!r}, whose run and close are plain "
            "functions; wrap it: AsyncHabitKit(habitkit.backends.threaded.ThreadedStore(store))"
        )
    else:
        msg = (
            f"store: expected a sync store, got {store!r}, whose calls have to be awaited; "
            "give it to AsyncHabitKit(store)"
        )
    raise ConfigurationError(msg)
