"""The daily check's part of streaks: a rehearsal of the rebuild for a sample of owners."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from habitkit.habits.rebuilding import differs
from habitkit.habits.store import HABITS
from habitkit.health.domain.daily import DailyFinding
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from habitkit.habits.domain.model import Habit
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["check_streaks"]

_PAGE = 500
_REMEDY = (
    "repair it with kit.streaks.rebuild(habit_id), and see what has changed facts or snapshots"
)


def check_streaks(
    settings: KitSettings, takes: Callable[[str], bool], visited: set[str]
) -> Steps[list[DailyFinding]]:
    """Compute the snapshots of a sample of owners, and compare them with those stored.

    Nothing is written. Each transaction is one owner's.

    Args:
        settings: The kit's settings.
        takes: Whether an owner is in the sample.
        visited: Gets the owners whose habits were checked.
    """
    if "habits" not in settings.supported:
        return []
    differing: list[UUID] = []
    after: UUID | None = None
    while True:
        page: list[Habit] = yield Call(_page, (after,), write=False)
        for owner, habits in groupby(page, key=_owner):
            if takes(owner):
                differing += yield Call(_differing, (list(habits),), write=False)
                visited.add(owner)
        if len(page) < _PAGE:
            break
        after = page[-1].id
    return [
        DailyFinding(
            "streaks.snapshot_differs",
            "error",
            f"the snapshot of habit {habit_id} is not what its facts give",
            _REMEDY,
        )
        for habit_id in differing
    ]


def _page(tx: Transaction, after: UUID | None) -> list[Habit]:
    return tx.port(HABITS).page(after, _PAGE, deleted=True)


def _owner(habit: Habit) -> str:
    return habit.owner


def _differing(tx: Transaction, habits: Sequence[Habit]) -> list[UUID]:
    return [habit.id for habit in habits if differs(tx, habit)]
