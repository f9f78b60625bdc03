"""Reactions and subscribers; the only file in which modules meet.

A reaction runs inside the transaction of the action that caused the event and under the lock of the
event's owner; it never locks a second owner (``tx.send`` leaves a message for one). A subscriber
runs after the commit, outside of any transaction, when the relay delivers the event to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit.errors import InvalidEvent
from habitkit.events import Event, Recorded, Retracted
from habitkit.modules import vocabulary
from habitkit.workflow import is_coroutine_function

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.journal.domain.model import StoredEvent
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction

__all__ = ["Reaction", "Subscriber", "default_reactions", "on", "subscribe"]


@frozen
class Reaction:
    """A function that acts on events inside the transaction that caused them.

    Attributes:
        types: The classes of events it acts on, subclasses included.
        run: ``(tx, owner, events) -> None``; always gets a batch.
    """

    types: tuple[type[Event], ...]
    run: Callable[[Transaction, str, Sequence[Any]], object]


@frozen
class Subscriber:
    """A function that gets events after they are committed, at least once each.

    Attributes:
        names: The types of events, by name.
        run: ``(stored_event) -> None``; in an async kit it may be a coroutine function.
    """

    names: frozenset[str]
    run: Callable[[StoredEvent], Any]


def on(
    *types_and_run: Any,
) -> Reaction:
    """Make a reaction: ``on(HabitCompleted, StreakReached, my_reaction)``.

    Args:
        types_and_run: One or more subclasses of ``Event``, then the function
            ``(tx, owner, events) -> None``.

    Raises:
        TypeError: If the last argument cannot be called or is a coroutine function, or another is
            no class of events.
        InvalidEvent: If a class of your own has the name of a habitkit event.
    """
    *types, run = types_and_run or (None,)
    if not types or not all(isinstance(t, type) and issubclass(t, Event) for t in types):
        msg = f"expected on(EventClass, ..., function), got on{types_and_run!r}"
        raise TypeError(msg)
    for kind in types:
        _expect_own_name(kind)
    if not callable(run) or isinstance(run, type):
        msg = f"expected a function (tx, owner, events) last, got {run!r}"
        raise TypeError(msg)
    if is_coroutine_function(run):
        msg = (
            f"expected a plain function (tx, owner, events) last, got {run!r}: a reaction runs "
            "inside the transaction and is not awaited; in an async kit, use subscribe(...) for a "
            "coroutine function"
        )
        raise TypeError(msg)
    return Reaction(tuple(types), run)


def subscribe(*types_and_run: Any) -> Subscriber:
    """Make a subscriber: ``subscribe(HabitCompleted, "book.read", tell_my_webhook)``.

    Args:
        types_and_run: One or more subclasses of ``Event`` or type names, then the function
            ``(stored_event) -> None``.

    Raises:
        TypeError: If the last argument cannot be called or another is neither class nor name.
        InvalidEvent: If a class of your own has the name of a habitkit event.
    """
    *types, run = types_and_run or (None,)
    names = {t if isinstance(t, str) else _name(t) for t in types}
    if not names or None in names or not callable(run) or isinstance(run, type):
        msg = f"expected subscribe(EventClass | 'type', ..., function), got {types_and_run!r}"
        raise TypeError(msg)
    return Subscriber(frozenset(str(name) for name in names), run)


def _name(kind: object) -> str | None:
    """Return the name of a class of events, or None if it is not one."""
    if kind is Recorded:
        msg = "expected the type under which events are recorded, such as 'book.read', got Recorded"
        raise TypeError(msg)
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        return None
    _expect_own_name(kind)
    return kind.__name__


def _expect_own_name(kind: type[Event]) -> None:
    """Refuse a host's class with the name of a habitkit event: the journal stores the name only."""
    if vocabulary().get(kind.__name__, kind) is not kind:
        raise InvalidEvent(
            "event class",
            given=kind,
            expected=f"a class name other than {kind.__name__}, the name of a habitkit event",
        )


def default_reactions(settings: KitSettings) -> tuple[Reaction, ...]:
    """Return the built-in reactions, in this order.

    ==================================  ==================================================
    events                              what a reaction does, and what it emits
    ==================================  ==================================================
    any that a reward rule is on        pays the reward, or takes it back:
                                        ``CoinsPosted``, ``BadgeUnlocked``, ``ItemGranted``
    any that a quest counts,            moves quests on, and gives what they give:
    and ``QuestCompleted``              ``QuestCompleted``, and as above
    ``HabitChanged``                    evaluates quests that read streaks, as above
    ``CoinsPosted``, ``HoldClosed``     reaches levels: ``LevelReached``
    ==================================  ==================================================

    What is no longer true is ``Retracted``. Each event goes through all of them before the next
    reaction is called; rules that would cause each other without end are refused where they are
    defined, and what the host's reactions cause ends after 16 rounds with ``ReactionLoop``.
    """
    if "quests" in (module.name for module in settings.modules):
        return _with_quests()
    if "coins" in settings.supported:
        return _coins_alone(settings)
    return ()


def _with_quests() -> tuple[Reaction, ...]:
    """Return the reactions of a kit whose store keeps reward rules and quests."""
    from habitkit.coins.events import CoinsPosted, HoldClosed  # noqa: PLC0415 - only where there is a kit
    from habitkit.habits.events import HabitChanged  # noqa: PLC0415
    from habitkit.quests.advancing import advance, follow_streaks  # noqa: PLC0415
    from habitkit.quests.leveling import reach_levels  # noqa: PLC0415
    from habitkit.quests.rewards import reconcile  # noqa: PLC0415

    return (
        on(Event, reconcile),
        on(Event, advance),
        on(HabitChanged, follow_streaks),
        on(CoinsPosted, HoldClosed, reach_levels),
    )


def _coins_alone(settings: KitSettings) -> tuple[Reaction, ...]:
    """Return the reactions of a kit whose store keeps coins and no quests."""
    from habitkit.coins.rewards import reconcile  # noqa: PLC0415 - only where there is a kit
    from habitkit.coins.settings import CoinSettings  # noqa: PLC0415

    rewarded = settings.of(CoinSettings).economy.rewarded
    return (on(*rewarded, Retracted, reconcile),) if rewarded else ()
