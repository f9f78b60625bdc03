"""What a kit is given, checked, and what it gives to each of its transactions."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from habitkit import ids
from habitkit.clock import Clock, SystemClock
from habitkit.coins.domain.economy import Economy
from habitkit.errors import ConfigurationError, NotSupportedByStore
from habitkit.events import VOCABULARY, Event, Recorded
from habitkit.habits.domain.strength import smoothed
from habitkit.reactions import Reaction, Subscriber, default_reactions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from habitkit.habits.domain.strength import Strength
    from habitkit.store import AsyncStore, Store

__all__ = ["KitSettings", "make_settings"]

R = TypeVar("R")


@frozen
class KitSettings:
    """What a kit gives to each of its transactions.

    Attributes:
        clock: Gives ``tx.now``.
        new_id: Makes an id of an instant.
        economy: What facts entitle to, and the declared currencies.
        reactions: Who reacts to what, in order.
        subscribers: Who gets which events after the commit, by the relay.
        delivered: The types of events for which deliveries are kept.
        vocabulary: The known classes of events by name.
        audit_key: Makes the ledger's block hashes ones that cannot be made anew without it.
        strength: How a slot moves the strength of a habit; None for the default.
        supported: The names of the modules and optional ports that the store supports.
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
    supported: frozenset[str] = frozenset()
    keeps_coins: bool = True
    keeps_habits: bool = True


_SHORTEST_KEY = 16


def make_settings(
    store: Store | AsyncStore,
    clock: Clock | None,
    economy: Economy | None,
    reactions: Iterable[Reaction],
    subscribers: Iterable[Subscriber],
    audit_key: bytes | None,
    strength: Strength | None,
    *,
    asynchronous: bool = False,
) -> KitSettings:
    """Put together what a kit, of either mode, gives to its transactions.

    Args:
        store: Where facts are kept; it says which modules it supports.
        clock: As for ``HabitKit``, like the rest.
        economy: None for the default, or for none where no ledger is kept.
        reactions: Those beyond habitkit's own.
        subscribers: Who gets which events after the commit.
        audit_key: The key of the ledger's block hashes, or None.
        strength: How a slot moves the strength, or None for the default.
        asynchronous: True for a kit whose calls are awaited.

    Raises:
        NotSupportedByStore: If there is an economy for a store that keeps no ledger.
        ConfigurationError: If an argument is not what is expected: the store a URL or one for a
            kit of the other mode, say, or the audit key too short.
    """
    _expect_store(store)
    _expect_mode(store, asynchronous=asynchronous)
    _expect_rest(clock, economy, audit_key, strength)
    host_reactions = _all_of(Reaction, reactions, "reactions", "on(HabitCompleted, function)")
    all_subscribers = _all_of(
        Subscriber, subscribers, "subscribers", "subscribe(HabitCompleted, function)"
    )
    if strength is not None and strength is smoothed:
        strength = None  # whose shorter paths are for the default
    has_coins = "coins" in store.modules
    if economy is not None and not has_coins:
        raise NotSupportedByStore("coins", store.name)
    rules = Economy.default() if economy is None else economy
    own = default_reactions(rules) if has_coins else ()
    all_reactions = (*own, *host_reactions)
    own_classes = {
        kind.__name__: kind
        for reaction in all_reactions
        for kind in reaction.types
        if kind not in {Event, Recorded}  # they stand for events without a class of their own
    }
    return KitSettings(
        clock=SystemClock() if clock is None else clock,
        economy=rules,
        reactions=all_reactions,
        subscribers=all_subscribers,
        delivered=frozenset().union(*(s.names for s in all_subscribers)),
        vocabulary={**VOCABULARY, **own_classes},
        audit_key=audit_key,
        strength=strength,
        supported=frozenset(store.modules),
        keeps_coins=has_coins,
        keeps_habits="habits" in store.modules,
    )


def _expect_store(store: object) -> None:
    """Refuse what is no store."""
    if isinstance(store, str):
        msg = f"expected a store, got {store!r}; to open a URL, use HabitKit.open(url)"
        raise ConfigurationError(msg)
    parts = ("name", "modules", "run", "close")
    if isinstance(store, type) or not all(hasattr(store, part) for part in parts):
        msg = f"store: expected a store such as MemoryStore() or SqlStore(engine), got {store!r}"
        raise ConfigurationError(msg)


def _expect_rest(clock: object, economy: object, audit_key: object, strength: object) -> None:
    """Refuse what cannot be what it is given as; None stands for the default."""
    msg = None
    if clock is not None and not callable(getattr(clock, "now", None)):
        msg = f"clock: expected an object with a method now, such as SystemClock(), got {clock!r}"
    elif economy is not None and not isinstance(economy, Economy):
        msg = f"economy: expected an Economy, such as Economy.default(), got {economy!r}"
    elif audit_key is not None and not (
        isinstance(audit_key, bytes) and len(audit_key) >= _SHORTEST_KEY
    ):
        msg = f"audit_key: expected at least {_SHORTEST_KEY} bytes, such as secrets.token_bytes(32)"
    elif strength is not None and not callable(strength):
        msg = f"strength: expected a function (previous, slot) -> float, got {strength!r}"
    if msg is not None:
        raise ConfigurationError(msg)


def _all_of(kind: type[R], values: object, name: str, example: str) -> tuple[R, ...]:
    """Return values as a tuple, all of one kind, which is a tuple itself."""
    if isinstance(values, Iterable) and not isinstance(values, kind):
        values = tuple(values)
        of_kind = tuple(one for one in values if isinstance(one, kind))
        if len(of_kind) == len(values):
            return of_kind
    msg = f"{name}: expected a list such as [{example}], got {values!r}"
    raise ConfigurationError(msg)


def _expect_mode(store: Store | AsyncStore, *, asynchronous: bool) -> None:
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
