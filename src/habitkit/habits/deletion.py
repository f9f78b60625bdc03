"""Deleting a habit: its words go, and what it has earned stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.habits.archiving import archive
from habitkit.habits.erasure import ERASED_TITLE
from habitkit.habits.events import HabitCreated
from habitkit.habits.lookup import get, lock_habit
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.habits.domain.model import Changed
    from habitkit.transaction import Transaction

__all__ = ["delete"]


def delete(tx: Transaction, habit_id: UUID | str) -> Changed:
    """Delete a habit for good: no list, search or call finds it any more.

    It is archived first, so what was due until now is settled as usual. Title, tags, metadata and
    the notes of its check-ins are erased. Its days stay as facts without words, and so do its coins
    and what other parts of the app count of it. Results that are kept for idempotency keys still
    contain its title until they expire; ``kit.forget`` erases those too.

    Args:
        tx: The transaction.
        habit_id: The habit.

    Returns:
        The coins that moved and all events, as for ``archive``.

    Raises:
        NotFound: If there is no such habit, or it was deleted already.
    """
    lock_habit(tx, habit_id)
    archived = archive(tx, habit_id)
    habit = get(tx, habit_id)
    tx.write_events()  # so that the title in an event of this transaction goes, too
    tx.port(HABITS).erase_notes(habit.id)
    words = {HabitCreated.__name__: HabitCreated.words}
    tx.stores.events.erase(habit.owner, words, {"habit_id": str(habit.id)})
    tx.port(HABITS).put(
        evolve(habit, title=ERASED_TITLE, tags=(), metadata=None, position=None, deleted_at=tx.now)
    )
    return archived
