"""The reaction that moves quests on by what has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import ReactionLoop
from habitkit.events import Retracted
from habitkit.quests.catalogs import catalog_of
from habitkit.quests.events import QuestCompleted
from habitkit.quests.journal_events import emitted, still_emitted
from habitkit.quests.run_progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.events import Event
    from habitkit.habits.events import HabitChanged
    from habitkit.transaction import Transaction

__all__ = ["advance", "follow_streaks"]

_WAITING = "quests.waiting"
_MOST_ROUNDS = 1000


def advance(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    """Move the quests of an owner on by what has happened: a reaction.

    Quests that complete each other, as the steps of a ladder do, are completed one after the other
    and not inside of each other, so that a long ladder is no loop of reactions.

    Raises:
        ReactionLoop: If they cause each other without end.
    """
    if not catalog_of(tx).quests:
        return
    waiting: list[tuple[str, Sequence[Event]]] | None = tx.cache.get(_WAITING)
    if waiting is not None:
        waiting.append((owner, events))
        return
    waiting = tx.cache[_WAITING] = [(owner, events)]
    try:
        for round_, (of_owner, batch) in enumerate(waiting):  # it grows meanwhile
            if round_ >= _MOST_ROUNDS:
                raise ReactionLoop([event.type for event in batch])
            tx.cache[_WAITING] = waiting  # which a savepoint may have emptied
            _advance(tx, of_owner, still_emitted(tx, batch) if round_ else batch)
    finally:
        tx.cache.pop(_WAITING, None)


def _advance(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
    catalog = catalog_of(tx)
    progress = Progress(tx, owner, catalog)
    counted = emitted(tx, events, catalog.quests_on)
    if counted:
        progress.count(counted)
    completed = {_quest_of(event) for event in events if _is_completion(event)}
    while True:
        if not completed.isdisjoint(catalog.dependents):
            progress.recount_dependents(completed)
        progress.finish()
        completed = progress.moved
        if completed.isdisjoint(catalog.dependents):
            return
        progress = Progress(tx, owner, catalog)


def _is_completion(event: Event) -> bool:
    name = QuestCompleted.__name__
    return event.type == name or (isinstance(event, Retracted) and event.of == name)


def _quest_of(event: Event) -> str:
    return str(event.key).split(":")[1]


def follow_streaks(tx: Transaction, owner: str, events: Sequence[HabitChanged]) -> None:  # noqa: ARG001
    """Evaluate the quests that read streaks, as something of a habit was changed: a reaction."""
    catalog = catalog_of(tx)
    if not catalog.streak_quests:
        return
    progress = Progress(tx, owner, catalog)
    for attempt in progress.attempts.all_of(catalog.streak_quests):
        if not attempt.is_closed:
            progress.touch(attempt)
    progress.finish()
