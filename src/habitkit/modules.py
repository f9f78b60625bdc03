"""The list of all modules, and the options of a kit, most of which are settings of modules."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from habitkit.alerts.settings import AlertSettings
    from habitkit.clock import Clock
    from habitkit.coins.settings import CoinSettings
    from habitkit.events import Event
    from habitkit.experiments.settings import ExperimentSettings
    from habitkit.flags.settings import FlagSettings
    from habitkit.habits.settings import HabitSettings
    from habitkit.health.settings import HealthSettings
    from habitkit.module import Module
    from habitkit.quests.settings import QuestSettings
    from habitkit.reactions import Reaction, Subscriber

__all__ = ["NAMES", "KitOptions", "all_modules", "own_events", "vocabulary"]

_TRANSACTIONAL = ("journal", "habits", "quests", "coins", "flags", "experiments")
NAMES = (*_TRANSACTIONAL, "metrics", "alerts", "health")
"""The modules, in the order in which a sweep visits them."""


class KitOptions(TypedDict, total=False):
    """The options of both kits; what is left out has its default.

    Attributes:
        clock: Gives the time; the machine's clock by default.
        reactions: Who else reacts to what, after habitkit's own reactions, in this order.
        subscribers: Who gets which events after the commit, by ``kit.relay``.
        habits: How habits are computed.
        coins: What facts entitle to, and the key of the audit.
        quests: The host's own kinds of objectives.
        flags: Where flags come from, and how often they are refreshed.
        experiments: How exposures are stored.
        alerts: Groups of rules on metrics, and who is notified.
        health: The host's own checks, and from when on delays are warned of.
    """

    clock: Clock | None
    reactions: Iterable[Reaction]
    subscribers: Iterable[Subscriber]
    habits: HabitSettings | None
    coins: CoinSettings | None
    quests: QuestSettings | None
    flags: FlagSettings | None
    experiments: ExperimentSettings | None
    alerts: AlertSettings | None
    health: HealthSettings | None


@cache
def all_modules() -> tuple[Module, ...]:
    """Return the description of every module, in the order of the sweep."""
    return tuple(import_module(f"habitkit.{name}.module").MODULE for name in NAMES)


@cache
def vocabulary() -> Mapping[str, type[Event]]:
    """Return the classes of events of habitkit's own, by name."""
    return MappingProxyType({kind.__name__: kind for it in all_modules() for kind in it.events})


@cache
def own_events() -> frozenset[type[Event]]:
    """Return the same classes."""
    return frozenset(vocabulary().values())
