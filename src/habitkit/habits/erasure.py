"""Export of an owner's habits, and erasure of the text in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.habits import lookup
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.habits.domain.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["ERASED_TITLE", "export", "forget"]

ERASED_TITLE = "(erased)"
_PAGE = 500


def export(tx: Transaction, owner: str) -> dict[str, Any]:
    """Return an owner's habits and all facts about them, including those undone."""
    habits: list[Habit] = []
    after: UUID | None = None
    store = tx.port(HABITS)
    while True:
        page = store.page(after, _PAGE, owner=owner, deleted=True)
        habits += page
        if len(page) < _PAGE:
            break
        after = page[-1].id
    return {
        "habits": habits,
        "check_ins": [fact for habit in habits for fact in store.live(habit.id)],
        "voided_check_ins": [
            {"check_in": each.check_in, "voided_at": each.voided_at}
            for habit in habits
            for each in store.voided(habit.id)
        ],
        "facts": store.facts(owner),
        "best_streaks": {str(habit.id): lookup.state_of(tx, habit).best.slots for habit in habits},
    }


def forget(tx: Transaction, owner: str) -> int:
    """Erase titles, tags and metadata of an owner's habits, and the notes of check-ins.

    Returns:
        How many habits and check-ins had text to erase.
    """
    return tx.port(HABITS).erase(owner, ERASED_TITLE)
