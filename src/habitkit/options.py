"""The options of a kit, their validation, and the settings that its transactions use."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, field, frozen

from habitkit import ids
from habitkit.clock import Clock, SystemClock
from habitkit.errors import ConfigurationError, NotSupportedByStore
from habitkit.events import Event, Recorded
from habitkit.kit_metrics import KitMetrics
from habitkit.modules import all_modules, vocabulary
from habitkit.reactions import Reaction, Subscriber, default_reactions
from habitkit.residents import Residents

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from habitkit.metrics.base import BaseMetrics
    from habitkit.metrics.observing import Observer
    from habitkit.module import Module
    from habitkit.modules import KitOptions
    from habitkit.store import AsyncStore, Store

__all__ = ["KitSettings", "expect_resident", "make_settings"]

R = TypeVar("R")


_FRAME = ("clock", "reactions", "subscribers")


@frozen(slots=False)  # cached properties need a __dict__
class KitSettings:
    """The settings of a kit that its transactions use.

    Attributes:
        clock: Gives ``tx.now``.
        new_id: Makes an id of an instant.
        reactions: Who reacts to what, in order.
        subscribers: Who gets which events after the commit, by the relay.
        delivered: The types of events for which deliveries are kept.
        own_events: The host's classes of events by name, as far as its reactions name them.
        of_modules: The settings of modules, by their class; one that is missing has its default.
        supported: The names of the modules and optional ports that the store supports.
        kit_metrics: The kit's metrics, made when they are first used.
    """

    clock: Clock = field(factory=SystemClock)
    new_id: Callable[[datetime], UUID] = ids.time_ordered_id
    reactions: tuple[Reaction, ...] = ()
    subscribers: tuple[Subscriber, ...] = ()
    delivered: frozenset[str] = frozenset()
    own_events: Mapping[str, type[Event]] = field(factory=dict)
    of_modules: dict[type[Any], Any] = field(factory=dict, repr=False)
    supported: frozenset[str] = frozenset()
    kit_metrics: KitMetrics = field(factory=KitMetrics, repr=False)

    @property
    def metrics(self) -> BaseMetrics | None:
        """The kit's metrics; None if it has none, or they are not used yet."""
        return self.kit_metrics.made

    @property
    def observer(self) -> Observer | None:
        """Records the kit's own metrics; None if it records none."""
        return self.kit_metrics.observer

    def of(self, kind: type[R]) -> R:
        """Return the settings of a module by their class."""
        found = self.of_modules.get(kind)
        if found is None:
            found = self.of_modules[kind] = kind()
        return found

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """The modules that the store supports, in the order of the sweep."""
        return tuple(it for it in all_modules() if it.supported_by(self.supported))

    @cached_property
    def residents(self) -> Residents:
        """The resident objects."""
        return Residents(self)

    @cached_property
    def vocabulary(self) -> Mapping[str, type[Event]]:
        """The known classes of events by name."""
        return {**vocabulary(), **self.own_events}

    @cached_property
    def messages(self) -> Mapping[str, type[Event]]:
        """The classes of events that messages may hold, by name."""
        return {**self.vocabulary, **{kind.__name__: kind for kind in (Event, Recorded)}}


def make_settings(
    store: Store | AsyncStore,
    options: KitOptions,
    *,
    asynchronous: bool = False,
    kit_metrics: KitMetrics | None = None,
) -> KitSettings:
    """Validate the options of a kit and return its settings.

    Args:
        store: Where facts are kept; it declares which modules it supports.
        options: What the host gave.
        asynchronous: True for a kit whose calls are awaited.
        kit_metrics: The kit's metrics.

    Raises:
        TypeError: If there is no option of a name.
        NotSupportedByStore: If there are settings for a module that the store does not support.
        ConfigurationError: If an option is not what is expected: the store a URL or one for a
            kit of the other mode, say.
    """
    _expect_store(store, asynchronous=asynchronous)
    _expect_mode(store, asynchronous=asynchronous)
    of_modules = _settings_of_modules(store, options)
    clock: object = options.get("clock")
    if clock is not None and not callable(getattr(clock, "now", None)):
        msg = f"clock: expected an object with a method now, such as SystemClock(), got {clock!r}"
        raise ConfigurationError(msg)
    host_reactions = _all_of(
        Reaction, options.get("reactions", ()), "reactions", "on(HabitCompleted, function)"
    )
    subscribers = _all_of(
        Subscriber,
        options.get("subscribers", ()),
        "subscribers",
        "subscribe(HabitCompleted, function)",
    )
    supported = frozenset(store.modules)
    settings = KitSettings(
        clock=options.get("clock") or SystemClock(),
        subscribers=subscribers,
        delivered=frozenset().union(*(s.names for s in subscribers)),
        of_modules=of_modules,
        supported=supported,
        kit_metrics=KitMetrics() if kit_metrics is None else kit_metrics,
    )
    not_own = {Event, Recorded, *vocabulary().values()}  # two for events without a class
    kinds = {kind for reaction in host_reactions for kind in reaction.types} - not_own
    return evolve(
        settings,
        reactions=(*default_reactions(settings), *host_reactions),
        own_events={kind.__name__: kind for kind in kinds},
    )


def _settings_of_modules(store: Store | AsyncStore, options: KitOptions) -> dict[type[Any], Any]:
    """Return the settings that were given for modules, by their class."""
    taken = {it.name: it for it in all_modules() if it.settings is not None}
    found: dict[type[Any], Any] = {}
    for name, value in options.items():
        if name in _FRAME:
            continue
        if name not in taken:
            expected = ", ".join(sorted({*_FRAME, *taken, "limits", "metrics"}))
            msg = f"unknown option {name!r}; expected one of {expected}"
            raise TypeError(msg)
        kind = taken[name].settings
        if value is None or kind is None:
            continue
        if not isinstance(value, kind):
            msg = f"{name}: expected a {kind.__name__}, such as {kind.__name__}(), got {value!r}"
            raise ConfigurationError(msg)
        if not taken[name].supported_by(frozenset(store.modules)):
            raise NotSupportedByStore(name, store.name)
        found[kind] = value
    return found


def _expect_store(store: object, *, asynchronous: bool) -> None:
    """Refuse an object that is not a store."""
    if isinstance(store, str):
        call = "await AsyncHabitKit.open(url)" if asynchronous else "HabitKit.open(url)"
        msg = f"expected a store, got {store!r}; to open a URL, use {call}"
        raise ConfigurationError(msg)
    parts = ("name", "modules", "run", "close")
    if isinstance(store, type) or not all(hasattr(store, part) for part in parts):
        msg = f"store: expected a store such as MemoryStore() or SqlStore(engine), got {store!r}"
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


def expect_resident(what: str, given: object, name: str, example: str) -> None:
    """Refuse what is no limiter or cache of a kit of this mode; None stands for the default.

    Args:
        what: The option, which is also the name of the module.
        given: What was given for it.
        name: The name of the class.
        example: How to make one.

    Raises:
        ConfigurationError: If it is not.
    """
    if given is None:
        return
    if not isinstance(given, getattr(import_module(f"habitkit.{what}"), name)):
        hint = f"; to open a URL, use open(url, {what}=url)" if isinstance(given, str) else ""
        if hasattr(given, "supports_exact") or hasattr(given, "end_lease"):
            hint = f"; put the backend into one: {name}(backend)"
        word = name.removeprefix("Async").lower()
        msg = f"{what}: expected a {word} such as {example}, got {given!r}{hint}"
        raise ConfigurationError(msg)
