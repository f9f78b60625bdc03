"""Many rows at once where a store can, and one after the other where it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits.store import HabitBatches
from habitkit.journal.store import AnswerBatches
from habitkit.streaks.store import SnapshotBatches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.habits.model import Habit
    from habitkit.habits.store import HabitStore
    from habitkit.journal.model import Answer
    from habitkit.journal.store import AnswerStore
    from habitkit.streaks.model import Snapshot
    from habitkit.streaks.store import StreakStore

__all__ = [
    "answers_of",
    "habits_of",
    "put_answers",
    "put_snapshots",
    "snapshots_of",
]


def habits_of(port: HabitStore, ids: Sequence[UUID]) -> list[Habit]:
    """Return the habits of some ids, as far as they are there."""
    if not ids:
        return []
    if isinstance(port, HabitBatches):
        return port.get_many(ids)
    return [habit for id_ in ids if (habit := port.get(id_)) is not None]


def snapshots_of(port: StreakStore, habit_ids: Sequence[UUID]) -> list[Snapshot]:
    """Return the snapshots of habits, as far as they have one."""
    if not habit_ids:
        return []
    if isinstance(port, SnapshotBatches):
        return port.get_many(habit_ids)
    return [row for id_ in habit_ids if (row := port.get(id_)) is not None]


def put_snapshots(port: StreakStore, snapshots: Sequence[Snapshot]) -> None:
    """Write snapshots over those of earlier revisions."""
    if not snapshots:
        return
    if isinstance(port, SnapshotBatches):
        port.put_many(snapshots)
    else:
        for snapshot in snapshots:
            port.put(snapshot)


def answers_of(port: AnswerStore, owner: str, operation: str, keys: Sequence[str]) -> list[Answer]:
    """Return the answers given under some keys."""
    if not keys:
        return []
    if isinstance(port, AnswerBatches):
        return port.get_many(owner, operation, keys)
    return [row for key in keys if (row := port.get(owner, operation, key)) is not None]


def put_answers(port: AnswerStore, answers: Sequence[Answer]) -> None:
    """Keep answers."""
    if not answers:
        return
    if isinstance(port, AnswerBatches):
        port.put_many(answers)
    else:
        for answer in answers:
            port.put(answer)
